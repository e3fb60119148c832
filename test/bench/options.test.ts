/** Options of benchmarks: a line for each in the help, and one that says what is wrong. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../../bench/peer.ts';

const run = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', join(root, 'bench', 'scaling.ts'), ...args], {
    encoding: 'utf8',
    cwd: root,
  });

it('are shown by --help', () => {
  const { status, stdout } = run('--help');
  expect(status).toBe(0);
  expect(stdout).toContain('usage: npm run bench -- scaling [options]');
  expect(stdout).toMatch(/--batch N\s+images of each process in a step \(default 64\)/);
});

it.each([
  ['--bach 3', 'error: npm run bench -- scaling: unknown option --bach; did you mean --batch?\n'],
  ['--batch 1.5', 'error: --batch must be an integer >= 1, got 1.5 (number)\n'],
])('%s is refused in a line', (typed, said) => {
  const { status, stderr } = run(...typed.split(' '));
  expect([status, stderr]).toEqual([2, said]);
});
