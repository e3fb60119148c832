import { describe, expect, test } from 'vitest';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import type { Module } from '../../lib/nn/module.ts';
import { BatchNorm2d } from '../../lib/nn/normalization.ts';
import { keepRunningStatistics, noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';

const buffersOf = async (module: Module): Promise<number[][]> =>
  Promise.all([...module.namedBuffers().values()].map(async (buffer) => Array.from(await buffer.data(), Number)));

// 8 channels are fused, 3 are libtorch's.
test.each([8, 3])(
  'momentum: null: the running statistics are the mean over all batches, of %i channels',
  async (channels) => {
    const norm = new BatchNorm2d(channels, { momentum: null });
    const batches = [1, 2, 3].map((seed) => ops.randn([4, channels, 2, 2], { seed }).mul(seed));
    const statistics = await Promise.all(
      batches.map(async (batch) => {
        const values = await batch.data();
        return Array.from({ length: channels }, (_, c) => {
          const own = Array.from(values, Number).filter((_, i) => Math.floor(i / 4) % channels === c);
          const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
          return [mean, own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (own.length - 1)] as const;
        });
      }),
    );
    for (const [i, batch] of batches.entries()) {
      norm.forward(batch).dispose();
      noGrad(() => keepRunningStatistics(() => norm.forward(batch))).dispose(); // is not counted
      const [mean, variance, count] = await buffersOf(norm);
      for (let c = 0; c < channels; c++) {
        const seen = statistics.slice(0, i + 1).map((of) => of[c] as readonly [number, number]);
        const averageOf = (which: 0 | 1) => seen.reduce((sum, each) => sum + each[which], 0) / seen.length;
        expect(mean?.[c]).toBeCloseTo(averageOf(0), 5);
        expect(variance?.[c]).toBeCloseTo(averageOf(1), 4);
      }
      expect(count).toEqual([i + 1]);
    }
  },
);

describe('keepRunningStatistics', () => {
  // Width 16: fused normalisation; width 3: libtorch's own; the head: of one dimension.
  test.each<[string, () => Module, () => Tensor]>([
    ['fused', () => resnet18({ stem: 'cifar', width: 16, inChannels: 1, seed: 1 }), () => ops.randn([4, 1, 8, 8])],
    ['unfused', () => resnet18({ stem: 'cifar', width: 3, inChannels: 1, seed: 1 }), () => ops.randn([4, 1, 8, 8])],
    ['a head', () => projectionHead({ layers: 3, batchNorm: 'all', inFeatures: 6, seed: 1 }), () => ops.randn([4, 6])],
  ])('normalises with the batch and leaves the running statistics: %s', async (_, make, input) => {
    const kept = make();
    const before = await buffersOf(kept);
    const features = await noGrad(() => keepRunningStatistics(() => kept.forward(input()))).data();
    const withGradient = await keepRunningStatistics(() => kept.forward(input())).data();
    expect(await buffersOf(kept)).toEqual(before);

    const moved = make();
    expect(await moved.forward(input()).data()).toEqual(features);
    expect(withGradient).toEqual(features);
    expect(await buffersOf(moved)).not.toEqual(before);
    await kept.forward(input()).data(); // outside the mode again
    expect(await buffersOf(kept)).toEqual(await buffersOf(moved));
  });

  test('means nothing in evaluation', async () => {
    const module = resnet18({ stem: 'cifar', width: 16, inChannels: 1, seed: 1 }).eval();
    const plain = await module.forward(ops.randn([2, 1, 8, 8])).data();
    expect(await keepRunningStatistics(() => module.forward(ops.randn([2, 1, 8, 8]))).data()).toEqual(plain);
  });
});
