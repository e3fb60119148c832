/** A project of a user: both tarballs installed into an empty folder, programs run with node alone on the path. */
import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const tools = join(root, 'build/test-package/tools/node_modules');
export const platform = `${process.platform}-${process.arch}`;

const packages = join(root, 'build/packages');

/** The tarball whose name starts so, as test-package.mjs has made it. */
function tarball(name: string): string {
  const found = readdirSync(packages).filter((file) => file.startsWith(name) && file.endsWith('.tgz'));
  if (found.length !== 1) throw new Error(`${packages} must hold one ${name}*.tgz, got [${found.join(', ')}]`);
  return join(packages, found[0] as string);
}
export const tarballs = { main: tarball('contrastive-0'), libtorch: tarball(`contrastive-libtorch-${platform}-`) };

export const nodeVersions = ['20', '22', '24'] as const;
export type NodeVersion = (typeof nodeVersions)[number];
export const nodeBinary = (version: NodeVersion): string => join(tools, `node-${version}`, 'bin/node');

export interface Consumer {
  readonly folder: string;
  write(name: string, text: string): void;
  /** Runs node there; nothing of this process's environment reaches it. */
  node(args: readonly string[], options?: RunOptions): SpawnSyncReturns<string>;
  remove(): void;
}

export interface RunOptions {
  readonly version?: NodeVersion;
  readonly env?: Readonly<Record<string, string>>;
}

/** An empty project. */
export function emptyConsumer(manifest: object = {}): Consumer {
  const folder = mkdtempSync(join(tmpdir(), 'contrastive-consumer-'));
  return { ...consumerAt(folder, manifest), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A project in `folder`, whose home and path are its own. */
export function consumerAt(folder: string, manifest: object = {}): Consumer {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, ...manifest }));
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const node = (args: readonly string[], { version = '22', env = {} }: RunOptions = {}): SpawnSyncReturns<string> => {
    const bin = join(folder, `bin-${version}`);
    mkdirSync(bin, { recursive: true });
    rmSync(join(bin, 'node'), { force: true });
    symlinkSync(nodeBinary(version), join(bin, 'node'));
    return spawnSync(join(bin, 'node'), args, {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: bin, HOME: folder, OMP_NUM_THREADS: '1', ...env },
      timeout: 240_000,
    });
  };
  return { folder, write, node, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Runs a package manager; throws with its words when it fails. */
export function install(
  folder: string,
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): void {
  execFileSync(program, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, ...env }, stdio: 'pipe' });
}

/** `npm install --ignore-scripts` of the tarballs. */
export function npmInstall(folder: string, files: readonly string[] = Object.values(tarballs)): void {
  install(folder, 'npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...files]);
}

/** A program that ended well: with status 0 and no complaint. Shows what it said otherwise. */
export const wellEnded = { status: 0, signal: null, stderr: '' };
