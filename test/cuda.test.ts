/** A device against the CPU: a GPU where there is one, else the simulated one. */
import { beforeAll, describe, expect, it } from 'vitest';
import { presets } from '../lib/augment/presets.ts';
import { fineTune } from '../lib/classify/fine-tune.ts';
import { arrayDataset } from '../lib/data/array-dataset.ts';
import { projectionHead } from '../lib/encoders/projection-head.ts';
import { resnet18 } from '../lib/encoders/resnet.ts';
import { extractFeatures } from '../lib/evaluate/features.ts';
import { knnClassify } from '../lib/evaluate/knn.ts';
import { linearProbe } from '../lib/evaluate/linear-probe.ts';
import { dclwLoss } from '../lib/losses/dcl.ts';
import { ntXentLoss } from '../lib/losses/nt-xent.ts';
import { supConLoss } from '../lib/losses/sup-con.ts';
import { loadAddon } from '../lib/native/addon.ts';
import { type Tensor, tensor } from '../lib/tensor/tensor.ts';
import { Trainer } from '../lib/train/trainer.ts';
import { hasDevice, openDevice, openingTime, device as there, title } from './device/device.ts';

const hasCuda = loadAddon().info().devices.includes('cuda:0');

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
  const set = await extractFeatures(encoder, images, { augment: evaluation });
  using _ = set.features;
  const knn = await knnClassify(set, set, { k: 5 });
  const probe = await linearProbe(set, set, { learningRates: [0.1], epochs: 20, batchSize: 16 });
  const options = { augment: presets.fineTune(input), evaluation, test: images, epochs: 2, batchSize: 16 };
  const { classifier, loss, test } = await fineTune(encoder, images, options);
  expect(classifier.device).toBe(device);
  classifier.dispose();
  return { shares: [knn.accuracy, probe.accuracy, test?.accuracy ?? Number.NaN], loss };
}

describe.skipIf(!hasDevice)(title, () => {
  beforeAll(openDevice, openingTime);

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

  it('losses and their gradients are those of the CPU', async () => {
    const values = Float64Array.from({ length: 64 * 2 * 8 }, (_, i) => Math.sin(1 + 3.7 * i));
    const labels = Int32Array.from({ length: 64 }, (_, i) => i % 5);
    const sets = Array.from({ length: 64 }, (_, i) => [i % 2, Number(i % 3 === 0), 1]);
    const held = values.map((x) => Math.cos(5 * x)).subarray(0, 20 * 8);
    const bank = (z: Tensor) => ({
      features: tensor(held, { shape: [20, 8], device: z.device }),
      ids: Int32Array.from({ length: 20 }, (_, i) => 3 * i),
    });
    const ids = Int32Array.from({ length: 64 }, (_, i) => i);
    const losses = [
      (z: Tensor) => supConLoss(z, { labels }),
      (z: Tensor) => supConLoss(z, { labels, denominators: 'negatives-and-one-positive', maxPositives: 3 }),
      (z: Tensor) => supConLoss(z, { labels: sets, variant: 'in', temperature: 0.01, ids, bank: bank(z) }),
      (z: Tensor) => ntXentLoss(z),
      (z: Tensor) => ntXentLoss(z, { hardNegatives: { concentration: 1, classPrior: 0.1 }, ids, bank: bank(z) }),
      (z: Tensor) => dclwLoss(z),
    ];
    for (const loss of losses) {
      const [found, here] = await Promise.all(
        [there, 'cpu'].map(async (device) => {
          using z = tensor(values, { shape: [64, 2, 8], device, requiresGrad: true });
          using value = loss(z);
          value.backward();
          using gradient = z.grad as Tensor;
          return [await value.item(), ...((await gradient.data()) as Float64Array)];
        }),
      );
      for (const [i, x] of (found as number[]).entries()) expect(x).toBeCloseTo((here as number[])[i] as number, 9);
    }
  });
});

describe.skipIf(hasCuda)('without a CUDA device', () => {
  it("device: 'cuda' is an error that says why", () => {
    expect(() => tensor(1, { device: 'cuda' })).toThrow(expect.objectContaining({ code: 'ERR_DEVICE' }));
    expect(() => tensor(1, { device: 'cuda' })).toThrow(/cuda/i);
  });
});
