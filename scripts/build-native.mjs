// Builds build/Release/contrastive.node and contrastive_core.so: CMake through cmake-js, incrementally; in a checkout and in
// an installed package. A stamp of the sources' names, sizes and times says whether there is anything to do, so that CMake need not
// start to find out.
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { join, resolve, sep } from 'node:path';
import { chosenLibtorch, libtorchVariables, obtainLibtorch } from './libtorch.mjs';
import { npmCommand } from './npm.mjs';
import { isMain, root, runLogged, StepError, signature, stamp, step } from './steps.mjs';
import { checkTools } from './tools.mjs';

const nativeStamp = stamp('build/native.stamp');
const outputs = ['build/Release/contrastive.node', 'build/Release/contrastive_core.so'];

const inputs = () =>
  signature(['native', 'CMakeLists.txt', 'node_modules/node-addon-api/package.json'], libtorchVariables());

const stamped = () => nativeStamp.read()?.split('\n') ?? [];

/** True when the addon was built from the sources as they are and its libtorch is still there. */
export function isNativeCurrent() {
  const [made, libtorchRoot] = stamped();
  const complete = outputs.every((file) => existsSync(join(root, file)));
  return complete && libtorchRoot !== undefined && existsSync(libtorchRoot) && made === inputs();
}

/** One value of CMake's cache, or undefined. */
function cached(name) {
  const file = join(root, 'build/CMakeCache.txt');
  if (!existsSync(file)) return undefined;
  return new RegExp(`^${name}:\\w+=(.*)$`, 'm').exec(readFileSync(file, 'utf8'))?.[1];
}

/** A development dependency; an installed package, which seldom has to build, fetches the same version when it does. */
function cmakeJs() {
  const local = join(root, 'node_modules/cmake-js/bin/cmake-js');
  if (existsSync(local)) return [process.execPath, local];
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return [...npmCommand(), 'exec', '--yes', `--package=cmake-js@${devDependencies['cmake-js']}`, '--', 'cmake-js'];
}

/** CMake writes slashes on Windows too. */
const holds = (name, path) => cached(name) !== undefined && resolve(cached(name)) === resolve(path);

async function configure(libtorchRoot, at) {
  const configured = ['build.ninja', 'Makefile', 'contrastive.sln', 'contrastive.slnx'].some((file) =>
    existsSync(join(root, 'build', file)),
  );
  if (configured && holds('CMAKE_HOME_DIRECTORY', root) && holds('CONTRASTIVE_LIBTORCH', libtorchRoot)) return;
  // A cache of another folder or of a configuration that failed half-way only gets in the way.
  rmSync(join(root, 'build/CMakeCache.txt'), { force: true });
  rmSync(join(root, 'build/CMakeFiles'), { recursive: true, force: true });
  at('configuring');
  const [program, ...args] = cmakeJs();
  const libtorch = libtorchRoot.split(sep).join('/');
  await runLogged('native-configure', program, [...args, 'configure', `--CDCONTRASTIVE_LIBTORCH=${libtorch}`]);
}

/** make, unlike Ninja, takes an object file that a killed compiler left half-written for a good one. */
function removeDoubtfulObjects(since) {
  if (cached('CMAKE_GENERATOR') !== 'Unix Makefiles') return;
  for (const name of readdirSync(join(root, 'build'), { recursive: true }))
    if (/\.(o|gch|so|node)$/.test(name) && statSync(join(root, 'build', name)).mtimeMs >= since)
      rmSync(join(root, 'build', name));
}

/** Whether `contrastive libtorch install` or `use` has since chosen another libtorch. */
async function isOfTheChosen() {
  const [, libtorchRoot] = stamped();
  return libtorchRoot === ((await chosenLibtorch()) ?? libtorchRoot);
}

/** The native build; nothing when it is current. */
export async function buildNative() {
  if (isNativeCurrent() && (await isOfTheChosen())) return;
  checkTools();
  let libtorch;
  await step('libtorch', async (at) => {
    const obtained = await obtainLibtorch(at);
    libtorch = obtained.libtorch;
    return `${libtorch.version ?? 'unknown version'}, ${obtained.installed ? 'installed in' : 'found in'} ${libtorch.root}`;
  });

  await step('native build', async (at) => {
    const madeFrom = inputs();
    nativeStamp.clear();
    const underWay = stamp('build/native.under-way');
    const interrupted = underWay.read();
    if (interrupted !== undefined) removeDoubtfulObjects(Number(interrupted));
    else underWay.write(String(Date.now()));
    await configure(libtorch.root, at);
    // A file that includes ATen takes about 1.2 GB to compile.
    const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / 1.2e9)));
    await runLogged('native-build', 'cmake', ['--build', 'build', '--config', 'Release', '--parallel', String(jobs)], {
      onLine: (line) => /^(\[|waiting)/.test(line) && at(line),
      env: { CL_MPCount: String(jobs) }, // Visual Studio's builds count files of a target apart
    });
    underWay.clear();
    nativeStamp.write(`${madeFrom}\n${libtorch.root}`);
    return `${jobs} at a time`;
  });
}

if (isMain(import.meta.url)) {
  try {
    await buildNative();
  } catch (error) {
    console.error(error instanceof StepError ? error.message : error);
    process.exitCode = 1;
  }
}
