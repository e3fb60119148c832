// A reporter of vitest's that writes counts for scripts/test-counts.mjs into the file that COUNTS names. A test that fails is named,
// with the first line of what it says. A file whose process dies has tests that never ended, or none at all: it is counted by its name.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

const firstLine = (errors = []) => String(errors[0]?.message ?? 'no message').split('\n', 1)[0];

export default class CountReporter {
  #started = [];

  onTestRunStart(specifications) {
    this.#started = specifications.map(({ moduleId }) => moduleId);
  }

  onTestRunEnd(modules) {
    const counts = { passed: 0, failed: 0, skipped: 0, failures: [], broken: [] };
    const seen = new Map(modules.map((module) => [module.moduleId, module]));
    for (const id of this.#started) {
      const file = relative(process.cwd(), id);
      const tests = [...(seen.get(id)?.children.allTests() ?? [])].map((test) => ({ test, ...test.result() }));
      const count = (state) => tests.filter((each) => each.state === state).length;
      for (const { test, state, errors } of tests)
        if (state === 'failed') counts.failures.push(`${file} > ${test.fullName}: ${firstLine(errors)}`);
      counts.passed += count('passed');
      counts.failed += count('failed');
      counts.skipped += count('skipped');
      const state = seen.get(id)?.state();
      const hasEnded = (state === 'passed' || state === 'skipped') && count('pending') === 0;
      if (!hasEnded && (state !== 'failed' || count('failed') === 0)) counts.broken.push(file);
    }
    writeFileSync(process.env.COUNTS, JSON.stringify(counts));
  }
}
