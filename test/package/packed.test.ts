/**
 * The tarball runs without the checkout: unpacked into an empty project, with the dependencies of the checkout beside it.
 * The installation by package managers, which needs the registry, is tested by `npm run test:package`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addonPath } from '../../lib/native/addon-path.ts';
import { findLibtorch } from '../../lib/native/libtorch.ts';
import { root } from '../docs/markdown.ts';
import { importScript } from '../scripts/scripts.ts';

const { pack } = await importScript<{
  pack(folder: string, destination: string, ...options: string[]): { file: string };
}>('npm.mjs');

let project: string;
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'contrastive-packed-'));
  const modules = join(project, 'node_modules');
  mkdirSync(modules);
  const { file } = pack(root, project, '--ignore-scripts');
  execFileSync('tar', ['-xzf', file], { cwd: project });
  renameSync(join(project, 'package'), join(modules, 'contrastive'));
  // What is built here, in the place of what `npm run prebuilds` makes of it.
  const place = join(modules, 'contrastive/prebuilds', `${process.platform}-${process.arch}`);
  mkdirSync(place, { recursive: true });
  for (const name of ['contrastive.node', 'contrastive_core.so'])
    copyFileSync(join(dirname(addonPath()), name), join(place, name));
  for (const name of readdirSync(join(root, 'node_modules')).filter((each) => !each.startsWith('.')))
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

const run = (...args: string[]) =>
  spawnSync(process.execPath, args, {
    cwd: project,
    encoding: 'utf8',
    env: { CONTRASTIVE_LIBTORCH: findLibtorch().root, OMP_NUM_THREADS: '1', HOME: project, PATH: project },
  });
const wellEnded = { status: 0, signal: null, stderr: '' };

describe('the packed package', () => {
  it('is imported and required, and computes', () => {
    const imported = `import { tensor } from 'contrastive'; console.log(await tensor([1, 2]).sum().item());`;
    expect(run('--input-type=module', '-e', imported)).toMatchObject({ ...wellEnded, stdout: '3\n' });
    const required = `const { tensor } = require('contrastive'); tensor([1, 2]).sum().item().then(console.log);`;
    expect(run('-e', required)).toMatchObject({ ...wellEnded, stdout: '3\n' });
  });

  it('has its command and its data', () => {
    const command = join(project, 'node_modules/contrastive/dist/cli/bin.cjs');
    expect(run(command, 'doctor')).toMatchObject({ ...wellEnded, stdout: expect.stringContaining('devices') });
    const data = `import { loadDataset } from 'contrastive';
      console.log((await loadDataset('fashion-mnist', { subset: 'bundled' })).length);`;
    expect(run('--input-type=module', '-e', data)).toMatchObject({ ...wellEnded, stdout: '10000\n' });
  });

  it('names what a build from source lacks, and how to install it', () => {
    const { status, stderr } = run(join(project, 'node_modules/contrastive/dist/cli/bin.cjs'), 'build');
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /error: the build of the addon failed\.\n.*\n.*a C\+\+ compiler is needed .*apt install g\+\+/,
    );
    expect(stderr).toContain('[ERR_ADDON]');
  });

  it('shows the lines of its sources in stacks', () => {
    const code = `import { resnet18 } from 'contrastive'; try { resnet18({ width: 0 }); } catch (e) { console.log(e.stack); }`;
    expect(run('--enable-source-maps', '--input-type=module', '-e', code).stdout).toMatch(
      /contrastive\/lib\/\w+.*\.ts:\d+/,
    );
  });
});
