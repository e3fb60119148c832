/** What is told of a run of tests that is cut short. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { scriptPath } from './scripts.ts';

it('names each failure when it happens, and what had not ended', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  mkdirSync(join(root, 'build'), { recursive: true });
  const folder = mkdtempSync(join(root, 'build', 'cut-'));
  try {
    const code = `it('is', () => {}); it('is not', () => { throw new Error('no'); }); it('hangs', () => new Promise(() => {}), 1e6);`;
    writeFileSync(join(folder, 'bad.test.ts'), `import { it } from 'vitest';\n${code}\n`);
    writeFileSync(join(folder, 'vitest.config.mjs'), 'export default {};\n');
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const reporter = `--reporter=${scriptPath('failure-reporter.mjs')}`;
    const run = spawn(process.execPath, [vitest, 'run', '--root', folder, reporter], { cwd: folder });
    let told = '';
    run.stderr.on('data', (text) => {
      told += text;
      if (told.includes(': no') && !run.killed) run.kill('SIGTERM');
    });
    await once(run, 'close');
    expect(told.split('\n')).toEqual([
      'FAILED bad.test.ts > is not: no (bad.test.ts:2)',
      'The run was cut short: 1 passed, 1 failed, 0 skipped.',
      'failed: bad.test.ts > is not',
      'not at its end: bad.test.ts',
      '',
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
