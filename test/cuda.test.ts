/** A device against the CPU: a GPU where there is one, else the simulated one. */
import { describe, expect, it } from 'vitest';
import { presets } from '../lib/augment/presets.ts';
import { fineTune } from '../lib/classify/fine-tune.ts';
import { arrayDataset } from '../lib/data/array-dataset.ts';
import { projectionHead } from '../lib/encoders/projection-head.ts';
import { resnet18 } from '../lib/encoders/resnet.ts';
import { extractFeatures } from '../lib/evaluate/features.ts';
import { knnClassify } from '../lib/evaluate/knn.ts';
import { linearProbe } from '../lib/evaluate/linear-probe.ts';
import { tensor } from '../lib/tensor/tensor.ts';
import { Trainer } from '../lib/train/trainer.ts';
import { describeOnDevice } from './device/describe-on-device.ts';
import { hasGpu, device as there } from './device/device.ts';

/** 48 gray images of 16×16 with a gradient whose direction is their class. */
const images = arrayDataset(
  Uint8Array.from({ length: 48 * 256 }, (_, i) => {
    const [image, row, column] = [Math.floor(i / 256), Math.floor(i / 16) % 16, i % 16];
    return 12 * (image % 2 === 0 ? row : column) + ((image * 31) % 60);
  }),
  { shape: [48, 16, 16, 1], labels: Array.from({ length: 48 }, (_, i) => i % 2) },
);

/** The losses of three steps; the same seed, and so the same weights and views, on every device. */
async function threeSteps(device: string): Promise<number[]> {
  using encoder = resnet18({ stem: 'cifar', width: 8, inChannels: 1, seed: 1 });
  using head = projectionHead({ inFeatures: encoder.featureDim, outFeatures: 16, seed: 1 });
  const trainer = new Trainer({
    encoder,
    head,
    augment: presets.supcon({ size: 16, mean: 0.5, std: 0.25 }),
    optimizer: { name: 'sgd', lr: 0.02, momentum: 0.9 },
    batchSize: 16,
    epochs: 1,
    device,
  });
  const losses: number[] = [];
  for await (const event of trainer.events(images)) if (event.kind === 'step') losses.push(event.loss);
  expect(encoder.device).toBe(device);
  return losses;
}

/** What kNN, the linear probe and fine-tuning make of the images with an untrained encoder. */
async function stageTwo(device: string) {
  using encoder = resnet18({ stem: 'cifar', width: 8, inChannels: 1, seed: 1 }).to(device);
  const input = { size: 16, mean: 0.5, std: 0.25 };
  const evaluation = presets.evaluation(input);
  const set = await extractFeatures(encoder, images, { evaluation });
  using _ = set.features;
  const knn = await knnClassify(set, set, { k: 5 });
  const probe = await linearProbe(set, set, { learningRates: [0.1], epochs: 20, batchSize: 16 });
  const options = { augment: presets.fineTune(input), evaluation, test: images, epochs: 2, batchSize: 16 };
  const { classifier, loss, test } = await fineTune(encoder, images, options);
  expect(classifier.device).toBe(device);
  classifier.dispose();
  return { shares: [knn.accuracy, probe.accuracy, test?.accuracy ?? Number.NaN], loss };
}

describeOnDevice(() => {
  it('stage 2 judges as on the CPU', async () => {
    const [found, here] = [await stageTwo(there), await stageTwo('cpu')];
    // A row at a boundary may fall to the other side of it.
    for (const [i, share] of found.shares.entries())
      expect(Math.abs(share - (here.shares[i] as number))).toBeLessThan(0.1);
    expect(Math.abs(found.loss - here.loss)).toBeLessThan(0.02);
  });

  it('three steps of training have the losses that they have on the CPU', async () => {
    const [found, here] = [await threeSteps(there), await threeSteps('cpu')];
    expect(found).toHaveLength(3);
    // cuDNN's convolutions may use TF32, 10 bits of mantissa; the first loss sees it once, later ones through the updates.
    for (const [i, loss] of found.entries()) expect(Math.abs(loss - (here[i] as number))).toBeLessThan(0.02 * (i + 1));
  });
});

describe.skipIf(hasGpu)('without a CUDA device', () => {
  it("device: 'cuda' is an error that says why", () => {
    expect(() => tensor(1, { device: 'cuda' })).toThrow(expect.objectContaining({ code: 'ERR_DEVICE' }));
    expect(() => tensor(1, { device: 'cuda' })).toThrow(/cuda/i);
  });
});
