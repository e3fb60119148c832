// `npm test`: the set-up, then all tests. Arguments after `--` go to vitest. The last line is "N passed, N failed".
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, run } from './bootstrap.mjs';
import { root, runForeground } from './steps.mjs';
import { countTests } from './test-counts.mjs';

const results = join(root, 'build/test-results.json');

await run(async () => {
  await bootstrap();
  rmSync(results, { force: true });
  const status = await runForeground(process.execPath, [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${results}`,
    ...process.argv.slice(2),
  ]);
  const { line, exitCode } = countTests(
    existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : undefined,
    status,
  );
  console.log(line);
  return exitCode;
});
