/**
 * A fresh process: from its start to the first native result, and to `--help`, which loads no libtorch.
 *
 * usage: npm run bench -- startup [--runs 7]
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median, root } from './peer.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '7' } } });
const firstResult = `import { tensor } from ${JSON.stringify(join(root, 'dist', 'index.js'))};
await tensor([[1, 2], [3, 4]]).matmul(tensor([[1, 0], [0, 1]])).data();`;

function time(args: readonly string[]): number {
  const began = performance.now();
  execFileSync(process.execPath, args, { stdio: 'ignore' });
  return performance.now() - began;
}

const cases: Readonly<Record<string, readonly string[]>> = {
  'node alone': ['-e', '0'],
  'contrastive --help': [join(root, 'dist', 'cli', 'main.js'), '--help'],
  'import to first result': ['--input-type=module', '-e', firstResult],
};
for (const [name, args] of Object.entries(cases)) {
  const times = Array.from({ length: Number(values.runs) + 1 }, () => time(args)).slice(1); // the first warms the disk
  console.log(
    `${name}: median ${median(times).toFixed(0)} ms (min ${Math.min(...times).toFixed(0)}, max ${Math.max(...times).toFixed(0)})`,
  );
}
