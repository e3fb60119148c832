// `npm start`: the set-up, then the demo. Arguments after `--` go to the demo.
import { join } from 'node:path';
import { bootstrap, run } from './bootstrap.mjs';
import { load } from './libtorch.mjs';
import { root, runForeground, StepError } from './steps.mjs';

const args = process.argv.slice(2);

/** From the sources: nothing is built yet. */
async function checkArguments() {
  const [{ parseArguments }, { command }] = await Promise.all([load('cli/program'), load('cli/demo')]);
  try {
    await parseArguments(command, args);
  } catch (error) {
    throw new StepError(`error: ${error.message}`);
  }
}

await run(async () => {
  await bootstrap(checkArguments);
  return runForeground(process.execPath, [join(root, 'dist/cli/main.js'), 'demo', ...args]);
});
