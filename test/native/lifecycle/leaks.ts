/** A process that uses the addon in many ways and frees what it used; scripts/sanitize.mjs asks what is left in the end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  arrayDataset,
  createEmbedder,
  extractFeatures,
  knnClassify,
  linearProbe,
  ops,
  presets,
  projectionHead,
  resnet18,
  supConLoss,
  sync,
  Trainer,
  tensor,
  tidy,
} from '../../../lib/index.ts';

const size = 16;
const pixels = Uint8Array.from({ length: 32 * size * size * 3 }, (_, i) => (i * 7919) % 251);
const labels = Int32Array.from({ length: 32 }, (_, i) => i % 4);
const dataset = arrayDataset(pixels, { shape: [32, size, size, 3], labels });

/** Trains to the end or, given a signal, until then. */
async function train(out: string | undefined, signal?: AbortSignal): Promise<void> {
  using encoder = resnet18({ stem: 'cifar', width: 4 });
  using head = projectionHead({ inFeatures: encoder.featureDim });
  const augment = presets.simclr({ size });
  const trainer = new Trainer({
    encoder,
    head,
    loss: { name: 'supcon' },
    augment,
    batchSize: 16,
    epochs: signal ? 1000 : 2,
  });
  await trainer.fit(dataset, { ...(out && { out }), ...(signal && { signal }) }).catch((error) => {
    if (!signal?.aborted) throw error;
  });
}

async function judge(): Promise<void> {
  using encoder = resnet18({ stem: 'cifar', width: 4 });
  const features = await extractFeatures(encoder, dataset, { evaluation: presets.evaluation({ size }) });
  await knnClassify(features, features, { k: 3 });
  await linearProbe(features, features, { epochs: 2 });
}

async function serve(run: string): Promise<void> {
  const embedder = await createEmbedder({ checkpoint: run });
  const image = { data: pixels.subarray(0, size * size * 3), height: size, width: size, channels: 3 } as const;
  await Promise.all(Array.from({ length: 8 }, () => embedder.embed(image)));
  await embedder.close();
}

/** Losses, mistakes that are seen at once, and mistakes that are seen when the job runs. */
async function compute(): Promise<void> {
  for (let i = 0; i < 20; ++i) {
    tidy(() => {
      const z = tensor([[[1, 2]], [[2, 1]], [[3, 1]], [[1, 3]]], { requiresGrad: true });
      supConLoss(z, { labels: tensor([0, 0, 1, 1], { dtype: 'int64' }) }).backward();
    });
    try {
      tidy(() => tensor([1, 2, 3]).matmul(ops.ones([2, 2])));
      throw new Error('shapes that do not fit were taken');
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_SHAPE') throw error;
    }
    const late = tidy(() => ops.ones([2, 2]).indexSelect(0, tensor([7], { dtype: 'int64' })));
    const failed = await late.data().then(
      () => false,
      () => true,
    );
    if (!failed) throw new Error('an index that is out of range was taken');
    late.dispose();
  }
  await sync();
}

/** Ends a worker in the middle of its steps. */
async function terminate(): Promise<void> {
  const entry = JSON.stringify(new URL('./worker.ts', import.meta.url).href);
  const start = `import('tsx/esm/api').then(({ register }) => { register(); return import(${entry}); });`;
  const worker = new Worker(start, { eval: true, workerData: { end: 'run' } });
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
}

const folder = mkdtempSync(join(tmpdir(), 'contrastive-leaks-'));
await train(folder);
await train(undefined, AbortSignal.timeout(500));
await judge();
await serve(folder);
await compute();
await terminate();
rmSync(folder, { recursive: true });
globalThis.gc?.();
await sleep(100); // finalisers
console.log('ended');
