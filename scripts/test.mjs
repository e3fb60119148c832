// `npm test`: the set-up, then all tests. Arguments after `--` go to vitest; with `--levels`, the tests that reach native code (or
// those that are named) run once more as on a processor with AVX2 and nothing newer. The last line is "N passed, N failed".
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, sep } from 'node:path';
import { bootstrap, run } from './bootstrap.mjs';
import { levels, nativeTests } from './levels.mjs';
import { root, runForeground, StepError } from './steps.mjs';
import { countTests } from './test-counts.mjs';

const results = join(root, 'build/test-counts.json');

/** One run of vitest: its status and its counts. */
async function runTests(args, env = {}) {
  rmSync(results, { force: true });
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', `--reporter=${join(root, 'scripts/count-reporter.mjs')}`];
  const status = await runForeground(process.execPath, [vitest, 'run', ...reporters, ...args], {
    COUNTS: results,
    ...env,
  });
  return { status, counts: existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : undefined };
}

/** Refuses the name of a test file that is not there. Other words are vitest's to judge. */
async function checkFiles(args) {
  const files = readdirSync(join(root, 'test'), { recursive: true }).map((name) => `test/${name.split(sep).join('/')}`);
  for (const word of args.filter((arg) => arg.startsWith('test/')))
    if (!files.some((file) => file.includes(word))) throw new StepError(`error: there is no test file '${word}'`);
}

await run(async () => {
  await bootstrap(() => checkFiles(process.argv.slice(2)));
  const args = process.argv.slice(2).filter((arg) => arg !== '--levels');
  const runs = [await runTests(args)];
  if (process.argv.includes('--levels')) {
    console.log('\nOnce more, as on a processor with AVX2 and nothing newer:');
    runs.push({ ...(await runTests(args.length > 0 ? args : nativeTests, levels.avx2)), title: 'AVX2' });
  }
  const { lines, exitCode } = countTests(runs);
  for (const line of lines) console.log(line);
  return exitCode;
});
