/** Obtains libtorch for this platform: a PyTorch wheel, checked against the manifest's sha256, unpacked into the user's cache. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AbortError, LibtorchError } from '../errors.ts';
import { cacheDir, selectLibtorch } from './libtorch.ts';
import { type Environment, inspectLibtorch, type Libtorch, recordName } from './libtorch-build.ts';
import { withLock } from './libtorch-lock.ts';
import { unpackLibtorch } from './libtorch-unpack.ts';
import { installableCuda, installablePlatforms, wheelFor } from './manifest.ts';
import { pythonCommand } from './python.ts';
import type { Wheel } from './wheel.ts';

/** What is going on, for a progress line: bytes where they are known. */
export interface InstallProgress {
  readonly stage: 'waiting' | 'download' | 'verify' | 'unpack';
  readonly detail: string;
  readonly bytes?: number;
  readonly total?: number;
}

/** Puts the wheel into `folder` and returns its path. */
export interface WheelSource {
  readonly name: string;
  fetch(wheel: Wheel, folder: string, context: FetchContext): Promise<string>;
}

export interface FetchContext {
  readonly env: Environment;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: InstallProgress) => void;
}

export interface InstallOptions {
  readonly env?: Environment;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: InstallProgress) => void;
  /** Where the wheel may come from, in turn; default: pip as this machine has it configured, then the wheel's own address. */
  readonly sources?: readonly WheelSource[];
  /** A build for this version of CUDA instead of the CPU's: `13.0`. */
  readonly cuda?: string;
  /** Default: the manifest's row for this platform. */
  readonly wheel?: Wheel;
}

/** pip as the machine has it configured: mirrors, proxies and local folders included; any Python will do. */
export const pipSource: WheelSource = {
  name: 'pip',
  async fetch(wheel, folder, { env, signal, onProgress }) {
    const [python, ...first] = pythonCommand(env);
    const requirement = `${wheel.project ?? 'torch'}==${wheel.version}`;
    onProgress({ stage: 'download', detail: `${python} -m pip download ${requirement}` });
    const args = [
      ...first,
      '-m',
      'pip',
      'download',
      '--disable-pip-version-check',
      '--no-input',
      '--progress-bar',
      'off',
    ];
    args.push('--no-deps', '--only-binary=:all:', '--implementation', 'cp', '--python-version', '3.11');
    args.push('--platform', wheel.pipPlatform, '--dest', folder, requirement);
    await runQuietly(python, args, env, signal);
    return join(folder, wheel.file);
  },
};

/** PyTorch's own index (PyPI's file host for the platforms whose wheels live there), over HTTPS. */
export const indexSource: WheelSource = {
  name: 'HTTPS',
  async fetch(wheel, folder, { signal, onProgress }) {
    const detail = wheel.url;
    onProgress({ stage: 'download', detail });
    const response = await fetch(wheel.url, { ...(signal && { signal }) });
    if (!response.ok || response.body === null) throw new Error(`${wheel.url} answered ${response.status}`);
    const total = Number(response.headers.get('content-length')) || wheel.bytes;
    let bytes = 0;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        onProgress({ stage: 'download', detail, bytes, ...(total !== undefined && { total }) });
        done(null, chunk);
      },
    });
    const path = join(folder, wheel.file);
    await pipeline(Readable.fromWeb(response.body as never), count, createWriteStream(path));
    return path;
  },
};

/** Runs a program without a terminal; its last lines become the error's message. */
function runQuietly(program: string, args: string[], env: Environment, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env },
      ...(signal && { signal }),
    });
    let tail = '';
    const keep = (chunk: Buffer): void => {
      tail = (tail + chunk.toString()).slice(-2000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) =>
      reject((error as NodeJS.ErrnoException).code === 'ENOENT' ? new Error(`${program} is not installed`) : error),
    );
    child.on('close', (status) => {
      if (status === 0) return resolve();
      const last = tail.trim().split('\n').slice(-3).join(' ');
      reject(new Error(last === '' ? `${program} ended with status ${status}` : last));
    });
  });
}

async function sha256(path: string, report: (bytes: number) => void): Promise<string> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    report(bytes);
  }
  return hash.digest('hex');
}

/** Tries the sources in turn; a file with another sha256 is refused, whoever gave it. @returns its path. */
export async function obtainWheel(
  wheel: Wheel,
  folder: string,
  sources: readonly WheelSource[],
  context: FetchContext,
): Promise<string> {
  const failures: string[] = [];
  for (const source of sources) {
    const own = join(folder, source.name);
    try {
      await mkdir(own, { recursive: true });
      const path = await source.fetch(wheel, own, context);
      const found = await sha256(path, (bytes) => context.onProgress({ stage: 'verify', detail: wheel.file, bytes }));
      if (found === wheel.sha256) return path;
      throw new Error(`sha256 of ${wheel.file} is ${found}, expected ${wheel.sha256}; the file is refused`);
    } catch (error) {
      if (context.signal?.aborted) throw error;
      failures.push(`\n  ${source.name}: ${(error as Error).message}`);
      await rm(own, { recursive: true, force: true });
    }
  }
  throw new LibtorchError(
    `${wheel.file} could not be obtained:${failures.join('')}\n` +
      'python3 with pip, or a way to the network, is needed; `contrastive libtorch use DIR` takes a libtorch that is already here.',
  );
}

/**
 * Installs libtorch (Linux x64: 192 MB to download, 0.6 GB on disk) into the user's cache and makes it the choice. Does nothing but the latter when it is there.
 * Everything is made beside its final place and renamed: an interrupted install leaves nothing half-made.
 * @throws {LibtorchError} no build for this platform, or no source has the right file.
 * @throws {AbortError} the signal fired.
 */
export async function installLibtorch(options: InstallOptions = {}): Promise<Libtorch> {
  const { signal, env = process.env, onProgress = () => {}, sources = [pipSource, indexSource] } = options;
  const wheel = options.wheel ?? wheelFor(process.platform, process.arch, options.cuda);
  if (wheel === undefined)
    throw new LibtorchError(
      `there is no libtorch to install for ${process.platform}-${process.arch}` +
        `${options.cuda === undefined ? '' : ` and CUDA ${options.cuda}`} (known: ${installablePlatforms.join(', ')}; ` +
        `CUDA ${installableCuda.join(', ')} on linux-x64); ` +
        'install PyTorch or libtorch yourself and run `contrastive libtorch use DIR`',
    );
  const store = join(cacheDir(env), 'libtorch');
  const home = join(store, `${wheel.version}-${process.platform}-${process.arch}`);
  const target = join(home, 'torch');

  const install = async (): Promise<void> => {
    // A record is written before the rename, so a folder that has one is whole.
    if (existsSync(join(target, recordName))) return;
    await removeLeftovers(store);
    const staging = join(store, `.staging-${process.pid}-${Date.now()}`);
    try {
      const unpacked = join(staging, 'home');
      for (const each of [wheel, ...(wheel.beside ?? [])]) {
        const downloads = join(staging, 'download');
        const path = await obtainWheel(each, downloads, sources, { env, signal, onProgress });
        onProgress({ stage: 'unpack', detail: each.file });
        await unpackLibtorch(path, unpacked, {
          leaveOut: each.leaveOut,
          ...(signal && { signal }),
          onProgress: (bytes) => onProgress({ stage: 'unpack', detail: each.file, bytes }),
        });
        await rm(downloads, { recursive: true });
      }
      const record = { version: wheel.version, wheel: wheel.file, sha256: wheel.sha256 };
      await writeFile(join(unpacked, 'torch', recordName), `${JSON.stringify(record)}\n`);
      await rm(home, { recursive: true, force: true });
      await rename(unpacked, home);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  };

  try {
    await withLock(join(store, '.lock'), install, {
      ...(signal && { signal }),
      onWait: (pid) => onProgress({ stage: 'waiting', detail: `another install (process ${pid}) is at work` }),
    });
  } catch (error) {
    if (signal?.aborted) throw new AbortError('the install of libtorch was aborted', { cause: signal.reason });
    throw error;
  }

  const { libtorch, refused } = inspectLibtorch(target, 'contrastive libtorch install', { env });
  if (libtorch === undefined) throw new LibtorchError(`the installed libtorch cannot be used: ${refused}`);
  selectLibtorch(target, env);
  return libtorch;
}

/** Deletes what killed installs left; only called under the lock, so none of it is in use. */
async function removeLeftovers(store: string): Promise<void> {
  for (const name of await readdir(store).catch(() => []))
    if (name.startsWith('.staging-')) await rm(join(store, name), { recursive: true, force: true });
}
