// `npm run package:libtorch`: build/packages/contrastive-libtorch-<platform>-<version>.tgz, the npm package that brings libtorch's
// libraries for this platform. Made from the wheel of lib/native/manifest.ts, whatever libtorch this machine uses.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './bootstrap.mjs';
import { readLibrary } from './elf.mjs';
import { load } from './libtorch.mjs';
import { pack } from './npm.mjs';
import { interruptible, isMain, root, StepError, step } from './steps.mjs';

const packages = join(root, 'build/packages');
const platform = `${process.platform}-${process.arch}`;

/** Larger ones make installing slow and are near what registries take. */
const maxBytes = 130e6;

/** The libraries of `folder` that the addon needs, and those that these need. */
function neededLibraries(folder) {
  // Mach-O names its libraries elsewhere; libtorch for macOS brings nothing but what is needed.
  if (process.platform !== 'linux') return ['libc10.dylib', 'libtorch_cpu.dylib', 'libtorch.dylib', 'libomp.dylib'];
  const found = new Set();
  const visit = (path) => {
    for (const name of readLibrary(path).needed)
      if (!found.has(name) && existsSync(join(folder, name))) {
        found.add(name);
        visit(join(folder, name));
      }
  };
  visit(join(root, 'build/Release/contrastive_core.so'));
  return [...found].sort();
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

export async function packageLibtorch() {
  const { installLibtorch } = await load('libtorch-install');
  let libtorch;
  await step('libtorch', async (at) => {
    const env = { ...process.env, CONTRASTIVE_CACHE: join(root, 'build/package-cache') };
    const onProgress = ({ stage, detail }) => at(`${stage}: ${detail}`);
    libtorch = await interruptible((signal) => installLibtorch({ env, onProgress, signal }));
    return libtorch.version;
  });

  await step(`@contrastive/libtorch-${platform}`, async () => {
    const folder = join(packages, `libtorch-${platform}`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, 'lib'), { recursive: true });
    for (const name of neededLibraries(libtorch.libDir)) cpSync(join(libtorch.libDir, name), join(folder, 'lib', name));
    cpSync(join(libtorch.root, 'licenses'), join(folder, 'licenses'), { recursive: true });
    // The wheel brings GCC's OpenMP runtime without its licence.
    cpSync(join(root, 'packages/libgomp'), join(folder, 'licenses/libgomp'), { recursive: true });
    cpSync(join(libtorch.root, 'contrastive-libtorch.json'), join(folder, 'contrastive-libtorch.json'));
    writeFileSync(join(folder, 'README.md'), readFileSync(join(root, 'packages/README-libtorch.md')));
    const version = libtorch.version.replace(/\+.*/, ''); // npm ignores what follows a plus
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(version), null, 2)}\n`);
    const { file, bytes } = pack(folder, packages);
    if (bytes > maxBytes) throw new StepError(`${file} has ${bytes} bytes, at most ${maxBytes} are allowed`);
    return `build/packages/${file}, ${(statSync(join(packages, file)).size / 1e6).toFixed(1)} MB`;
  });
}

if (isMain(import.meta.url)) await run(packageLibtorch);
