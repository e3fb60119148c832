/** contrastive_cuda.so: where it is looked for, how it is opened, and what is said of one that cannot be used. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cudaLibrary, loadAddon, loadedLibtorch } from '../../lib/native/addon.ts';
import { addonPath, coreBeside, cudaBeside } from '../../lib/native/addon-path.ts';
import { isCudaBuild, preloadList } from '../../lib/native/libtorch.ts';
import { runMain } from '../cli/run-cli.ts';
import { readLibrary } from '../package/elf-rules.ts';

interface Loader {
  openCuda(library: string, core: string, deepbind: boolean): void;
}
const loader = createRequire(import.meta.url)(addonPath()) as Loader;
const core = coreBeside(addonPath());
const cuda = cudaBeside(addonPath());
const deepbind = process.env.CONTRASTIVE_DEEPBIND !== '0';
const isLinux = process.platform === 'linux';

loadAddon();
const { libDir } = loadedLibtorch() as { libDir: string };

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'contrastive-cuda-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A shared library of a source in C. */
function compiled(name: string, source: string): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'a.c'), source);
  execFileSync('cc', ['-shared', '-fPIC', join(folder, 'a.c'), '-o', join(folder, name), `-Wl,-soname,${name}`]);
  return join(folder, name);
}

/** A contrastive_cuda.so whose functions do nothing. `size`: what it says of its table, of five words. */
const emptyLibrary = (version: string, size = 40): string =>
  compiled(
    'contrastive_cuda.so',
    'static void nothing(void) {}' +
      'static const struct { const char* version; unsigned long size; void (*functions[3])(void); } ' +
      `table = {"${version}", ${size}, {nothing, nothing, nothing}};` +
      'const void* contrastive_cuda_library(void) { return &table; }',
  );

describe('contrastive_cuda.so', () => {
  it('is looked for beside the addon, and opened where libtorch is for CUDA', () => {
    const { path, refused } = cudaLibrary();
    expect(path).toBe(cuda);
    if (!isCudaBuild(libDir)) expect(refused).toBe('the libtorch in use is none for CUDA');
    else if (refused !== undefined) expect(refused).toContain('contrastive_cuda.so');
  });

  it('is named where it cannot be opened, and why', () => {
    const failure = (message: string) =>
      expect.objectContaining({ code: 'ERR_ADDON', message: expect.stringContaining(message) });
    expect(() => loader.openCuda('/no/such/cuda.so', core, deepbind)).toThrow(
      failure('cannot load /no/such/cuda.so: '),
    );
    expect(() => loader.openCuda(addonPath(), core, deepbind)).toThrow(failure('is not of this package'));
    expect(() => (loader.openCuda as unknown as () => void)()).toThrow(failure('wrong arguments'));
  });

  it.runIf(isLinux).each([
    ['2.0.1', 40, /^it was compiled against libtorch 2\.0\.1, the addon against 2\.\d+\.\d/],
    [loadAddon().info().compiledAgainst, 32, /^it is of another build of this package than the addon$/],
  ])('is refused where it is of another build, for libtorch %s', (version, size, message) => {
    expect(() => loader.openCuda(emptyLibrary(version, size), core, deepbind)).toThrow(
      expect.objectContaining({ code: 'ERR_STATE', message: expect.stringMatching(message) }),
    );
  });

  // A libtorch for the CPU lacks libtorch_cuda.so: here is one with functions of the names that are asked for.
  it.runIf(existsSync(cuda) && !isCudaBuild(libDir))(
    'finds what it needs among open libraries, and another NCCL',
    () => {
      const missing = readLibrary(cuda).undefinedSymbols.filter(({ name }) => /4cuda|Nccl|NCCL/.test(name));
      const stubOf = (name: string): string =>
        name.includes('getNcclVersionTuple') // a std::tuple, in memory that the caller gives
          ? `int* ${name}(int* result) { result[0] = result[1] = result[2] = 0; return result; }`
          : `void ${name}(void) {}`;
      const stub = compiled('libtorch_cuda.so', missing.map(({ name }) => stubOf(name)).join('\n'));
      const script = `const loader = require(${JSON.stringify(addonPath())});
      loader.open(${JSON.stringify([...preloadList(libDir), stub])}, ${JSON.stringify(core)}, ${deepbind});
      try {
        loader.openCuda(${JSON.stringify(cuda)}, ${JSON.stringify(core)}, ${deepbind});
      } catch (error) {
        console.log(error.code, error.message);
      }`;
      const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
      const refused = /^ERR_OPTION contrastive_cuda\.so was compiled for NCCL \d+\.\d+, and NCCL 0\.0\.0 is loaded\n$/;
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: expect.stringMatching(refused), stderr: '' });
    },
  );
});

describe.runIf(isLinux && !isCudaBuild(libDir))('contrastive doctor, beside a libtorch for CUDA', () => {
  /** What it prints where contrastive_cuda.so is as `put` makes it, at the path that it is given. */
  function told(put: (path: string) => void): string {
    const folder = temporaryFolder();
    const [release, lib] = [join(folder, 'build/Release'), join(folder, 'torch/lib')];
    for (const each of [release, lib]) mkdirSync(each, { recursive: true });
    for (const file of [addonPath(), core]) symlinkSync(file, join(release, basename(file)));
    const stub = compiled('libtorch_cuda.so', 'int nothing;');
    for (const file of [...preloadList(libDir), stub]) symlinkSync(file, join(lib, basename(file)));
    put(join(release, 'contrastive_cuda.so'));
    const { status, stdout, stderr } = runMain(['doctor'], {
      ...(process.env as Record<string, string>),
      ...{ CONTRASTIVE_PREBUILD: folder, CONTRASTIVE_LIBTORCH: join(folder, 'torch') },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout.replaceAll(folder, 'FOLDER');
  }
  const path = 'FOLDER/build/Release/contrastive_cuda.so';
  const finding = 'i NCCL and graphs of the device cannot be used: ';

  it('names the library that is in use', () => {
    const { compiledAgainst } = loadAddon().info();
    const text = told((place) => symlinkSync(emptyLibrary(compiledAgainst), place));
    expect(text).toMatch(new RegExp(`^NCCL, graphs +${path}, for libtorch ${compiledAgainst}$`, 'm'));
    expect(text).not.toContain(finding);
  });

  it.each<[string, (place: string) => void, string]>([
    ['is missing', () => {}, `there is no ${path}`],
    ['is no library', (place) => writeFileSync(place, 'text'), `cannot load ${path}: ${path}: file too short`],
    [
      'is of another build',
      (place) => symlinkSync(emptyLibrary('2.0.1'), place),
      'it was compiled against libtorch 2.0.1, the addon against ',
    ],
  ])('says why where it %s', (_, put, reason) => {
    const text = told(put);
    expect(text).toMatch(/^NCCL, graphs +not used: /m);
    expect(text).toContain(`not used: ${reason}`);
    expect(text).toContain(`${finding}${reason}`);
  });
});
