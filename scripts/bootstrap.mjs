// Makes a checkout ready to run: dependencies, libtorch, native and TypeScript builds. Each step is skipped when it is up to
// date, and runs again when it was interrupted. Node's own modules only, since it starts without node_modules.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { npmCommand } from './npm.mjs';
import { contentHash, isMain, root, runLogged, StepError, signature, stamp, step } from './steps.mjs';
import { checkTools } from './tools.mjs';

// npm ci empties node_modules first, so a stamp in it never outlives an interrupted install.
const dependenciesStamp = stamp('node_modules/.stamp');
const dependencies = () => `${contentHash('package-lock.json')} ${process.platform}-${process.arch}`;

async function installDependencies(at) {
  const [program, ...args] = npmCommand();
  await runLogged('npm-ci', program, [...args, 'ci', '--no-audit', '--no-fund'], { onLine: at });
  dependenciesStamp.write(dependencies());
}

const typescriptStamp = stamp('build/typescript.stamp');
const typescriptInputs = () =>
  signature(['lib', 'tsconfig.json', 'tsconfig.build.json'], contentHash('package-lock.json'));
const isTypescriptCurrent = () =>
  existsSync(join(root, 'dist/cli/bin.cjs')) && typescriptStamp.read() === typescriptInputs();

async function buildTypescript() {
  const madeFrom = typescriptInputs();
  typescriptStamp.clear();
  await runLogged('tsc', process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    'tsconfig.build.json',
  ]);
  removeOrphans();
  typescriptStamp.write(madeFrom);
}

/** tsc leaves the outputs of sources that were renamed or deleted. */
function removeOrphans() {
  for (const name of readdirSync(join(root, 'dist'), { recursive: true })) {
    const source = /^(.*?)(\.d\.ts|\.js)(\.map)?$/.exec(name)?.[1];
    if (source !== undefined && !existsSync(join(root, 'lib', `${source}.ts`))) rmSync(join(root, 'dist', name));
  }
}

/**
 * Runs what is not up to date.
 * @param checkArguments throws for arguments of no use, before anything is built; the dependencies are there when it is called. Not
 * called where nothing is to be built: the program says it as soon.
 */
export async function bootstrap(checkArguments = async () => {}) {
  const started = performance.now();
  const haveDependencies = dependenciesStamp.read() === dependencies();
  // build-native.mjs loads lib/ through tsx, which comes with the dependencies; what it imports by itself is Node's own.
  const { buildNative, isNativeCurrent } = await import('./build-native.mjs');
  if (haveDependencies && isNativeCurrent() && isTypescriptCurrent()) {
    console.log(`  set-up is up to date (${Math.round(performance.now() - started)} ms)`);
    return;
  }
  console.log('  set-up: npm packages, libtorch, C++ and TypeScript; 4 to 8 minutes on two cores the first time');
  await step('tools', checkTools);
  if (!haveDependencies) await step('npm ci', installDependencies);
  await checkArguments();
  await buildNative();
  if (!isTypescriptCurrent()) await step('TypeScript build', buildTypescript);
}

/** Runs `main` and ends the process with its exit code; a failed step is explained, without a stack. */
export async function run(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    console.error(error instanceof StepError ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}

if (isMain(import.meta.url)) await run(bootstrap);
