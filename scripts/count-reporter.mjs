// A reporter of vitest's that writes counts for scripts/test-counts.mjs into the file that COUNTS names. A file whose process dies
// has tests that never ended, or none at all: it is counted by its name.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

export default class CountReporter {
  #started = [];

  onTestRunStart(specifications) {
    this.#started = specifications.map(({ moduleId }) => moduleId);
  }

  onTestRunEnd(modules) {
    const counts = { passed: 0, failed: 0, skipped: 0, broken: [] };
    const seen = new Map(modules.map((module) => [module.moduleId, module]));
    for (const id of this.#started) {
      const states = [...(seen.get(id)?.children.allTests() ?? [])].map((test) => test.result().state);
      const count = (state) => states.filter((each) => each === state).length;
      counts.passed += count('passed');
      counts.failed += count('failed');
      counts.skipped += count('skipped');
      const state = seen.get(id)?.state();
      const hasEnded = (state === 'passed' || state === 'skipped') && count('pending') === 0;
      if (!hasEnded && (state !== 'failed' || count('failed') === 0)) counts.broken.push(relative(process.cwd(), id));
    }
    writeFileSync(process.env.COUNTS, JSON.stringify(counts));
  }
}
