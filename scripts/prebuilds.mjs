// `npm run prebuilds`: prebuilds/<platform>-<arch>/ with contrastive.node and contrastive_core.so, on Linux x64
// contrastive_cuda.so too, stripped, which node-gyp-build finds in an installed package. (npm would run a script named `prebuild` before every `build`.)
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { run } from './bootstrap.mjs';
import { buildCuda } from './build-cuda.mjs';
import { buildNative } from './build-native.mjs';
import { isMain, root, step } from './steps.mjs';

export async function makePrebuilds() {
  const platform = `${process.platform}-${process.arch}`;
  await (platform === 'linux-x64' ? buildCuda() : buildNative());
  await step('prebuilds', async () => {
    const { default: prebuildify } = await import('prebuildify');
    // prebuildify moves the addon out of build/Release and strips in place: it gets a copy.
    const copy = join(root, 'build/prebuild');
    rmSync(copy, { recursive: true, force: true });
    mkdirSync(copy, { recursive: true });
    cpSync(join(root, 'build/Release'), join(copy, 'build/Release'), { recursive: true });
    rmSync(join(root, 'prebuilds', platform), { recursive: true, force: true });
    await promisify(prebuildify)({
      name: 'contrastive',
      napi: true,
      targets: [process.version],
      cwd: copy,
      out: root,
      cache: copy,
      strip: true,
      // The build that prebuildify asks for is there already: a command that succeeds, whatever its arguments.
      nodeGyp: process.platform === 'win32' ? 'rem' : 'true',
    });
    return `prebuilds/${platform}`;
  });
}

if (isMain(import.meta.url)) await run(makePrebuilds);
