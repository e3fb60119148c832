import { describe, expect, test } from 'vitest';
import { type Augmentation, applyViews, augment } from '../../lib/augment/augment.ts';
import { multiCrop } from '../../lib/augment/multi-crop.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { randomResizedCrop } from '../../lib/augment/random-resized-crop.ts';
import { type LoadedSample, loadedSample } from '../../lib/data/dataset.ts';
import { supConLoss } from '../../lib/losses/sup-con.ts';
import type { Module } from '../../lib/nn/module.ts';
import { SGD } from '../../lib/optim/sgd.ts';
import * as ops from '../../lib/tensor/ops.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { viewsBySize } from '../../lib/train/batches.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { buffersOf, farthest, firstBatch, gradientOf, optionsOf, parametersOf, valuesOf } from './one-step.ts';
import { tinyDataset, tinyModels } from './tiny.ts';

const crop = (size: number): Augmentation =>
  augment([randomResizedCrop(size, { scale: [0.3, 1] }), normalize(0.4, 0.25)]);
/** Large, small, large, small: views of one size do not lie side by side. */
const mixed = [crop(12), crop(8), crop(12), crop(8)] as const;

async function samplesOf(count: number, ids: readonly number[]): Promise<LoadedSample[]> {
  const dataset = tinyDataset(count);
  return Promise.all(ids.map(async (id) => loadedSample(await dataset.get(id), dataset.name, id)));
}

describe('views of different sizes', () => {
  test('are grouped by size, and a view draws as it would alone', async () => {
    const options = optionsOf({ augment: mixed });
    using batch = await firstBatch(tinyDataset(), options);
    expect(batch.images.map(({ shape }) => shape)).toEqual([
      [32, 1, 12, 12],
      [32, 1, 8, 8],
    ]);
    expect(batch.viewOrder).toEqual([0, 2, 1, 3]);
    const samples = await samplesOf(40, Array.from(batch.ids, Number));
    const [large, small] = await valuesOf(batch.images);
    for (const [view, values] of [large?.slice(0, 16 * 144), small?.slice(0, 16 * 64)].entries())
      expect(values).toEqual(
        (
          await Promise.all(
            samples.map(async (sample) => {
              const augmentation = mixed[view] as Augmentation;
              const drawn = augmentation.draw(sample, { seed: 3, epoch: 0, id: sample.id, view });
              return Array.from(await augmentation.replay(sample, drawn).data(), Number);
            }),
          )
        ).flat(),
      );
    expect(viewsBySize(mixed, samples[0] as LoadedSample)).toEqual([
      [0, 2],
      [1, 3],
    ]);
  });

  test('give the step that tensors by hand give', async () => {
    const options = optionsOf({ augment: mixed });
    const { loss } = await gradientOf(tinyDataset(), options);

    const byHand = optionsOf({ augment: mixed });
    const head = byHand.head as Module;
    using batch = await firstBatch(tinyDataset(), byHand);
    const samples = await samplesOf(40, Array.from(batch.ids, Number));
    const viewOf = (view: number): Tensor =>
      applyViews([mixed[view] as Augmentation], samples, { seed: 3, epoch: 0, viewNumbers: [view] });
    const optimizer = new SGD(parametersOf(byHand), { lr: 1 });
    const encoded = [
      [0, 2],
      [1, 3],
    ].map((views) => byHand.encoder.forward(ops.cat(views.map(viewOf))).chunk(2));
    const ordered = [0, 1].flatMap((i) => encoded.map((of) => of[i] as Tensor)); // views 0, 1, 2, 3
    const features = head.forward(ops.cat(ordered)).reshape([4, 16, 16]).transpose(0, 1);
    const value = supConLoss(features, { labels: Int32Array.from(samples, ({ label }) => label as number) });
    value.backward();
    optimizer.step();
    expect(loss).toBeCloseTo(await value.item(), 5);
    expect(farthest(await valuesOf(parametersOf(options)), await valuesOf(parametersOf(byHand)))).toBeLessThan(1e-5);
    expect(farthest(await valuesOf(buffersOf(options)), await valuesOf(buffersOf(byHand)))).toBeLessThan(1e-5);
  });

  test('with cached gradients, and with a loss in TypeScript', async () => {
    const make = (options: Partial<TrainerOptions>) => {
      const resolved = optionsOf({ augment: mixed, ...options });
      resolved.encoder.eval();
      return resolved;
    };
    const whole = await gradientOf(tinyDataset(), make({}));
    for (const options of [
      { microBatch: 5 },
      {
        loss: (features: Tensor, batch: { labels: Tensor | undefined }) =>
          supConLoss(features, { labels: batch.labels as Tensor }),
      },
    ]) {
      const other = await gradientOf(tinyDataset(), make(options));
      expect(farthest(other.gradient, whole.gradient)).toBeLessThan(1e-5);
    }
  });

  test('a multi-crop trains', async () => {
    const augmentations = multiCrop({
      globalSize: 12,
      localSize: 8,
      localViews: 3,
      transforms: [normalize(0.4, 0.25)],
    });
    const trainer = new Trainer({ ...tinyModels(), augment: augmentations, batchSize: 8, epochs: 4 });
    const losses: number[] = [];
    await trainer.fit(tinyDataset(), { onEvent: (event) => event.kind === 'epoch' && losses.push(event.loss) });
    expect(losses.at(-1)).toBeLessThan(losses[0] as number);
  });
});
