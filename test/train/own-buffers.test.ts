/** Trainings of modules with buffers of their own: constants that are not finite, and running values. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import type { CustomLoss } from '../../lib/methods/custom-loss.ts';
import { moco } from '../../lib/methods/moco.ts';
import { movingBuffers } from '../../lib/methods/moving-buffers.ts';
import { Conv2d } from '../../lib/nn/conv2d.ts';
import { Module } from '../../lib/nn/module.ts';
import { BatchNorm2d } from '../../lib/nn/normalization.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { valuesOf } from './one-step.ts';
import { tinyDataset, tinyViews } from './tiny.ts';

class Masked extends Module {
  readonly featureDim = 8;
  readonly conv = new Conv2d(1, 8, 3, { padding: 1 });
  readonly norm = new BatchNorm2d(8);
  readonly mask = this.registerBuffer('mask', ops.full([8, 8], Number.NEGATIVE_INFINITY).triu(1));
  readonly largest = this.registerBuffer('largest', ops.zeros([8]));

  override forward(x: Tensor): Tensor {
    const features = this.norm.forward(this.conv.forward(x)).mean([2, 3]);
    if (this.training) noGrad(() => this.largest.copy_(features.amax(0)));
    return features.matmul(this.mask.softmax(1));
  }
}

const trained = (encoder: Masked, options: Partial<TrainerOptions> = {}, out?: string) =>
  new Trainer({
    encoder,
    ...(options.loss === undefined && { method: 'simclr' }),
    augment: tinyViews(),
    batchSize: 8,
    epochs: 1,
    ...options,
  }).fit(tinyDataset(16), out === undefined ? {} : { out });

const negativeInfinity = (mask: readonly number[] = []) =>
  mask.filter((value) => value === Number.NEGATIVE_INFINITY).length;

describe('a mask of -Infinity', () => {
  const kinds: [string, Partial<TrainerOptions>][] = [
    ['a step at once', {}],
    ['micro-batches', { microBatch: 4 }],
    ['moco', { method: moco({ queueSize: 16, momentum: 1 }) }],
    ['averaged statistics', { method: moco({ queueSize: 16, momentum: 1, statistics: 'average' }) }],
  ];
  test.each(kinds)('trains and is saved: %s', async (_, options) => {
    const folder = mkdtempSync(join(tmpdir(), 'contrastive-'));
    try {
      using encoder = new Masked();
      const before = await valuesOf(encoder.parameters());
      const end = await trained(encoder, options, join(folder, 'run'));
      expect(end.step).toBe(2);
      expect(await valuesOf(encoder.parameters())).not.toEqual(before);
      const [mask] = await valuesOf([encoder.mask]);
      expect(negativeInfinity(mask)).toBe(28);
      const run = await RunFolder.open(join(folder, 'run'));
      const { model, method } = await run.loadCheckpoint('latest');
      expect(model.has('encoder.mask')).toBe(true);
      const saved = method?.get('teacher.encoder.mask')?.data;
      if (saved !== undefined) expect(negativeInfinity(Array.from(new Float32Array(saved.slice().buffer)))).toBe(28);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('is not among the buffers that a step may move', () => {
    using encoder = new Masked();
    expect([...movingBuffers(encoder).keys()].sort()).toEqual([
      'largest',
      'norm.num_batches_tracked',
      'norm.running_mean',
      'norm.running_var',
    ]);
    expect(movingBuffers(new Conv2d(1, 1, 1)).size).toBe(0);
  });
});

test('a step that is refused puts back the buffers that a forward pass wrote itself', async () => {
  using encoder = new Masked();
  const before = await valuesOf(encoder.buffers());
  const loss: CustomLoss = (features) => features.sum().mul(Number.NaN);
  await expect(trained(encoder, { loss })).rejects.toMatchObject({ code: 'ERR_NON_FINITE', step: 1 });
  expect(await valuesOf(encoder.buffers())).toEqual(before);
});
