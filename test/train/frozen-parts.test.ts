/** Parts that stay in evaluation during a training. */
import { expect, test } from 'vitest';
import { moco } from '../../lib/methods/moco.ts';
import { BatchNorm2d } from '../../lib/nn/normalization.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

/** How a step is made, and in how many forward passes that move running statistics. */
const kinds: [string, number, Partial<TrainerOptions>][] = [
  ['a step at once', 1, {}],
  ['micro-batches', 2, { microBatch: 4 }],
  ['moco', 1, { method: moco({ queueSize: 16 }) }],
];

test.each(kinds)(
  'a normalisation in evaluation keeps its running statistics, the others move theirs: %s',
  async (_, passesAStep, options) => {
    const { encoder, head } = tinyModels();
    const norms = [...encoder.namedModules()].filter(([, part]) => part instanceof BatchNorm2d);
    const passes = () => norms.map(([name]) => encoder.namedBuffers().get(`${name}.num_batches_tracked`)?.itemSync());
    const first = norms[0]?.[1] as BatchNorm2d;
    first.eval();
    const trained: boolean[] = [];
    const trainer = new Trainer({
      ...{ encoder, head, method: 'simclr', augment: tinyViews(), batchSize: 8, epochs: 2 },
      ...options,
    });
    const onEvent = () => void trained.push(first.training);
    for (const fits of [1, 2]) {
      await trainer.fit(tinyDataset(8), { onEvent });
      const [frozen, ...others] = passes();
      expect(frozen).toBe(0);
      expect(new Set(others)).toEqual(new Set([2 * fits * passesAStep]));
      expect(first.runningMean?.dataSync()).toEqual(new Float32Array(4));
    }
    expect(new Set(trained)).toEqual(new Set([false]));
    expect(encoder.training).toBe(false);
  },
);

test('a module that is in evaluation as a whole, as one that was loaded, is trained as a whole', async () => {
  const { encoder, head } = tinyModels();
  encoder.eval();
  await new Trainer({ encoder, head, loss: { name: 'nt-xent' }, augment: tinyViews(), batchSize: 8, epochs: 1 }).fit(
    tinyDataset(8),
  );
  expect(encoder.namedBuffers().get('bn1.num_batches_tracked')?.itemSync()).toBe(1);
});

test.each(['simclr', 'byol'] as const)(
  "a parameter that requires no gradient stays as it is, with the optimizer's rules: %s",
  async (method) => {
    const { encoder, head } = tinyModels();
    const [[, first], [, second]] = [...encoder.namedParameters()] as [[string, Tensor], [string, Tensor]];
    first.requiresGrad = false;
    const before = [first, second].map((value) => value.dataSync());
    await new Trainer({
      ...{ encoder, head, method, augment: tinyViews(), batchSize: 8, epochs: 1, ema: {} },
      optimizer: { name: 'sgd', lr: 0.1, weightDecay: 0.1, layerDecay: 0.9, clipNorm: 1 },
    }).fit(tinyDataset(8));
    expect(first.dataSync()).toEqual(before[0]);
    expect(second.dataSync()).not.toEqual(before[1]);
  },
);
