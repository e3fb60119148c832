/** One libtorch on disk: is it there, which version, can it be used, what to open in which order. Loads nothing. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { testedVersions } from './manifest.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Libtorch {
  /** The folder that holds `lib/` and, in builds that one can compile against, `include/` and `share/cmake/`. */
  readonly root: string;
  readonly libDir: string;
  /** `2.13.0+cpu`; undefined when no file tells. */
  readonly version: string | undefined;
  readonly headers: boolean;
  /** Where the choice came from, for people: "the variable CONTRASTIVE_LIBTORCH". */
  readonly source: string;
}

/** One place that was looked at: either `libtorch` or the reason why not. */
export interface LibtorchCandidate {
  readonly source: string;
  readonly path: string | undefined;
  readonly libtorch?: Libtorch;
  readonly refused?: string;
}

/** What the installer writes beside `lib/` once everything is in place: `{ version, sha256 }`. */
export const recordName = 'contrastive-libtorch.json';

/** `torch_cpu` is `libtorch_cpu.so` on Linux. */
export function libraryFile(stem: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') return `${stem}.dll`;
  return platform === 'darwin' ? `lib${stem}.dylib` : `lib${stem}.so`;
}

/** Whether it is a build for CUDA, on a machine with a GPU or not. */
export const isCudaBuild = (libDir: string): boolean => existsSync(join(libDir, libraryFile('torch_cuda')));

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Reads the version from the files that come with a build; the first that knows wins. */
function readVersion(root: string): string | undefined {
  const single: [string, RegExp][] = [
    [recordName, /"version"\s*:\s*"([^"]+)"/],
    ['version.py', /__version__\s*=\s*['"]([^'"]+)['"]/], // a wheel
    ['build-version', /^\s*(\d\S*)/], // PyTorch's own libtorch zip
    ['share/cmake/Torch/TorchConfigVersion.cmake', /PACKAGE_VERSION\s+"([^"]+)"/],
  ];
  for (const [file, pattern] of single) {
    const found = pattern.exec(readText(join(root, file)) ?? '')?.[1];
    if (found) return found;
  }
  for (const file of ['include/torch/headeronly/version.h', 'include/torch/csrc/api/include/torch/version.h']) {
    const text = readText(join(root, file)) ?? '';
    const parts = ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1]);
    if (parts.every((part) => part !== undefined)) return parts.join('.');
  }
  return undefined;
}

const minorOf = (version: string): string => version.split('.').slice(0, 2).join('.');

/** The reason why `version` must not be used, or undefined when it may. `where` names the build in the message. */
export function refuseVersion(version: string, where: string, env: Environment = process.env): string | undefined {
  if (testedVersions.includes(minorOf(version)) || env.CONTRASTIVE_ALLOW_UNTESTED_LIBTORCH === '1') return undefined;
  return (
    `${where} is libtorch ${version}, and this version of contrastive was tested with ${testedVersions.join(', ')}; ` +
    'set CONTRASTIVE_ALLOW_UNTESTED_LIBTORCH=1 to use it all the same'
  );
}

/**
 * The reason why an addon that was compiled against `compiledAgainst` must not be given `version`: libtorch's C++ interface
 * changes with every minor version.
 */
export function refuseInterface(version: string, where: string, compiledAgainst: string): string | undefined {
  if (minorOf(version) === minorOf(compiledAgainst)) return undefined;
  return (
    `${where} is libtorch ${version}, and the addon was compiled against ${compiledAgainst}: their C++ interfaces differ; ` +
    'with this one chosen, `npx contrastive build` compiles the addon for it'
  );
}

export interface InspectOptions {
  /** Only builds with headers, to compile against. */
  readonly headers?: boolean;
  /** Only builds that an addon compiled against this version loads with. */
  readonly compiledAgainst?: string;
  readonly env?: Environment;
}

/** Looks into one folder; `source` is for messages. */
export function inspectLibtorch(path: string, source: string, options: InspectOptions = {}): LibtorchCandidate {
  const folder = resolve(path);
  const refuse = (refused: string): LibtorchCandidate => ({ source, path: folder, refused });
  if (!existsSync(folder)) return refuse(`${folder} does not exist`);

  const library = libraryFile('torch_cpu');
  const root = existsSync(join(folder, library)) && basename(folder) === 'lib' ? dirname(folder) : folder;
  const libDir = ['lib', 'lib64', 'lib/x86_64-linux-gnu', 'lib/aarch64-linux-gnu']
    .map((name) => join(root, name))
    .find((directory) => existsSync(join(directory, library)));
  if (libDir === undefined) return refuse(`${folder} has no lib/${library}`);

  const version = readVersion(root);
  if (version !== undefined) {
    const { compiledAgainst, env } = options;
    const reason =
      refuseVersion(version, root, env) ??
      (compiledAgainst === undefined ? undefined : refuseInterface(version, root, compiledAgainst));
    if (reason !== undefined) return refuse(reason);
  }
  const headers = existsSync(join(root, 'include/ATen/ATen.h'));
  if (options.headers && !headers) return refuse(`${root} has no include/ATen/ATen.h to compile against`);
  return { source, path: folder, libtorch: { root, libDir, version, headers, source } };
}

/**
 * The libraries to open before the core, by absolute path and in this order. A later one finds the earlier ones by
 * name (soname, install name, module name), so no search path is needed: no rpath, LD_LIBRARY_PATH or PATH. macOS's
 * OpenMP runtime is left to libtorch_cpu, which looks beside itself: its install name is none to find it by.
 */
export function preloadList(libDir: string, platform: NodeJS.Platform = process.platform): string[] {
  const present = (stem: string): string[] => {
    const file = join(libDir, libraryFile(stem, platform));
    return existsSync(file) ? [file] : [];
  };
  const runtime = platform === 'win32' ? /^libiomp5md\.dll$/i : /^libgomp[-.\w]*\.so[.\d]*$/;
  const openmp = readdirSync(libDir)
    .filter((name) => runtime.test(name))
    .sort()
    .map((name) => join(libDir, name));
  return [...openmp, ...['c10', 'c10_cuda', 'torch_cpu', 'torch_cuda', 'torch'].flatMap(present)];
}
