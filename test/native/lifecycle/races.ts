/**
 * Two streams, the augmentation pool and workers at once, over the same modules; scripts/sanitize.mjs runs it under
 * ThreadSanitizer.
 */
import { Worker } from 'node:worker_threads';
import {
  arrayDataset,
  augment,
  type Module,
  moco,
  noGrad,
  normalize,
  ops,
  presets,
  projectionHead,
  randomResizedCrop,
  resnet18,
  SGD,
  sync,
  Trainer,
} from '../../../lib/index.ts';
import { onInteractiveStream } from '../../../lib/tensor/modes.ts';

const size = 16;
const pixels = Uint8Array.from({ length: 32 * size * size * 3 }, (_, i) => (i * 7919) % 251);
const labels = Int32Array.from({ length: 32 }, (_, i) => i % 4);
const dataset = arrayDataset(pixels, { shape: [32, size, size, 3], labels });
const image = { pixels: pixels.subarray(0, size * size * 3), height: size, width: size, channels: 3 } as const;

/** A training with a queue of keys, whose views come from the pool. */
async function train(): Promise<void> {
  const encoder = resnet18({ stem: 'cifar', width: 4 });
  const head = projectionHead({ inFeatures: encoder.featureDim });
  const options = { augment: presets.simclr({ size }), batchSize: 16, epochs: 3 } as const;
  await new Trainer({ encoder, head, method: moco({ queueSize: 32 }), ...options }).fit(dataset);
}

/** Short passes on the interactive stream, beside the training. */
async function embed(encoder: Module): Promise<void> {
  for (let i = 0; i < 40; i++) {
    const images = ops.rand([2, 3, size, size], { seed: i });
    await sync();
    await onInteractiveStream(() => noGrad(() => encoder.forward(images)).data());
  }
}

/** What is built over a module while jobs move it. */
async function rebuild(): Promise<void> {
  const encoder = resnet18({ stem: 'cifar', width: 4 });
  for (let i = 0; i < 20; i++) {
    encoder.to('cpu').train(i % 2 === 0);
    const copy = encoder.clone();
    const optimizer = new SGD(encoder.namedParameters(), { lr: 0.1, momentum: 0.9 });
    encoder
      .forward(ops.rand([2, 3, size, size], { seed: i }))
      .square()
      .mean()
      .backward();
    optimizer.step();
    optimizer.dispose();
    copy.dispose();
    await onInteractiveStream(() =>
      ops
        .ones([64, 64])
        .matmul(ops.ones([64, 64]))
        .sum()
        .item(),
    );
  }
  await sync();
}

/** Batches beside those of the training, at more than one size of the pool's canvases. */
async function views(): Promise<void> {
  const samples = Array.from({ length: 16 }, (_, id) => ({ ...image, id }));
  for (const side of [8, 24, 8, 16])
    for (let epoch = 0; epoch < 5; epoch++) {
      const pipeline = augment([randomResizedCrop(side), normalize(0.5, 0.25)]);
      await pipeline.apply(samples, { seed: 1, epoch, views: 2 }).data();
    }
}

/** Workers that are ended in the middle of their steps. */
async function workers(): Promise<void> {
  const entry = JSON.stringify(new URL('./worker.ts', import.meta.url).href);
  const start = `import('tsx/esm/api').then(({ register }) => { register(); return import(${entry}); });`;
  for (const end of ['run', 'finish', 'run']) {
    const worker = new Worker(start, { eval: true, workerData: { end, device: 'cpu' } });
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    await new Promise((resolve) => worker.once('message', resolve));
    if (end === 'run') await worker.terminate();
    await exited;
  }
}

const encoder = resnet18({ stem: 'cifar', width: 4 }).eval();
await sync();
await Promise.all([train(), embed(encoder), rebuild(), views(), workers()]);
console.log('ended');
