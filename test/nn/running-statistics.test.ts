import { describe, expect, test } from 'vitest';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import type { Module } from '../../lib/nn/module.ts';
import { keepRunningStatistics, noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';

const buffersOf = async (module: Module): Promise<number[][]> =>
  Promise.all([...module.namedBuffers().values()].map(async (buffer) => Array.from(await buffer.data(), Number)));

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
