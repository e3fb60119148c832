/**
 * The way from JPEG files to batches of SimCLR's two views at 224 px, beside torchvision's ImageFolder with PIL and
 * DataLoader workers (bench/peers/folder_ref.py), in turn: images a second with nothing that trains behind it.
 *
 * usage: npm run bench -- folder [--help]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyViews, DataLoader, loadDataset, presets } from '../lib/index.ts';
import { benchOptions, countOf } from './parts/options.ts';
import { writePhotographs } from './parts/photographs.ts';
import { median, ratio, runPeer } from './peer.ts';

const values = benchOptions({
  runs: countOf(3, 'runs of each side'),
  images: countOf(512, 'photographs in the folder'),
});
const batchSize = 64;

/** Images a second over one epoch, after one that warms up. */
async function ours(root: string): Promise<number> {
  const dataset = await loadDataset('folder', { root });
  const views = [presets.simclr({ size: 224 }), presets.simclr({ size: 224 })];
  const loader = new DataLoader(dataset, {
    batchSize,
    shuffle: true,
    transform: (samples, epoch) => applyViews(views, samples, { seed: 0, epoch }),
  });
  let began = 0;
  let images = 0;
  for (let epoch = 0; epoch < 2; epoch++) {
    [began, images] = [performance.now(), 0];
    for await (const batch of loader.epoch(epoch)) {
      await batch.ready();
      images += batch.shape[0] as number;
      batch.dispose();
    }
  }
  return (500 * images) / (performance.now() - began); // two views an image
}

const folder = await mkdtemp(join(tmpdir(), 'contrastive-folder-'));
try {
  await writePhotographs(folder, values.images);
  const figures: [number, number][] = [];
  for (let run = 0; run < values.runs; run++) {
    const args = ['--root', folder, '--batch', String(batchSize), '--workers', String(availableParallelism())];
    figures.push([await ours(folder), Number(runPeer('folder_ref.py', args))]);
    console.log(
      `run ${run + 1}: ours ${figures
        .at(-1)
        ?.map((rate) => rate.toFixed(0))
        .join(', torchvision ')} images/s`,
    );
  }
  const [left, right] = [figures.map(([rate]) => rate), figures.map(([, rate]) => rate)];
  console.log(
    `from JPEG files to two views of 224 px: ${median(left).toFixed(0)} against ${median(right).toFixed(0)} images/s, ${ratio(left, right)}`,
  );
} finally {
  await rm(folder, { recursive: true });
}
