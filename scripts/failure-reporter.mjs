// A reporter of vitest's for a run that may be cut short, as by `timeout`, of which vitest then says nothing: a test that fails is
// told at once, and a run that is cut says how far it came.
import { relative } from 'node:path';

const nameOf = ({ moduleId }) => relative(process.cwd(), moduleId);

function tell(name, errors) {
  for (const { message, stacks, diff = '' } of errors) {
    const place = stacks?.[0] ? ` (${nameOf({ moduleId: stacks[0].file })}:${stacks[0].line})` : '';
    console.error(`FAILED ${name}: ${message}${place}`);
    if (diff) console.error(diff.split('\n', 20).join('\n'));
  }
}

export default class FailureReporter {
  #left = new Set();
  #failed = [];
  #counts = { passed: 0, failed: 0, skipped: 0 };

  onTestRunStart(specifications) {
    this.#left = new Set(specifications.map(nameOf));
    process.on('SIGTERM', this.#tellCut); // `timeout` sends two, of which the second would end the process in the midst of this
  }

  onTestCaseResult(test) {
    const { state, errors = [] } = test.result();
    this.#counts[state]++;
    if (state === 'failed') this.#note(`${nameOf(test.module)} > ${test.fullName}`, errors);
  }

  onTestModuleEnd(module) {
    this.#left.delete(nameOf(module));
    if (module.errors().length > 0) this.#note(nameOf(module), module.errors());
  }

  onTestRunEnd() {
    process.off('SIGTERM', this.#tellCut);
  }

  #note(name, errors) {
    this.#failed.push(name);
    tell(name, errors);
  }

  #tellCut = () => {
    const { passed, failed, skipped } = this.#counts;
    const lines = [`The run was cut short: ${passed} passed, ${failed} failed, ${skipped} skipped.`];
    for (const name of this.#failed) lines.push(`failed: ${name}`);
    for (const name of this.#left) lines.push(`not at its end: ${name}`);
    console.error(lines.join('\n'));
  };
}
