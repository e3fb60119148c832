// A reporter of vitest's for a run that may be cut short, as by `timeout`, of which vitest then says nothing: a test that fails is
// told at once, and a run that is cut says how far it came.
import { relative } from 'node:path';

const nameOf = ({ moduleId }) => relative(process.cwd(), moduleId);

function tell(name, errors) {
  for (const { message, stacks } of errors) {
    const place = stacks?.[0] ? ` (${nameOf({ moduleId: stacks[0].file })}:${stacks[0].line})` : '';
    console.error(`FAILED ${name}: ${message}${place}`);
  }
}

export default class FailureReporter {
  #left = new Set();
  #counts = { passed: 0, failed: 0, skipped: 0 };

  onTestRunStart(specifications) {
    this.#left = new Set(specifications.map(nameOf));
    process.once('exit', this.#tellCut);
  }

  onTestCaseResult(test) {
    const { state, errors = [] } = test.result();
    this.#counts[state]++;
    tell(`${nameOf(test.module)} > ${test.fullName}`, errors);
  }

  onTestModuleEnd(module) {
    this.#left.delete(nameOf(module));
    tell(nameOf(module), module.errors());
  }

  onTestRunEnd() {
    process.off('exit', this.#tellCut);
  }

  #tellCut = () => {
    const { passed, failed, skipped } = this.#counts;
    console.error(`The run was cut short: ${passed} passed, ${failed} failed, ${skipped} skipped. Not at their end:`);
    for (const name of this.#left) console.error(`  ${name}`);
  };
}
