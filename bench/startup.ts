/**
 * A fresh process: from its start to the first native result, to the first embedding of an image by a ResNet-18, and to
 * `--help`, which loads no libtorch.
 *
 * usage: npm run bench -- startup [--help]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arrayDataset, presets, resnet18, Trainer } from '../lib/index.ts';
import { benchOptions, countOf } from './parts/options.ts';
import { median, root } from './peer.ts';

const values = benchOptions({ runs: countOf(7, 'starts of each command') });
const entry = JSON.stringify(join(root, 'dist', 'index.js'));
const firstResult = `import { tensor } from ${entry};
await tensor([[1, 2], [3, 4]]).matmul(tensor([[1, 0], [0, 1]])).data();`;

const folder = mkdtempSync(join(tmpdir(), 'startup-'));
const checkpoint = join(folder, 'run');
const image = join(root, 'test/fixtures/data/images/rgb.jpg');
const firstEmbedding = `import { createEmbedder } from ${entry};
const embedder = await createEmbedder({ checkpoint: ${JSON.stringify(checkpoint)} });
await embedder.embedFile(${JSON.stringify(image)});
await embedder.close();`;

/** A run whose encoder is torchvision's ResNet-18 at 224 pixels. */
async function makeRun(): Promise<void> {
  const images = arrayDataset(new Uint8Array(2 * 32 * 32 * 3), { shape: [2, 32, 32, 3] });
  const augment = presets.simclr({ size: 224 });
  const trainer = new Trainer({ encoder: resnet18(), augment, loss: { name: 'nt-xent' }, batchSize: 2, epochs: 1 });
  await trainer.fit(images, { out: checkpoint });
}

function time(args: readonly string[]): number {
  const began = performance.now();
  execFileSync(process.execPath, args, { stdio: 'ignore' });
  return performance.now() - began;
}

const cases: Readonly<Record<string, readonly string[]>> = {
  'node alone': ['-e', '0'],
  'contrastive --help': [join(root, 'dist', 'cli', 'main.js'), '--help'],
  'import to first result': ['--input-type=module', '-e', firstResult],
  'import to first embedding': ['--input-type=module', '-e', firstEmbedding],
};
await makeRun();
for (const [name, args] of Object.entries(cases)) {
  const times = Array.from({ length: values.runs + 1 }, () => time(args)).slice(1); // the first warms the disk
  console.log(
    `${name}: median ${median(times).toFixed(0)} ms (min ${Math.min(...times).toFixed(0)}, max ${Math.max(...times).toFixed(0)})`,
  );
}
rmSync(folder, { recursive: true });
