import { describe, expect, it } from 'vitest';
import { ResidualHead, supConFromScratch, trainByHand, trainWithTrainer } from '../../examples/custom-loss.ts';
import { presets } from '../../lib/augment/presets.ts';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { supConLoss } from '../../lib/losses/sup-con.ts';
import { memory, sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';

const [batch, views, dim] = [6, 2, 5];
const values = Array.from({ length: batch * views * dim }, (_, i) => Math.sin(1 + 3.7 * i) + 0.2);
const featuresOf = (): Tensor => tensor(Float64Array.from(values), { shape: [batch, views, dim], requiresGrad: true });

/** Loss and gradient of one way to compute it. */
async function run(loss: (features: Tensor) => Tensor): Promise<{ value: number; gradient: number[] }> {
  using features = featuresOf();
  using result = loss(features);
  result.backward();
  using gradient = features.grad as Tensor;
  return { value: await result.item(), gradient: [...((await gradient.data()) as Float64Array)] };
}

describe('the loss written in TypeScript', () => {
  it.each([
    ['several classes, one of them alone', [0, 1, 0, 2, 1, 1]],
    ['one class', [3, 3, 3, 3, 3, 3]],
    ['no labels', undefined],
  ])('gives the value and the gradient of the native one: %s', async (_, classes) => {
    for (const temperature of [0.07, 0.5]) {
      const labels = classes && Int32Array.from(classes);
      const ours = await run((features) =>
        supConFromScratch(temperature)(features, { labels: labels && tensor(labels) }),
      );
      const native = await run((features) => supConLoss(features, { temperature, ...(labels && { labels }) }));
      expect(Math.abs(ours.value - native.value)).toBeLessThan(1e-5);
      const worst = Math.max(...ours.gradient.map((g, i) => Math.abs(g - (native.gradient[i] as number))));
      expect(worst).toBeLessThan(1e-5);
      expect(Math.max(...native.gradient.map(Math.abs))).toBeGreaterThan(1e-3);
    }
  });

  it('leaves anchors without a positive out of the mean', async () => {
    const labels = Int32Array.of(0, 1, 2, 0, 1, 2);
    const oneView = (features: Tensor): Tensor => features.select(1, 0).unsqueeze(1); // (6, 1, dim)
    const alone = Int32Array.of(0, 1, 2, 0, 4, 5);
    for (const each of [labels, alone]) {
      const ours = await run((features) => supConFromScratch(0.1)(oneView(features), { labels: tensor(each) }));
      const native = await run((features) => supConLoss(oneView(features), { labels: each, temperature: 0.1 }));
      expect(Math.abs(ours.value - native.value)).toBeLessThan(1e-5);
    }
  });
});

/** 32 images of 8×8: class 0 dark on the left, class 1 dark on the right, a little noise. */
const images = arrayDataset(
  Uint8Array.from({ length: 32 * 64 }, (_, i) => {
    const [image, x] = [Math.floor(i / 64), i % 8];
    return (x < 4 === (image % 2 === 0) ? 60 : 190) + ((i * 7919) % 40);
  }),
  { shape: [32, 8, 8, 1], labels: Array.from({ length: 32 }, (_, i) => i % 2) },
);

const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;

describe('a loss and a head written in TypeScript', () => {
  const settings = {
    dataset: images,
    loss: supConFromScratch(0.2),
    augment: presets.supcon({ size: 8, mean: 0.5, std: 0.3 }),
    epochs: 8,
    batchSize: 16,
    lr: 0.02,
    seed: 3,
  };

  async function train(how: typeof trainByHand): Promise<{ losses: number[]; moved: number }> {
    using encoder = resnet18({ stem: 'cifar', width: 4, inChannels: 1, seed: 1 });
    const head = new ResidualHead(encoder.featureDim, 16, 2);
    const weight = head.namedParameters().get('up.weight') as Tensor;
    const before = await weight.data();
    const losses = await how({ ...settings, encoder, head });
    const after = await weight.data();
    head.dispose();
    return {
      losses,
      moved: Math.max(...Array.from(before.keys(), (i) => Math.abs(Number(before[i]) - Number(after[i])))),
    };
  }

  it('train by hand and inside the Trainer, step for step the same', async () => {
    const byHand = await train(trainByHand);
    const trainer = await train(trainWithTrainer);
    expect(byHand.losses).toHaveLength(16);
    expect(mean(byHand.losses.slice(-4))).toBeLessThan(mean(byHand.losses.slice(0, 4)));
    for (const { moved } of [byHand, trainer]) expect(moved).toBeGreaterThan(1e-4);
    // Sums of float32 in another order drift apart slowly.
    expect(trainer.losses).toHaveLength(byHand.losses.length);
    for (const [i, loss] of trainer.losses.entries()) expect(loss).toBeCloseTo(byHand.losses[i] as number, 3);
  });

  it('leave no tensor behind', async () => {
    await train(trainByHand); // what is made once is made
    await sync();
    await collect();
    const before = memory().tensors;
    await train(trainByHand);
    await train(trainWithTrainer);
    await sync();
    expect(memory().tensors).toBe(before);
  });
});
