import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importScript, scriptPath } from './scripts.ts';

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
  readonly broken: readonly string[];
}
const { countTests } = await importScript<{
  countTests(runs: readonly { status: number; counts?: Counts | undefined; title?: string }[]): {
    lines: string[];
    exitCode: number;
  };
}>('test-counts.mjs');

const none: Counts = { passed: 0, failed: 0, skipped: 0, failures: [], broken: [] };

describe('the last lines of npm test', () => {
  it('count what passed and failed', () => {
    expect(countTests([{ counts: { ...none, passed: 12 }, status: 0 }])).toEqual({
      lines: ['12 passed, 0 failed'],
      exitCode: 0,
    });
    const failures = ['test/a.test.ts > adds up: expected 3 to be 4'];
    expect(countTests([{ counts: { ...none, passed: 11, failed: 1, failures }, status: 1 }])).toEqual({
      lines: ['failed: test/a.test.ts > adds up: expected 3 to be 4', '11 passed, 1 failed'],
      exitCode: 1,
    });
  });

  it('mention skipped tests only when there are some', () => {
    expect(countTests([{ counts: { ...none, passed: 3, skipped: 2 }, status: 0 }]).lines).toEqual([
      '3 passed, 0 failed, 2 skipped',
    ]);
  });

  it('name the files that failed as a whole, and add up several runs', () => {
    const first = { counts: { ...none, passed: 5, failed: 1, broken: ['test/a.test.ts'] }, status: 1 };
    const second = { counts: { ...none, passed: 2, broken: ['test/b.test.ts'] }, status: 1, title: 'AVX2' };
    expect(countTests([first, second])).toEqual({
      lines: ['failed as a whole: test/a.test.ts', 'failed as a whole (AVX2): test/b.test.ts', '7 passed, 3 failed'],
      exitCode: 1,
    });
  });

  it('fail when nothing ran, when nothing was counted, and when vitest failed for another reason', () => {
    expect(countTests([{ counts: none, status: 0 }])).toEqual({ lines: ['0 passed, 0 failed'], exitCode: 1 });
    expect(countTests([{ status: 134 }])).toEqual({
      lines: ['vitest ended with status 134', '0 passed, 1 failed'],
      exitCode: 1,
    });
    expect(countTests([{ counts: { ...none, passed: 5 }, status: 1 }])).toEqual({
      lines: ['vitest ended with status 1', '5 passed, 1 failed'],
      exitCode: 1,
    });
  });
});

describe('what is counted of a run', () => {
  it('holds every file whose process died, before its tests or among them', () => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    mkdirSync(join(root, 'build'), { recursive: true });
    const folder = mkdtempSync(join(root, 'build', 'counted-'));
    try {
      const files = {
        good: `it('is', () => {}); it.skip('is left out', () => {});`,
        bad: `it('is', () => {}); it('is not', () => { throw new Error('no\\nand more'); });`,
        unreadable: `import './nowhere.ts'; it('is', () => {});`,
        dies: `it('is', () => {}); it('dies', () => process.kill(process.pid, 'SIGKILL')); it('comes later', () => {});`,
        'dies-at-once': `process.kill(process.pid, 'SIGKILL'); it('is', () => {});`,
      };
      for (const [name, code] of Object.entries(files))
        writeFileSync(join(folder, `${name}.test.ts`), `import { it } from 'vitest';\n${code}\n`);
      writeFileSync(join(folder, 'vitest.config.mjs'), 'export default {};\n');
      const counts = join(folder, 'counts.json');
      const { status } = spawnSync(
        process.execPath,
        [
          join(root, 'node_modules/vitest/vitest.mjs'),
          'run',
          '--root',
          folder,
          '--pool=forks',
          `--reporter=${scriptPath('count-reporter.mjs')}`,
        ],
        { cwd: folder, env: { ...process.env, COUNTS: counts }, stdio: 'ignore' },
      );
      expect(status).toBe(1);
      const { passed, failed, skipped, failures, broken } = JSON.parse(readFileSync(counts, 'utf8')) as Counts;
      expect([...broken].sort()).toEqual(['dies-at-once.test.ts', 'dies.test.ts', 'unreadable.test.ts']);
      expect({ failed, skipped }).toEqual({ failed: 1, skipped: 1 });
      expect(failures).toEqual(['bad.test.ts > is not: no']);
      expect(passed).toBeGreaterThanOrEqual(2); // of a file whose process dies, what it had told by then
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
