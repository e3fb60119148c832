import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { command } from '../../lib/cli/libtorch.ts';
import { fakeLibtorch } from '../native/fake-libtorch.ts';
import { runWith } from './run-cli.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'contrastive-cli-libtorch-'));
  vi.stubEnv('CONTRASTIVE_CACHE', join(folder, 'cache'));
  for (const name of ['CONTRASTIVE_LIBTORCH', 'LIBTORCH', 'CONTRASTIVE_USE_PYTORCH']) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});
const run = (...args: string[]) => runWith([command], ['libtorch', ...args]);

describe('contrastive libtorch', () => {
  it('use chooses a folder, path prints it', async () => {
    const root = fakeLibtorch(join(folder, 'torch'));
    expect(await run('use', root)).toEqual({
      code: 0,
      stdout: `libtorch 2.13.0+cpu is now used: ${root}\n`,
      stderr: '',
    });
    expect((await run('path')).stdout).toBe(`${root}\n`);
    expect(JSON.parse((await run('path', '--json')).stdout)).toMatchObject({ libtorch: root, version: '2.13.0+cpu' });
  });

  it('warns when something else comes first', async () => {
    vi.stubEnv('CONTRASTIVE_LIBTORCH', fakeLibtorch(join(folder, 'first')));
    const { code, stderr } = await run('use', fakeLibtorch(join(folder, 'second')));
    expect(code).toBe(0);
    expect(stderr).toBe(`warning: the variable CONTRASTIVE_LIBTORCH comes first and names ${join(folder, 'first')}\n`);
  });

  it('use refuses a folder that cannot be used', async () => {
    expect(await run('use', folder)).toMatchObject({ code: 1, stderr: expect.stringContaining('ERR_LIBTORCH') });
  });

  it('path fails where an explicit choice cannot be used', async () => {
    vi.stubEnv('CONTRASTIVE_LIBTORCH', join(folder, 'typo'));
    expect(await run('path')).toMatchObject({ code: 1, stderr: expect.stringContaining('typo does not exist') });
  });

  it.each([
    [[], 'one of install, path, use DIR is needed, got nothing'],
    [['instal'], "did you mean 'install'?"],
    [['use'], 'DIR is missing'],
    [['path', 'x'], 'takes no folder'],
    [['path', '--cuda', '13.0'], '--cuda belongs to install'],
    [['install', '--cuda', '9.0'], '13.0'],
  ])('%j is wrong usage', async (args, message) => {
    expect(await run(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });
});
