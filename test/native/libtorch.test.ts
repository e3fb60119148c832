import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  cacheDir,
  findLibtorch,
  preloadList,
  refuseVersion,
  resolveLibtorch,
  selectLibtorch,
} from '../../lib/native/libtorch.ts';
import { inspectLibtorch } from '../../lib/native/libtorch-build.ts';
import { installableCuda, testedVersions, wheelFor } from '../../lib/native/manifest.ts';
import { pythonCommand } from '../../lib/native/python.ts';
import { fakeLibtorch, library, temporaryFolder, writeTree } from './fake-libtorch.ts';

let folder: string;
let env: Record<string, string | undefined>;
const at = (name: string): string => join(folder, name);
/** A resolution that sees nothing of this machine. */
const resolve = (options: Parameters<typeof resolveLibtorch>[0] = {}) =>
  resolveLibtorch({ env, systemRoots: [], ...options });

beforeEach(() => {
  folder = temporaryFolder();
  env = { CONTRASTIVE_CACHE: at('cache') };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the order of the search', () => {
  it('prefers the option, the variables, PyTorch when asked, the cache, the system, in this order', () => {
    const roots = ['option', 'variable', 'shared', 'chosen', 'system'].map((name) => fakeLibtorch(at(name)));
    const [option, variable, shared, chosen, system] = roots as [string, string, string, string, string];
    selectLibtorch(chosen, env);
    const used = (options: Parameters<typeof resolve>[0] = {}) =>
      resolve({ systemRoots: [system], ...options }).libtorch;
    env.CONTRASTIVE_LIBTORCH = variable;
    env.LIBTORCH = shared;
    expect(used({ libtorch: option })).toMatchObject({ root: option, source: 'the option libtorch' });
    expect(used()).toMatchObject({ root: variable, source: 'the variable CONTRASTIVE_LIBTORCH' });
    env.CONTRASTIVE_LIBTORCH = undefined;
    expect(used()).toMatchObject({ root: shared, source: 'the variable LIBTORCH' });
    env.LIBTORCH = undefined;
    expect(used()).toMatchObject({ root: chosen, source: '`contrastive libtorch install` or `use`' });
    rmSync(chosen, { recursive: true });
    expect(used()).toMatchObject({ root: system, source: 'the system', version: '2.13.0+cpu', headers: true });
  });

  it('reports every place that it looked at, with the reason', () => {
    env.LIBTORCH = at('missing');
    const { libtorch, candidates, blocked } = resolve();
    expect(libtorch).toBeUndefined();
    expect(blocked).toBeUndefined();
    expect(candidates.map(({ refused }) => refused)).toEqual([
      'not set',
      `${at('missing')} does not exist`,
      'not asked for',
      `nothing is chosen in ${join(at('cache'), 'libtorch.json')}`,
      'not installed',
      'nothing that can be used in ',
    ]);
  });

  it('stops at an explicit choice that cannot be used, and passes over a LIBTORCH that cannot', () => {
    const good = fakeLibtorch(at('good'));
    selectLibtorch(good, env);
    env.LIBTORCH = fakeLibtorch(at('old'), { version: '2.4.0' });
    expect(resolve().libtorch?.root).toBe(good);
    env.CONTRASTIVE_LIBTORCH = at('typo');
    const { libtorch, blocked } = resolve();
    expect(libtorch).toBeUndefined();
    expect(blocked?.refused).toBe(`${at('typo')} does not exist`);
    expect(() => findLibtorch({ env, systemRoots: [] })).toThrow(
      expect.objectContaining({ code: 'ERR_LIBTORCH', message: expect.stringContaining('CONTRASTIVE_LIBTORCH') }),
    );
  });

  it.runIf(process.platform !== 'win32')('asks python3 for PyTorch only when told to', () => {
    const torch = fakeLibtorch(at('site-packages/torch'));
    mkdirSync(at('bin'));
    const python = at('bin/python3');
    writeFileSync(python, `#!/bin/sh\necho ${torch}/__init__.py\n`);
    chmodSync(python, 0o755);
    env.PATH = at('bin');
    expect(resolve().libtorch).toBeUndefined();
    env.CONTRASTIVE_USE_PYTORCH = '1';
    expect(resolve().libtorch).toMatchObject({ root: torch, version: '2.13.0+cpu' });
    writeFileSync(python, '#!/bin/sh\necho\n');
    expect(resolve().blocked?.refused).toBe('python3 has no module torch');
  });

  it('takes a damaged choice file for none', () => {
    writeTree(at('cache'), { 'libtorch.json': '{"path": ' });
    expect(resolve().libtorch).toBeUndefined();
  });

  it('names the commands that help when there is none', () => {
    env.LIBTORCH = at('missing');
    expect(() => findLibtorch({ env, systemRoots: [] })).toThrow(
      expect.objectContaining({
        code: 'ERR_LIBTORCH',
        message: expect.stringMatching(/libtorch install.*libtorch use DIR.*LIBTORCH: .*missing does not exist/s),
      }),
    );
  });
});

describe('one folder', () => {
  it('may be given as its lib/', () => {
    fakeLibtorch(at('torch'));
    expect(inspectLibtorch(at('torch/lib'), 'test').libtorch?.root).toBe(at('torch'));
  });

  it.runIf(process.platform === 'linux')('may keep its libraries where Debian does', () => {
    writeTree(at('usr'), { 'lib/x86_64-linux-gnu/libtorch_cpu.so': '' });
    expect(inspectLibtorch(at('usr'), 'test').libtorch?.libDir).toBe(at('usr/lib/x86_64-linux-gnu'));
  });

  it('is refused without the library, and without headers when they are needed', () => {
    mkdirSync(at('empty'));
    expect(inspectLibtorch(at('empty'), 'test').refused).toBe(`${at('empty')} has no lib/${library('torch_cpu')}`);
    const bare = fakeLibtorch(at('bare'), { headers: false });
    expect(inspectLibtorch(bare, 'test').libtorch?.headers).toBe(false);
    expect(inspectLibtorch(bare, 'test', { headers: true }).refused).toMatch('no include/ATen/ATen.h');
  });

  it.each([
    ['contrastive-libtorch.json', '{"version":"2.15.1+cpu"}', '2.15.1+cpu'],
    ['version.py', "from typing import Optional\n__version__ = '2.15.1+cu130'\n", '2.15.1+cu130'],
    ['build-version', '2.15.0+cpu\n', '2.15.0+cpu'],
    ['share/cmake/Torch/TorchConfigVersion.cmake', 'set(PACKAGE_VERSION "2.15.2")', '2.15.2'],
    [
      'include/torch/headeronly/version.h',
      '#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 15\n#define TORCH_VERSION_PATCH 3\n',
      '2.15.3',
    ],
  ])('has its version in %s', (file, text, version) => {
    writeTree(at('torch'), { [`lib/${library('torch_cpu')}`]: '', [file]: text });
    expect(inspectLibtorch(at('torch'), 'test').libtorch?.version).toBe(version);
  });

  it('is accepted with no version on disk: the core has the last word', () => {
    writeTree(at('torch'), { [`lib/${library('torch_cpu')}`]: '' });
    expect(inspectLibtorch(at('torch'), 'test').libtorch).toMatchObject({ version: undefined });
  });

  it('is refused in a version that was not tested, with both versions and the override in the message', () => {
    const old = fakeLibtorch(at('old'), { version: '2.4.1+cpu' });
    const { refused } = inspectLibtorch(old, 'test', { env });
    expect(refused).toContain('2.4.1+cpu');
    for (const version of testedVersions) expect(refused).toContain(version);
    expect(refused).toContain('CONTRASTIVE_ALLOW_UNTESTED_LIBTORCH=1');
    env.CONTRASTIVE_ALLOW_UNTESTED_LIBTORCH = '1';
    expect(inspectLibtorch(old, 'test', { env }).libtorch?.version).toBe('2.4.1+cpu');
    for (const untested of ['2.130.0', '2.14.0']) expect(refuseVersion(untested, 'x', {})).toBeDefined();
  });

  it('is refused to an addon that was compiled against another C++ interface, and LIBTORCH passed over', () => {
    const other = fakeLibtorch(at('other'), { version: '2.15.0+cpu' });
    const { refused } = inspectLibtorch(other, 'test', { env, compiledAgainst: '2.13.0' });
    expect(refused).toMatch(/2\.15\.0\+cpu.*compiled against 2\.13\.0.*contrastive build/);
    env.CONTRASTIVE_ALLOW_UNTESTED_LIBTORCH = '1';
    expect(inspectLibtorch(other, 'test', { env, compiledAgainst: '2.13.0' }).refused).toBe(refused);
    expect(inspectLibtorch(other, 'test', { env, compiledAgainst: '2.15.1' }).refused).toBeUndefined();

    env.LIBTORCH = other;
    const system = fakeLibtorch(at('system'), { version: '2.13.1' });
    expect(resolve({ systemRoots: [other, system], compiledAgainst: '2.13.0' }).libtorch?.root).toBe(system);
  });
});

describe('preloadList', () => {
  // What the wheels hold in torch/lib, without the parts for Python.
  it.each([
    [
      'linux',
      'libtorch.so libtorch_cuda.so libc10_cuda.so libtorch_cpu.so libc10.so libgomp-24e2ab19.so.1.0.0 libshm.so',
      'libgomp-24e2ab19.so.1.0.0 libc10.so libc10_cuda.so libtorch_cpu.so libtorch_cuda.so libtorch.so',
    ],
    [
      'darwin',
      'libc10.dylib libomp.dylib libshm.dylib libtorch.dylib libtorch_cpu.dylib libtorch_global_deps.dylib',
      'libc10.dylib libtorch_cpu.dylib libtorch.dylib',
    ],
    [
      'win32',
      'c10.dll c10.lib libiomp5md.dll libiompstubs5md.dll torch.dll torch.lib torch_cpu.dll torch_cpu.lib uv.dll',
      'libiomp5md.dll c10.dll torch_cpu.dll torch.dll',
    ],
  ] as const)('on %s opens OpenMP first and what depends on others last', (platform, present, opened) => {
    writeTree(folder, Object.fromEntries(present.split(' ').map((name) => [name, ''])));
    expect(preloadList(folder, platform)).toEqual(opened.split(' ').map(at));
  });
});

describe.runIf(process.platform !== 'win32')('the Python of the machine', () => {
  const fake = (name: string, script: string): void => {
    writeTree(at('bin'), { [name]: `#!/bin/sh\n${script}\n` });
    chmodSync(at(`bin/${name}`), 0o755);
  };

  it("is python3; on Windows python, or the launcher where python is the shop's placeholder", () => {
    mkdirSync(at('bin'));
    const env = { PATH: at('bin') };
    expect(pythonCommand(env, 'darwin')).toEqual(['python3']);
    expect(pythonCommand(env, 'win32')).toEqual(['python']);
    fake('python', 'exit 9009');
    expect(pythonCommand(env, 'win32')).toEqual(['python']);
    fake('py', '[ "$*" = "-3 --version" ]');
    expect(pythonCommand(env, 'win32')).toEqual(['py', '-3']);
    fake('python', '[ "$*" = --version ]');
    expect(pythonCommand(env, 'win32')).toEqual(['python']);
  });
});

describe('the cache folder', () => {
  it('follows CONTRASTIVE_CACHE, XDG_CACHE_HOME, the home folder', () => {
    expect(cacheDir({ CONTRASTIVE_CACHE: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/a');
    expect(cacheDir({ XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe(join('/b', 'contrastive'));
    expect(cacheDir({ XDG_CACHE_HOME: 'relative', HOME: '/c' })).toBe(join('/c', '.cache', 'contrastive'));
  });
});

describe.runIf(process.platform === 'linux')('importing the package', () => {
  it('loads neither libtorch nor the addon', () => {
    const index = new URL('../../lib/index.ts', import.meta.url).href;
    const code = `await import('${index}'); const { readFileSync } = await import('node:fs');
      console.log(/libtorch|libc10|contrastive(_core)?\\.(so|node)/.exec(readFileSync('/proc/self/maps', 'utf8'))?.[0]);`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', code];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: 'undefined\n', stderr: '' });
  });
});

describe('the manifest', () => {
  it('has complete rows, of tested versions', () => {
    for (const platform of ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64']) {
      const wheel = wheelFor(...(platform.split('-') as [string, string]));
      expect(wheel?.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(wheel?.url).toMatch(/^https:/);
      expect(decodeURIComponent(wheel?.url ?? '')).toContain(wheel?.file);
      expect(refuseVersion(wheel?.version ?? '', platform, {})).toBeUndefined();
    }
    expect(wheelFor('sunos', 'x64')).toBeUndefined();
    expect(wheelFor('darwin', 'arm64', '13.0')).toBeUndefined();
  });

  it.each(installableCuda)('has for CUDA %s a wheel of a tested version and those beside it', (version) => {
    const cuda = wheelFor('linux', 'x64', version);
    const all = cuda === undefined ? [] : [cuda, ...(cuda.beside ?? [])];
    expect(all.length).toBeGreaterThan(10);
    expect(new Set(all.map(({ sha256 }) => sha256)).size).toBe(all.length);
    expect(refuseVersion(cuda?.version ?? '', version, {})).toBeUndefined();
    for (const { file, pipPlatform, project, sha256, url, version } of all) {
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(url.endsWith(`/${file}`)).toBe(true);
      expect(file.startsWith(`${(project ?? 'torch').replaceAll('-', '_')}-${version}-`)).toBe(true);
      expect(pipPlatform).toMatch(/^manylinux[\d_]+_x86_64$/);
    }
  });

  it('takes from the CUDA build for Linux on Arm what its half for the CPU loads', () => {
    const wheel = wheelFor('linux', 'arm64');
    const all = [wheel, ...(wheel?.beside ?? [])];
    expect(all).toHaveLength(3);
    for (const each of all) {
      expect(each?.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(each?.url.endsWith(`/${each.file}`)).toBe(true);
      expect(each?.file).toContain(each?.version);
      expect(each?.file).toContain(each?.pipPlatform);
    }
    const left = (names: string, lib: string) =>
      names.split(' ').filter((name) => wheel?.leaveOut?.test(`${lib}/${name}`));
    // The libraries of the three wheels, as their directories list them.
    const kept = 'libc10.so libtorch_cpu.so libgomp.so.1 libarm_compute.so libarm_compute_graph.so libgfortran.so.5';
    expect(left(kept, 'torch/lib')).toEqual([]);
    expect(left('libnvpl_blas_core.so.0 libnvpl_lapack_lp64_gomp.so.0', 'torch/lib')).toEqual([]);
    expect(left('libcudart.so.13 libcupti.so.13', 'nvidia/cu13/lib')).toEqual([]);
    const cuda =
      'libc10_cuda.so libcaffe2_nvrtc.so libtorch.so libtorch_cuda.so libtorch_cuda_linalg.so libtorch_nvshmem.so';
    expect(left(cuda, 'torch/lib').join(' ')).toBe(cuda);
    expect(wheel?.beside?.map(({ leaveOut }) => leaveOut?.test('nvidia/cu13/lib/libnvperf_host.so'))).toContain(true);
  });
});
