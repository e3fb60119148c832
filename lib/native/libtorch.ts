/**
 * Which libtorch this process uses. Nothing here loads it: folders are looked at, versions are read from files, and
 * the core's own report after loading has the last word.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { LibtorchError } from '../errors.ts';
import {
  type Environment,
  type InspectOptions,
  inspectLibtorch,
  type Libtorch,
  type LibtorchCandidate,
} from './libtorch-build.ts';
import { pythonCommand } from './python.ts';

export {
  isCudaBuild,
  type Libtorch,
  type LibtorchCandidate,
  preloadList,
  refuseInterface,
  refuseVersion,
} from './libtorch-build.ts';

export interface LibtorchResolution {
  readonly libtorch: Libtorch | undefined;
  /** Every place looked at, in order; the search ends at the first that is usable. */
  readonly candidates: readonly LibtorchCandidate[];
  /** An explicit choice that cannot be used: the search stops there, so that a typing error never picks another build. */
  readonly blocked?: LibtorchCandidate;
}

export interface ResolveOptions extends InspectOptions {
  /** An explicit folder; wins over everything else. */
  readonly libtorch?: string;
  /** Where a system-wide libtorch may lie. */
  readonly systemRoots?: readonly string[];
}

/** The per-user cache, of libtorch and of data sets: `CONTRASTIVE_CACHE`, else `contrastive` in the platform's cache folder. */
export function cacheDir(env: Environment = process.env): string {
  if (env.CONTRASTIVE_CACHE) return resolve(env.CONTRASTIVE_CACHE);
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return join(env.XDG_CACHE_HOME, 'contrastive');
  if (process.platform === 'win32' && env.LOCALAPPDATA) return join(env.LOCALAPPDATA, 'contrastive', 'cache');
  return join(env.HOME || homedir(), '.cache', 'contrastive');
}

/** The folder of the torch that `python3` would import, found without importing it. */
function pytorchFolder(env: Environment): string | undefined {
  const [python, ...args] = pythonCommand(env);
  const code = "import importlib.util as u; s = u.find_spec('torch'); print(s.origin if s and s.origin else '')";
  const { status, stdout } = spawnSync(python, [...args, '-c', code], {
    encoding: 'utf8',
    env: { ...env },
    timeout: 30_000,
  });
  const origin = status === 0 ? stdout.trim() : '';
  return origin === '' ? undefined : dirname(origin);
}

function platformPackage(): string | undefined {
  const name = `@contrastive/libtorch-${process.platform}-${process.arch}`;
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

const selectionFile = (env: Environment): string => join(cacheDir(env), 'libtorch.json');

function readSelection(env: Environment): string | undefined {
  try {
    const { path } = JSON.parse(readFileSync(selectionFile(env), 'utf8')) as { path?: unknown };
    return typeof path === 'string' ? path : undefined;
  } catch {
    return undefined; // absent, or damaged by hand: nothing is chosen
  }
}

/** Makes `root` the choice of this user's cache, as `contrastive libtorch install` and `use` do. */
export function selectLibtorch(root: string, env: Environment = process.env): void {
  const file = selectionFile(env);
  mkdirSync(dirname(file), { recursive: true });
  const staged = `${file}.${process.pid}`;
  writeFileSync(staged, `${JSON.stringify({ path: root })}\n`);
  renameSync(staged, file);
}

const systemRootsOf: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ['/opt/libtorch', '/usr/local/libtorch', '/usr/local', '/usr'],
  darwin: ['/opt/libtorch', '/usr/local/libtorch', '/opt/homebrew', '/usr/local'],
};

interface Place {
  readonly source: string;
  /** Why `find` gave nothing. */
  readonly missing: string;
  /** An explicit choice: unusable is an error. Not so LIBTORCH, which belongs to other programs too. */
  readonly binding: boolean;
  find(): string | undefined;
}

function places(options: ResolveOptions, env: Environment): Place[] {
  const explicit = options.libtorch;
  const list: Place[] = [];
  if (explicit !== undefined)
    list.push({ source: 'the option libtorch', missing: 'not given', binding: true, find: () => explicit });
  const systemRoots = options.systemRoots ?? systemRootsOf[process.platform] ?? [];
  const variable = (name: string, binding: boolean): Place => ({
    source: `the variable ${name}`,
    missing: 'not set',
    binding,
    find: () => env[name] || undefined,
  });
  const usePyTorch = env.CONTRASTIVE_USE_PYTORCH === '1';
  list.push(variable('CONTRASTIVE_LIBTORCH', true), variable('LIBTORCH', false), {
    source: "python3's PyTorch (CONTRASTIVE_USE_PYTORCH=1)",
    missing: usePyTorch ? 'python3 has no module torch' : 'not asked for',
    binding: usePyTorch,
    find: () => (usePyTorch ? pytorchFolder(env) : undefined),
  });
  list.push(
    {
      source: '`contrastive libtorch install` or `use`',
      missing: `nothing is chosen in ${selectionFile(env)}`,
      binding: false,
      find: () => readSelection(env),
    },
    {
      source: `the npm package @contrastive/libtorch-${process.platform}-${process.arch}`,
      missing: 'not installed',
      binding: false,
      find: platformPackage,
    },
    {
      source: 'the system',
      missing: `nothing that can be used in ${systemRoots.join(', ')}`,
      binding: false,
      find: () =>
        systemRoots.find((root) => inspectLibtorch(root, 'the system', { ...options, env }).libtorch !== undefined),
    },
  );
  return list;
}

/** Finds libtorch: explicit choices first, then the user's cache, the platform package, the system. Loads nothing. */
export function resolveLibtorch(options: ResolveOptions = {}): LibtorchResolution {
  const env = options.env ?? process.env;
  const candidates: LibtorchCandidate[] = [];
  for (const { source, missing, binding, find } of places(options, env)) {
    const path = find();
    const candidate: LibtorchCandidate =
      path === undefined ? { source, path, refused: missing } : inspectLibtorch(path, source, { ...options, env });
    candidates.push(candidate);
    if (candidate.libtorch !== undefined) return { libtorch: candidate.libtorch, candidates };
    if (binding && (path !== undefined || source.startsWith('python3')))
      return { libtorch: undefined, candidates, blocked: candidate };
  }
  return { libtorch: undefined, candidates };
}

/**
 * The libtorch to use.
 * @throws {LibtorchError} none is found, or an explicit choice cannot be used.
 */
export function findLibtorch(options: ResolveOptions = {}): Libtorch {
  const { libtorch, candidates, blocked } = resolveLibtorch(options);
  if (libtorch !== undefined) return libtorch;
  if (blocked !== undefined)
    throw new LibtorchError(`libtorch as chosen by ${blocked.source} cannot be used: ${blocked.refused}`);
  const refused = candidates.filter(({ path }) => path !== undefined).map((c) => `\n  ${c.source}: ${c.refused}`);
  throw new LibtorchError(
    'libtorch was not found. `npx contrastive libtorch install` fetches it, `npx contrastive libtorch use DIR` takes one ' +
      `that is already on this machine.${refused.length > 0 ? ` Looked at and refused:${refused.join('')}` : ''}`,
  );
}
