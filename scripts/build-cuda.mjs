// `node scripts/build-cuda.mjs`: build/Release/contrastive_cuda.so, for the libtorch for CUDA that has the version of the one
// that the addon was built against, which may itself be for the CPU. NVIDIA's headers come from its wheels, into build/cuda-headers/.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './bootstrap.mjs';
import { buildNative } from './build-native.mjs';
import { load } from './libtorch.mjs';
import { interruptible, isMain, root, runLogged, StepError, step } from './steps.mjs';

const headers = join(root, 'build/cuda-headers');

/** The rows of the manifest for a build of this minor version. */
async function wheelsFor(version) {
  const { cudaHeaderWheels, cudaWheels } = await load('native/manifest-cuda');
  const minor = (text) => text.split('.').slice(0, 2).join('.');
  const libtorch = Object.values(cudaWheels).find((wheel) => minor(wheel.version) === minor(version));
  if (libtorch === undefined)
    throw new StepError(`lib/native/manifest-cuda.ts names no libtorch ${minor(version)} for CUDA`);
  return cudaHeaderWheels(libtorch);
}

/** The folders with NVIDIA's headers. */
async function obtainHeaders(version, at) {
  const wheels = await wheelsFor(version);
  const digest = createHash('sha256').update(wheels.map(({ sha256 }) => sha256).join());
  const folder = join(headers, digest.digest('hex').slice(0, 16));
  if (!existsSync(folder)) {
    const { indexSource, obtainWheel, pipSource } = await load('native/libtorch-install');
    const { unpackLibtorch } = await load('native/libtorch-unpack');
    const downloads = join(headers, 'download');
    rmSync(downloads, { recursive: true, force: true });
    mkdirSync(downloads, { recursive: true });
    const unpacked = join(downloads, 'unpacked');
    const onProgress = ({ stage, detail }) => at(`${stage}: ${detail}`);
    await interruptible(async (signal) => {
      for (const wheel of wheels) {
        const context = { env: process.env, signal, onProgress };
        const path = await obtainWheel(wheel, downloads, [pipSource, indexSource], context);
        await unpackLibtorch(path, unpacked, { leaveOut: /\.so[.\d]*$/, signal });
      }
    });
    renameSync(unpacked, folder);
    rmSync(downloads, { recursive: true });
  }
  return readdirSync(join(folder, 'nvidia')).map((name) => join(folder, 'nvidia', name, 'include'));
}

export async function buildCuda() {
  await buildNative();
  await step('contrastive_cuda.so', async (at) => {
    const { resolveLibtorch } = await load('native/libtorch');
    const version = resolveLibtorch({ headers: true }).libtorch.version.replace(/\+.*/, '');
    const includes = await obtainHeaders(version, at);
    const given = `-DCONTRASTIVE_CUDA_INCLUDES=${includes.join(';')}`;
    await runLogged('cuda-configure', 'cmake', ['-S', root, '-B', join(root, 'build'), given]);
    await runLogged('cuda-build', 'cmake', ['--build', join(root, 'build'), '--target', 'cuda']);
    return `for libtorch ${version}`;
  });
}

if (isMain(import.meta.url)) await run(buildCuda);
