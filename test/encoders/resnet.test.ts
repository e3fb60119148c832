import { describe, expect, it } from 'vitest';
import { makeEncoder, registerEncoder } from '../../lib/encoders/registry.ts';
import { resnet18, resnet34, resnet50, resnext50_32x4d, wideResnet50_2 } from '../../lib/encoders/resnet.ts';
import type { Module } from '../../lib/nn/module.ts';
import { autocast, noGrad } from '../../lib/tensor/modes.ts';
import { randn, sum, zeros } from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { caught, expectClose, numbers } from './expect-close.ts';

describe('options', () => {
  it('width and input channels scale the network', () => {
    using net = resnet18({ stem: 'cifar', width: 4, inChannels: 1 });
    expect(net.config).toMatchObject({ name: 'resnet18', stem: 'cifar', width: 4, inChannels: 1 });
    expect(net.featureDim).toBe(32);
    expect(net.namedParameters().get('conv1.weight')?.shape).toEqual([4, 1, 3, 3]);
    expect(net.forward(zeros([2, 1, 8, 8])).shape).toEqual([2, 32]);
  });

  it('groups scale with the width, which must divide them', () => {
    using wide = wideResnet50_2({ width: 2 });
    expect(wide.namedParameters().get('layer1.0.conv2.weight')?.shape).toEqual([4, 4, 3, 3]);
    using grouped = resnext50_32x4d({ width: 32 });
    expect(grouped.namedParameters().get('layer1.0.conv2.weight')?.shape).toEqual([64, 2, 3, 3]);
    expect(caught(() => resnext50_32x4d({ width: 24 }))).toMatchObject({
      code: 'ERR_OPTION',
      message: 'width must be a multiple of 16, got 24',
    });
  });

  it('zeroInitResidual makes every block the identity, projected where it must be', () => {
    using net = resnet50({ width: 2, zeroInitResidual: true });
    for (const [name, value] of net.namedParameters())
      if (/bn\d\.weight$/.test(name))
        expect(new Set(numbers(value))).toEqual(new Set([/layer.*bn3/.test(name) ? 0 : 1]));
  });

  it('is made again from its config', () => {
    using net = resnet34({ width: 2, seed: 3 });
    using again = makeEncoder(net.config);
    expect(again.config).toEqual(net.config);
    expect(again.namedParameters().get('conv1.weight')?.dataSync()).toEqual(
      net.namedParameters().get('conv1.weight')?.dataSync(),
    );
  });

  it.each([
    [{ widht: 16 }, /unknown option 'widht'; did you mean 'width'\?/],
    [{ width: 0 }, /width must be an integer >= 1/],
    [{ width: 1.5 }, /width must be an integer/],
    [{ inChannels: 0 }, /inChannels must be an integer >= 1/],
    [{ stem: 'cifr' }, /stem must be one of 'imagenet', 'cifar'.*did you mean 'cifar'\?/],
    [{ zeroInitResidual: 1 }, /zeroInitResidual must be true or false/],
    [{ seed: -1 }, /seed must be an integer >= 0/],
  ])('refuses %o', (options, pattern) => {
    const error = caught(() => resnet18(options as object));
    expect(error).toMatchObject({ code: 'ERR_OPTION', message: expect.stringMatching(pattern) });
  });

  it('refuses an unknown encoder with the nearest name, and a second registration', () => {
    expect(caught(() => makeEncoder({ name: 'resnet19' }))).toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/did you mean 'resnet1?8'|did you mean/),
    });
    expect(caught(() => registerEncoder('resnet18', () => resnet18()))).toMatchObject({ code: 'ERR_OPTION' });
  });
});

describe('forward', () => {
  const small = (): Module => resnet18({ stem: 'cifar', width: 2 });

  it.each<[number[], string, RegExp]>([
    [[3, 8, 8], 'ERR_SHAPE', /images must have shape \(batch, 3, height, width\), got \[3, 8, 8\]/],
    [[2, 8, 8, 3], 'ERR_SHAPE', /got \[2, 8, 8, 3\]/],
    [[0, 3, 8, 8], 'ERR_SHAPE', /at least one sample/],
    [[2, 3, 0, 8], 'ERR_SHAPE', /at least one sample and one pixel/],
  ])('refuses shape %o at the call', (shape, code, pattern) => {
    using net = small();
    expect(caught(() => net.forward(zeros(shape)))).toMatchObject({
      code,
      message: expect.stringMatching(pattern),
    });
  });

  it('refuses another dtype, and what is no tensor', () => {
    using net = small();
    const bytes = tensor(new Uint8Array(192), { shape: [1, 3, 8, 8] });
    const doubles = tensor(new Float64Array(192), { shape: [1, 3, 8, 8] });
    for (const x of [bytes, doubles]) expect(caught(() => net.forward(x))).toMatchObject({ code: 'ERR_DTYPE' });
    expect(caught(() => autocast('bfloat16', () => net.forward(bytes)))).toMatchObject({ code: 'ERR_DTYPE' });
    expect(caught(() => net.forward(3 as unknown as Tensor))).toMatchObject({ code: 'ERR_OPTION' });
  });

  it('refuses one value per channel in training mode, and takes it in evaluation mode', async () => {
    using net = small();
    const x = zeros([1, 3, 8, 8]);
    expect(caught(() => net.forward(x))).toMatchObject({ code: 'ERR_SHAPE' });
    net.eval();
    expect((await net.forward(x).data()).length).toBe(16);
  });

  it('takes images of one pixel in evaluation mode, with either stem', async () => {
    for (const stem of ['imagenet', 'cifar'] as const) {
      using net = resnet18({ stem, width: 2 }).eval();
      expect((await net.forward(zeros([2, 3, 1, 1])).data()).length).toBe(32);
    }
  });

  it('runs in bfloat16 under autocast, near the float32 result, with float32 gradients', async () => {
    using net = resnet18({ stem: 'cifar', width: 8 });
    const x = randn([16, 3, 16, 16], { seed: 1 });
    const full = numbers(net.forward(x));
    const features = autocast('bfloat16', () => net.forward(x));
    expect(features.dtype).toBe('bfloat16');
    const low = numbers(features);
    const error = Math.max(...low.map((value, i) => Math.abs(value - (full[i] as number))));
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(0.1);
    sum(features).backward();
    expect(net.namedParameters().get('conv1.weight')?.grad?.dtype).toBe('float32');
  });

  it('gives the same features for both memory layouts', () => {
    using net = resnet18({ stem: 'cifar', width: 4 });
    const x = randn([4, 3, 8, 8], { seed: 2 });
    const interleaved = x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
    expect(net.forward(interleaved).dataSync()).toEqual(net.forward(x).dataSync());
  });

  it('follows weights that change between evaluations', () => {
    using net = resnet18({ stem: 'cifar', width: 4 }).eval();
    const x = randn([2, 3, 8, 8], { seed: 3 });
    const evaluate = (): number[] => noGrad(() => numbers(net.forward(x)));
    const before = evaluate();
    expect(evaluate()).toEqual(before);
    noGrad(() => net.namedParameters().get('bn1.weight')?.mul_(tensor(3)));
    const scaled = evaluate();
    expect(scaled).not.toEqual(before);
    const other = resnet18({ stem: 'cifar', width: 4, seed: 1 });
    net.loadStateDict(other.stateDict());
    other.eval();
    expectClose(evaluate(), numbers(other.forward(x)), 1e-5);
  });
});

describe('initial weights', () => {
  it('convolutions: mean 0, variance 2 / fan-out; normalisation 1 and 0', () => {
    using net = resnet18({ width: 32 });
    const weight = net.namedParameters().get('layer4.0.conv2.weight') as Tensor; // (256, 256, 3, 3)
    const values = numbers(weight);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(1e-3);
    expect(variance / (2 / (256 * 9))).toBeCloseTo(1, 1);
    // Normal, not uniform: about 0.27 % beyond three deviations.
    const far = values.filter((value) => Math.abs(value) > 3 * Math.sqrt(variance)).length / values.length;
    expect(far).toBeGreaterThan(0.002);
    expect(far).toBeLessThan(0.0035);
    expect(new Set(numbers(net.namedParameters().get('bn1.weight')))).toEqual(new Set([1]));
    expect(new Set(numbers(net.namedParameters().get('bn1.bias')))).toEqual(new Set([0]));
    expect(new Set(numbers(net.namedBuffers().get('bn1.running_var')))).toEqual(new Set([1]));
  });

  it('the seed decides, and the process-wide generator has no part', () => {
    const weights = (seed: number) =>
      resnet18({ width: 2, seed }).namedParameters().get('layer3.1.conv1.weight')?.dataSync();
    const first = weights(5);
    randn([10]).dataSync();
    expect(weights(5)).toEqual(first);
    expect(weights(6)).not.toEqual(first);
  });
});
