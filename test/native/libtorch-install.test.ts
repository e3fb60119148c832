import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveLibtorch } from '../../lib/native/libtorch.ts';
import { indexSource, installLibtorch, pipSource, type WheelSource } from '../../lib/native/libtorch-install.ts';
import { withLock } from '../../lib/native/libtorch-lock.ts';
import { unpackLibtorch } from '../../lib/native/libtorch-unpack.ts';
import type { Wheel } from '../../lib/native/wheel.ts';
import { library, type Member, makeZip, sha256, temporaryFolder } from './fake-libtorch.ts';

let folder: string;
let env: Record<string, string | undefined>;
const at = (name: string): string => join(folder, name);
const store = (): string => at('cache/libtorch');
const home = `2.13.0+cpu-${process.platform}-${process.arch}`;

beforeEach(() => {
  folder = temporaryFolder();
  env = { PATH: process.env.PATH, CONTRASTIVE_CACHE: at('cache') };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const members: Member[] = [
  { name: `torch/lib/${library('torch_cpu')}`, text: 'libtorch' },
  { name: `torch/lib/${library('c10')}` },
  { name: 'torch/lib/libtorch_python.so' },
  { name: 'torch/lib/libjitbackend_test.so' },
  { name: 'torch/lib/libshm/socket.h' },
  { name: 'torch/include/' },
  { name: 'torch/include/ATen/ATen.h', text: '#pragma once' },
  { name: 'torch/share/cmake/Torch/TorchConfig.cmake' },
  { name: 'torch/bin/protoc' },
  { name: 'torch/__init__.py' },
  { name: '../../outside' },
];
const good = makeZip(members.slice(0, -1));

const wheelOf = (data: Buffer, url = ''): Wheel => ({
  version: '2.13.0+cpu',
  file: 'torch.whl',
  sha256: sha256(data),
  pipPlatform: 'any',
  url,
});

function giving(data: Buffer, name = 'gift'): WheelSource & { calls: number } {
  return {
    name,
    calls: 0,
    async fetch(wheel, into) {
      this.calls++;
      writeFileSync(join(into, wheel.file), data);
      return join(into, wheel.file);
    },
  };
}

describe('unpackLibtorch', () => {
  const unpack = (list: readonly Member[]) => {
    writeFileSync(at('w.zip'), makeZip(list));
    return unpackLibtorch(at('w.zip'), at('out'));
  };
  const file = (name: string, mode?: number): Member => ({ name, text: 'x', ...(mode !== undefined && { mode }) });

  it('takes libraries, headers and CMake files, and leaves what Python and tests need', async () => {
    writeFileSync(at('w.zip'), good);
    expect(await unpackLibtorch(at('w.zip'), at('out'))).toBe('libtorch'.length + '#pragma once'.length);
    const files = readdirSync(at('out'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.map(({ name }) => name).sort()).toEqual(
      ['ATen.h', 'TorchConfig.cmake', library('c10'), library('torch_cpu')].sort(),
    );
  });

  it('leaves out what it is told to', async () => {
    writeFileSync(at('w.zip'), good);
    await unpackLibtorch(at('w.zip'), at('out'), { leaveOut: /c10/ });
    expect(readdirSync(at('out/torch/lib'))).toEqual([library('torch_cpu')]);
  });

  it.each(['torch/lib/../../../escaped', '/torch/lib/absolute', 'torch/lib\\..\\..\\escaped', 'C:/torch/lib/x'])(
    'refuses the member %s',
    async (name) => {
      await expect(unpack([file(name)])).rejects.toThrow(/absolute|relative|invalid|characters/i);
      expect(existsSync(at('out'))).toBe(false);
      expect(existsSync(at('escaped'))).toBe(false);
    },
  );

  it('refuses links, and a member that comes twice', async () => {
    await expect(unpack([file('torch/lib/link', 0o120777)])).rejects.toMatchObject({ code: 'ERR_LIBTORCH' });
    await expect(unpack([file('torch/lib/a'), file('torch/lib/a')])).rejects.toMatchObject({ code: 'EEXIST' });
  });

  it('stops when aborted', async () => {
    writeFileSync(at('w.zip'), good);
    await expect(unpackLibtorch(at('w.zip'), at('out'), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

describe('installLibtorch', () => {
  it('unpacks, records, chooses; a second call finds it done', async () => {
    const source = giving(good);
    const stages = new Set<string>();
    const options = { env, wheel: wheelOf(good), sources: [source] };
    const installed = await installLibtorch({ ...options, onProgress: ({ stage }) => stages.add(stage) });
    expect(installed).toMatchObject({ root: join(store(), home, 'torch'), version: '2.13.0+cpu', headers: true });
    expect([...stages]).toEqual(['verify', 'unpack']);
    expect(readdirSync(store())).toEqual([home]);
    expect(resolveLibtorch({ env, systemRoots: [] }).libtorch?.root).toBe(installed.root);
    await installLibtorch(options);
    expect(source.calls).toBe(1);
  });

  it('refuses a file with another sha256 and goes on to the next source', async () => {
    const tampered = Buffer.from(good);
    tampered[tampered.indexOf('libtorch', 60)] = 0;
    await installLibtorch({ env, wheel: wheelOf(good), sources: [giving(tampered, 'bad'), giving(good)] });
    rmSync(at('cache'), { recursive: true });
    await expect(
      installLibtorch({ env, wheel: wheelOf(good), sources: [giving(tampered, 'bad')] }),
    ).rejects.toMatchObject({ code: 'ERR_LIBTORCH', message: expect.stringContaining(`expected ${sha256(good)}`) });
    expect(readdirSync(store())).toEqual([]);
    expect(existsSync(at('cache/libtorch.json'))).toBe(false);
  });

  it('leaves nothing when a member is refused', async () => {
    const hostile = makeZip(members);
    await expect(installLibtorch({ env, wheel: wheelOf(hostile), sources: [giving(hostile)] })).rejects.toThrow(
      '../../outside',
    );
    expect(readdirSync(store())).toEqual([]);
    expect(existsSync(at('outside'))).toBe(false);
  });

  it('leaves nothing when aborted, during the download and during the unpacking', async () => {
    for (const stage of ['download', 'unpack']) {
      const controller = new AbortController();
      const source: WheelSource = {
        name: 'slow',
        async fetch(wheel, into, context) {
          context.onProgress({ stage: 'download', detail: 'slow' });
          context.signal?.throwIfAborted();
          return giving(good).fetch(wheel, into, context);
        },
      };
      const installing = installLibtorch({
        env,
        wheel: wheelOf(good),
        sources: [source],
        signal: controller.signal,
        onProgress: (progress) => progress.stage === stage && controller.abort(),
      });
      await expect(installing).rejects.toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError' });
      expect(readdirSync(store())).toEqual([]);
    }
  });

  it('clears away what a killed install left', async () => {
    mkdirSync(join(store(), '.staging-1-1/torch'), { recursive: true });
    mkdirSync(join(store(), home, 'torch/lib'), { recursive: true }); // no record: not whole
    await installLibtorch({ env, wheel: wheelOf(good), sources: [giving(good)] });
    expect(readdirSync(store())).toEqual([home]);
    expect(existsSync(join(store(), home, 'torch/include/ATen/ATen.h'))).toBe(true);
  });

  it('runs one install at a time', async () => {
    const source = giving(good);
    const options = { env, wheel: wheelOf(good), sources: [source] };
    await Promise.all([installLibtorch(options), installLibtorch(options)]);
    expect(source.calls).toBe(1);
  });

  it('unpacks the wheels of libraries that a CUDA build needs beside it, with their licences', async () => {
    const cublas = makeZip([
      { name: 'nvidia/cu13/lib/libcublas.so.13', text: 'cublas' },
      { name: 'nvidia/cu13/include/cublas.h' },
      { name: 'nvidia/cu13/include/cuda_runtime_api.h', text: 'runtime' },
      { name: 'nvidia/cu13/include/crt/host_defines.h', text: 'crt' },
      { name: 'nvidia/nccl/include/nccl.h', text: 'nccl' },
      { name: 'nvidia/__init__.py' },
      { name: 'nvidia_cublas-13.1.1.3.dist-info/licenses/License.txt' },
      { name: 'nvidia_cublas-13.1.1.3.dist-info/METADATA' },
    ]);
    const torch = makeZip([...members.slice(0, -1), { name: 'torch-2.13.0.dist-info/licenses/LICENSE' }]);
    const beside: Wheel = { ...wheelOf(cublas), project: 'nvidia-cublas', version: '13.1.1.3', file: 'cublas.whl' };
    const source: WheelSource = {
      name: 'both',
      fetch: (wheel, into, context) => giving(wheel === beside ? cublas : torch).fetch(wheel, into, context),
    };
    const { root } = await installLibtorch({ env, wheel: { ...wheelOf(torch), beside: [beside] }, sources: [source] });
    const files = readdirSync(join(store(), home), { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
    expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(['libcublas.so.13', 'ATen.h', 'LICENSE']));
    expect(files.map(({ name }) => name)).not.toContain('cublas.h');
    expect(existsSync(join(root, '../nvidia/cu13/lib/libcublas.so.13'))).toBe(true);
    // The headers of contrastive_cuda.so.
    const headers = readdirSync(join(root, '../nvidia'), { recursive: true, encoding: 'utf8' });
    expect(headers.filter((name) => name.endsWith('.h')).sort()).toEqual([
      'cu13/include/crt/host_defines.h',
      'cu13/include/cuda_runtime_api.h',
      'nccl/include/nccl.h',
    ]);
    expect(existsSync(join(root, 'licenses/nvidia_cublas-13.1.1.3/License.txt'))).toBe(true);
  });

  it("unpacks a CUDA build's half for the CPU: each wheel without what it leaves out", async () => {
    const torch = makeZip([...members.slice(0, -1), { name: `torch/lib/${library('torch_cuda')}` }]);
    const cupti = makeZip([
      { name: 'nvidia/cu13/lib/libcupti.so.13', text: 'cupti' },
      { name: 'nvidia/cu13/lib/libnvperf_host.so' },
    ]);
    const beside: Wheel = { ...wheelOf(cupti), file: 'cupti.whl', leaveOut: /nvperf/ };
    const source: WheelSource = {
      name: 'both',
      fetch: (wheel, into, context) => giving(wheel === beside ? cupti : torch).fetch(wheel, into, context),
    };
    const wheel = { ...wheelOf(torch), leaveOut: /torch_cuda/, beside: [beside] };
    const { libDir, root } = await installLibtorch({ env, wheel, sources: [source] });
    expect(readdirSync(libDir).sort()).toEqual([library('c10'), library('torch_cpu')].sort());
    expect(readdirSync(join(root, '../nvidia/cu13/lib'))).toEqual(['libcupti.so.13']);
  });

  it('leaves nothing when a wheel beside is refused', async () => {
    const beside = [{ ...wheelOf(good), file: 'other.whl', sha256: '00' }];
    const options = { env, wheel: { ...wheelOf(good), beside }, sources: [giving(good)] };
    await expect(installLibtorch(options)).rejects.toMatchObject({ code: 'ERR_LIBTORCH' });
    expect(readdirSync(store())).toEqual([]);
  });

  it('knows no build for another version of CUDA', async () => {
    await expect(installLibtorch({ env, cuda: '9.0' })).rejects.toMatchObject({
      code: 'ERR_LIBTORCH',
      message: expect.stringMatching(/and CUDA 9\.0 \(known: .*CUDA 13\.0, 13\.2 on linux-x64/),
    });
  });

  it('says which platforms it knows on one that it does not', async () => {
    const arch = Object.getOwnPropertyDescriptor(process, 'arch') as PropertyDescriptor;
    Object.defineProperty(process, 'arch', { ...arch, value: 'mips' });
    try {
      await expect(installLibtorch({ env })).rejects.toMatchObject({
        code: 'ERR_LIBTORCH',
        message: expect.stringMatching(/mips.*linux-x64.*libtorch use DIR/s),
      });
    } finally {
      Object.defineProperty(process, 'arch', arch);
    }
  });
});

describe('sources', () => {
  it.runIf(process.platform !== 'win32')('pip is asked for exactly the CPU build, whatever the Python', async () => {
    mkdirSync(at('bin'));
    writeFileSync(at('torch.whl'), good);
    const python =
      '#!/bin/sh\necho "$@" > "$0.arguments"\nwhile [ "$1" != --dest ]; do shift; done\n/bin/cp "$(/usr/bin/dirname "$0")/../torch.whl" "$2/"\n';
    writeFileSync(at('bin/python3'), python);
    chmodSync(at('bin/python3'), 0o755);
    env.PATH = at('bin');
    const { root } = await installLibtorch({ env, wheel: wheelOf(good), sources: [pipSource] });
    expect(existsSync(root)).toBe(true);
    const given = readFileSync(at('bin/python3.arguments'), 'utf8');
    expect(given).toMatch(
      /-m pip download .*--no-deps --only-binary=:all: --implementation cp --python-version 3\.11 /,
    );
    expect(given).toMatch(/--platform any .* torch==2\.13\.0\+cpu\n$/);
  });

  it('a missing python3 and a missing page are named', async () => {
    const server = createServer((_, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/torch.whl`;
    env.PATH = at('nowhere');
    await expect(
      installLibtorch({ env, wheel: wheelOf(good, url), sources: [pipSource, indexSource] }),
    ).rejects.toMatchObject({
      code: 'ERR_LIBTORCH',
      message: expect.stringMatching(/python3? is not installed.*answered 404/s),
    });
    server.close();
  });

  it('the index is read with its progress', async () => {
    const server = createServer((_, response) => response.end(good)).listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/torch.whl`;
    const seen: (number | undefined)[] = [];
    await installLibtorch({
      env,
      wheel: wheelOf(good, url),
      sources: [indexSource],
      onProgress: ({ stage, bytes }) => stage === 'download' && seen.push(bytes),
    });
    expect(seen.at(-1)).toBe(good.length);
    server.close();
  });
});

describe('withLock', () => {
  it('takes over from a process that died, not from one that lives', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((closed) => child.once('close', closed));
    writeFileSync(at('lock'), JSON.stringify({ pid: child.pid, host: hostname(), began: null, token: 'a' }));
    expect(await withLock(at('lock'), async () => 'done')).toBe('done');
    expect(existsSync(at('lock'))).toBe(false);

    writeFileSync(at('lock'), JSON.stringify({ pid: process.ppid, host: hostname(), began: null, token: 'b' }));
    const controller = new AbortController();
    const onWait = vi.fn(() => controller.abort());
    await expect(
      withLock(at('lock'), async () => 'never', { signal: controller.signal, onWait }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    expect(onWait).toHaveBeenCalledWith(process.ppid);
    expect(existsSync(at('lock'))).toBe(true);
  });

  it('is released when the work fails', async () => {
    await expect(withLock(at('lock'), () => Promise.reject(new Error('work')))).rejects.toThrow('work');
    expect(existsSync(at('lock'))).toBe(false);
  });
});
