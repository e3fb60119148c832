// `npm run package:libtorch`: build/packages/contrastive-libtorch-<platform>-<version>.tgz, the npm package that brings libtorch's
// libraries for this platform. Made from the wheel of lib/native/manifest.ts, whatever libtorch this machine uses; from the file WHEEL
// after `--` where that one holds what must not be passed on (Linux on Arm: NVIDIA's libraries).
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './bootstrap.mjs';
import { readLibrary, systemLibrary } from './elf.mjs';
import { load } from './libtorch.mjs';
import { pack } from './npm.mjs';
import { interruptible, isMain, root, StepError, step } from './steps.mjs';

const packages = join(root, 'build/packages');
const platform = `${process.platform}-${process.arch}`;

/** Larger ones make installing slow and are near what registries take. */
const maxBytes = 130e6;

/** The libraries of `folder` that `addon` needs, and those that these need. None but the system's may lie elsewhere. */
export function neededLibraries(folder, addon = join(root, 'build/Release/contrastive_core.so')) {
  // Mach-O names its libraries elsewhere; libtorch for macOS brings nothing but what is needed.
  if (process.platform === 'darwin') return ['libc10.dylib', 'libtorch_cpu.dylib', 'libtorch.dylib', 'libomp.dylib'];
  const found = new Set();
  const visit = (path) => {
    for (const name of readLibrary(path).needed) {
      if (found.has(name) || systemLibrary.test(name)) continue;
      if (!existsSync(join(folder, name)))
        throw new StepError(`${basename(path)} needs ${name}, which ${folder} lacks; name another wheel: -- WHEEL`);
      found.add(name);
      visit(join(folder, name));
    }
  };
  visit(addon);
  return [...found].sort();
}

/** What the wheel brings without a licence, by the folders of packages/: libraries of `folder`, and Intel's, linked into libtorch. */
export function withoutLicence(folder) {
  const names = readdirSync(folder);
  const beside = ['libgomp', 'libomp', 'libopenblas', 'libarm_compute'];
  const found = beside.filter((library) => names.some((name) => name.startsWith(library)));
  const libtorch = names.find((name) => name.startsWith('libtorch_cpu.'));
  if (libtorch !== undefined && readFileSync(join(folder, libtorch)).includes('Intel oneMKL')) found.push('mkl');
  return found;
}

/** For installLibtorch(): the manifest's wheel, or the file at `path`, for which the caller vouches. */
export function wheelOptions(path) {
  if (path === undefined) return {};
  const file = basename(path);
  const version = /^torch-([^-]+)-.*\.whl$/.exec(file)?.[1];
  if (version === undefined) throw new StepError(`WHEEL must be torch-VERSION-….whl, got ${path}`);
  const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
  const wheel = { version, file, sha256, pipPlatform: 'any', url: '' };
  return { wheel, sources: [{ name: 'given', fetch: async () => path }] };
}

function manifest(version) {
  return {
    name: `@contrastive/libtorch-${platform}`,
    version,
    description: `libtorch ${version} (CPU) for ${platform}: the shared libraries that the package contrastive opens`,
    license: 'SEE LICENSE IN licenses',
    os: [process.platform],
    cpu: [process.arch],
    ...(process.platform === 'linux' && { libc: ['glibc'] }),
    // Yarn must unzip it: libraries are opened from files.
    preferUnplugged: true,
  };
}

export async function packageLibtorch(wheel) {
  if (process.platform === 'win32')
    throw new StepError('libtorch for Windows holds libiomp5md.dll, which Intel lets nobody pass on alone: no package');
  const { installLibtorch } = await load('native/libtorch-install');
  const options = wheelOptions(wheel);
  let libtorch;
  await step('libtorch', async (at) => {
    const env = { ...process.env, CONTRASTIVE_CACHE: join(root, 'build/package-cache') };
    const onProgress = ({ stage, detail }) => at(`${stage}: ${detail}`);
    libtorch = await interruptible((signal) => installLibtorch({ env, onProgress, signal, ...options }));
    return libtorch.version;
  });

  await step(`@contrastive/libtorch-${platform}`, async () => {
    const folder = join(packages, `libtorch-${platform}`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, 'lib'), { recursive: true });
    const needed = neededLibraries(libtorch.libDir);
    for (const name of needed) cpSync(join(libtorch.libDir, name), join(folder, 'lib', name));
    cpSync(join(libtorch.root, 'licenses'), join(folder, 'licenses'), { recursive: true });
    for (const name of withoutLicence(join(folder, 'lib')))
      cpSync(join(root, 'packages', name), join(folder, 'licenses', name), { recursive: true });
    cpSync(join(libtorch.root, 'contrastive-libtorch.json'), join(folder, 'contrastive-libtorch.json'));
    writeFileSync(join(folder, 'README.md'), readFileSync(join(root, 'packages/README-libtorch.md')));
    const version = libtorch.version.replace(/\+.*/, ''); // npm ignores what follows a plus
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(version), null, 2)}\n`);
    const { file, bytes } = pack(folder, packages);
    if (bytes > maxBytes) throw new StepError(`${file} has ${bytes} bytes, at most ${maxBytes} are allowed`);
    return `build/packages/${file}, ${(statSync(join(packages, file)).size / 1e6).toFixed(1)} MB`;
  });
}

if (isMain(import.meta.url)) await run(() => packageLibtorch(process.argv[2]));
