/** What goes into the npm package with libtorch's libraries. */
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addonPath } from '../../lib/native/addon-path.ts';
import { findLibtorch } from '../../lib/native/libtorch.ts';
import { type InstallOptions, installLibtorch } from '../../lib/native/libtorch-install.ts';
import { root } from '../docs/markdown.ts';
import { library, makeZip, sha256, temporaryFolder } from '../native/fake-libtorch.ts';
import { importScript } from '../scripts/scripts.ts';

const { neededLibraries, wheelOptions, withoutLicence } = await importScript<{
  neededLibraries(folder: string, addon?: string): string[];
  wheelOptions(path?: string): InstallOptions;
  withoutLicence(folder: string): string[];
}>('package-libtorch.mjs');

function folderOfTest(): string {
  const folder = temporaryFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe.runIf(process.platform === 'linux')('neededLibraries', () => {
  it("follows the addon's libraries to theirs, takes no other, and refuses what lies elsewhere, as in a CUDA build", () => {
    const folder = folderOfTest();
    const make = (name: string, ...libraries: string[]) =>
      execFileSync('cc', ['-shared', '-o', join(folder, name), '-Wl,--no-as-needed', ...libraries]);
    const at = (name: string) => join(folder, name);
    make('libcudart.so');
    make('libtorch.so');
    make('libtorch_cpu.so', `-L${folder}`, '-l:libcudart.so');
    make('addon.so', `-L${folder}`, '-l:libtorch_cpu.so');
    expect(neededLibraries(folder, at('addon.so'))).toEqual(['libcudart.so', 'libtorch_cpu.so']);
    rmSync(at('libcudart.so'));
    expect(() => neededLibraries(folder, at('addon.so'))).toThrow(
      `libtorch_cpu.so needs libcudart.so, which ${folder} lacks; name another wheel: -- WHEEL`,
    );
  });
});

describe('withoutLicence', () => {
  it("names GCC's OpenMP runtime and Intel's library, of which the wheel brings no licence; packages/ has both", () => {
    const folder = folderOfTest();
    writeFileSync(join(folder, 'libc10.so'), 'Intel oneMKL');
    writeFileSync(join(folder, 'libtorch_cpu.so'), '');
    expect(withoutLicence(folder)).toEqual([]);
    writeFileSync(join(folder, 'libgomp.so.1'), '');
    writeFileSync(join(folder, 'libtorch_cpu.so'), '\0Intel oneMKL ERROR: %s.\0');
    expect(withoutLicence(folder)).toEqual(['libgomp', 'mkl']);
  });

  // On Arm the libtorch of the tests is half of a CUDA build, which no package is made of.
  const packaged = process.platform === 'linux' && process.arch === 'x64';
  it.runIf(packaged)('finds a licence for each library that goes with libtorch', () => {
    const { libDir } = findLibtorch();
    const needed = neededLibraries(libDir, join(dirname(addonPath()), 'contrastive_core.so'));
    const found = withoutLicence(libDir);
    const others = needed.filter((name) => !/^lib(c10|torch_cpu|gfortran)\.so/.test(name)); // gfortran's is libgomp's
    expect(others.filter((name) => !found.some((folder) => name.startsWith(folder)))).toEqual([]);
    expect(found).toContain('mkl');
    for (const name of found)
      expect(readdirSync(join(root, 'packages', name)), name).toContainEqual(
        expect.stringMatching(/^(LICENSE|COPYING)/),
      );
  });
});

describe('wheelOptions', () => {
  it("means the manifest's wheel without a file", () => expect(wheelOptions()).toEqual({}));

  it('installs a file that is given, and records its version and SHA-256', async () => {
    const folder = folderOfTest();
    const wheel = makeZip([{ name: `torch/lib/${library('torch_cpu')}`, text: 'libtorch' }]);
    const path = join(folder, 'torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_aarch64.whl');
    writeFileSync(path, wheel);
    const options = wheelOptions(path);
    expect(options.wheel).toMatchObject({ version: '2.13.0+cpu', sha256: sha256(wheel) });
    const { version } = await installLibtorch({ ...options, env: { CONTRASTIVE_CACHE: join(folder, 'cache') } });
    expect(version).toBe('2.13.0+cpu');
  });

  it('refuses a file that is no wheel of torch', () =>
    expect(() => wheelOptions('/tmp/other-1.0.whl')).toThrow(
      'WHEEL must be torch-VERSION-….whl, got /tmp/other-1.0.whl',
    ));
});
