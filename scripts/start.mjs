// `npm start`: the set-up, then the demo. Arguments after `--` go to the demo.
import { join } from 'node:path';
import { bootstrap, run } from './bootstrap.mjs';
import { root, runForeground } from './steps.mjs';

await run(async () => {
  await bootstrap();
  return runForeground(process.execPath, [join(root, 'dist/cli/main.js'), 'demo', ...process.argv.slice(2)]);
});
