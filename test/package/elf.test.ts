/** The addon and its libtorch load on glibc 2.28: read from the files themselves. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addonPath } from '../../lib/native/addon-path.ts';
import { findLibtorch, isCudaBuild } from '../../lib/native/libtorch.ts';
import { problemsOf, readLibrary } from './elf-rules.ts';

const release = dirname(addonPath());
const addon = ['contrastive.node', 'contrastive_core.so'].map((name) => join(release, name));
/** Where the headers for it were. */
const cuda = join(release, 'contrastive_cuda.so');
const { libDir } = findLibtorch();
/** NVIDIA's lie beside the folder of a CUDA build, of which Linux on Arm has the half for the CPU. */
const libtorch = [libDir, join(libDir, '../../nvidia/cu13/lib')]
  .filter((folder) => existsSync(folder))
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((path) => /\.so(\.\d+)*$/.test(path));

/** Only Linux has such files. */
describe.runIf(process.platform === 'linux')('shared libraries', () => {
  it('of the addon ask for nothing newer than glibc 2.28, and for nothing but the system and libtorch', () => {
    expect(problemsOf([...addon, ...libtorch])).toEqual([]);
  });

  it.skipIf(!existsSync(cuda))(
    'contrastive_cuda.so takes a few functions of libtorch_cuda.so and libc10_cuda.so, and nothing of CUDA',
    () => {
      const found = problemsOf([cuda, ...libtorch]).filter((problem) => problem.startsWith('contrastive_cuda.so: '));
      const graphs = ['9CUDAGraph', '17graph_pool_handle', '14current_device', '20CUDACachingAllocator9allocator'];
      const names = [...graphs, '16ProcessGroupNCCL', '19getNcclVersionTuple'];
      const isTaken = (problem: string): boolean =>
        problem.endsWith('needs libtorch_cuda.so') || names.some((name) => problem.includes(name));
      if (isCudaBuild(libDir)) expect(found).toEqual([]);
      else expect(found.length).toBe(12);
      expect(found.filter((problem) => !isTaken(problem))).toEqual([]);
    },
  );

  it('of the loader ask for no libtorch', () => expect(problemsOf([addon[0] as string])).toEqual([]));

  it('of the addon make no buffer over memory of their own, which Electron refuses (napi_no_external_buffers_allowed)', () => {
    const called = addon.flatMap((path) => readLibrary(path).undefinedSymbols.map(({ name }) => name));
    expect(called).toContain('napi_create_arraybuffer');
    expect(called.filter((name) => /^napi_create_external_.*buffer$/.test(name))).toEqual([]);
  });

  it('are judged by what they hold: a newer version, a missing library, a missing symbol, a path of the build machine', () => {
    const folder = mkdtempSync(join(tmpdir(), 'contrastive-elf-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const source = join(folder, 'a.c');
    writeFileSync(
      source,
      '#include <dlfcn.h>\nvoid absent(void); void* f(void) { absent(); return dlopen("x", 1); }\n',
    );
    const library = join(folder, 'a.so');
    execFileSync('cc', ['-shared', '-fPIC', source, '-o', library, '-Wl,-rpath,/build', '-Wl,-soname,own.so']);
    const found = problemsOf([library]);
    expect(readLibrary(library).soname).toBe('own.so');
    expect(found).toContain('a.so: misses absent');
    expect(found).toContain('a.so: looks for libraries in /build');
    const dlopen = readLibrary(library).undefinedSymbols.find(({ name }) => name === 'dlopen')?.version;
    if (dlopen === 'GLIBC_2.34') expect(found).toContain('a.so: needs GLIBC_2.34 for dlopen');
    expect(problemsOf([addon[1] as string])).toContain('contrastive_core.so: needs libtorch_cpu.so');
  });

  it('are told from other files', () => {
    expect(() => readLibrary(new URL(import.meta.url).pathname)).toThrow('not a 64-bit little-endian ELF file');
  });
});
