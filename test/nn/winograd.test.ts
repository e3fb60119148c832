/**
 * 3x3 convolutions of the kind that native/nn/winograd.cc takes. Whole numbers are exact with tiles of 2x2; the oracle is
 * libtorch in float64, which it leaves alone.
 */
import { describe, expect, it } from 'vitest';
import { compile, grad, noGrad, ops, setThreads, type Tensor } from '../../lib/index.ts';

interface Case {
  readonly images: number;
  readonly channels: number;
  readonly outputs: number;
  readonly height: number;
  readonly width: number;
  readonly padding: number;
}

/** Even and odd sizes, blocks of outputs and channels with rests, one tile of images and many, no padding. */
const cases: readonly Case[] = [
  { images: 8, channels: 16, outputs: 16, height: 8, width: 8, padding: 1 },
  { images: 4, channels: 32, outputs: 48, height: 7, width: 9, padding: 1 },
  { images: 16, channels: 48, outputs: 32, height: 4, width: 4, padding: 1 },
  { images: 3, channels: 80, outputs: 112, height: 11, width: 16, padding: 1 },
  { images: 5, channels: 16, outputs: 64, height: 9, width: 14, padding: 0 },
  { images: 2, channels: 128, outputs: 16, height: 13, width: 13, padding: 0 },
];

const name = ({ images, channels, outputs, height, width, padding }: Case): string =>
  `${images} images of ${channels} x ${height} x ${width} to ${outputs}, padding ${padding}`;

const channelsLast = (x: Tensor): Tensor => x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]).detach();

/** Of whole numbers from -4 to 4, or normal. */
function tensors({ images, channels, outputs, height, width, padding }: Case, whole: boolean) {
  const values = (shape: readonly number[], seed: number): Tensor =>
    whole ? ops.rand(shape, { seed }).mul(9).floor().sub(4) : ops.randn(shape, { seed });
  return {
    x: channelsLast(values([images, channels, height, width], 1)),
    weight: values([outputs, channels, 3, 3], 2),
    bias: values([outputs], 3),
    gradient: values([images, outputs, height + 2 * padding - 2, width + 2 * padding - 2], 4),
  };
}

/** The output and the gradients of the input, the weight and the bias. */
async function results(from: ReturnType<typeof tensors>, padding: number): Promise<Float64Array[]> {
  const [x, weight, bias] = [from.x, from.weight, from.bias].map((each) => {
    const leaf = each.detach();
    leaf.requiresGrad = true;
    return leaf;
  }) as [Tensor, Tensor, Tensor];
  const y = ops.conv2d(x, weight, { bias, padding });
  y.backward(from.gradient);
  const all = [y, x.grad, weight.grad, bias.grad] as Tensor[];
  return Promise.all(all.map(async (each) => (await each.to('float64').data()) as Float64Array));
}

const inFloat64 = (from: ReturnType<typeof tensors>): ReturnType<typeof tensors> => ({
  x: from.x.to('float64'),
  weight: from.weight.to('float64'),
  bias: from.bias.to('float64'),
  gradient: from.gradient.to('float64'),
});

/** The root of the mean square of the difference, relative to that of `right`. */
function error(values: Float64Array, right: Float64Array): number {
  let [difference, size] = [0, 0];
  for (const [i, value] of right.entries()) {
    difference += ((values[i] as number) - value) ** 2;
    size += value ** 2;
  }
  return Math.sqrt(difference / size);
}

describe.each(cases)('a 3x3 convolution', (each) => {
  it(`of ${name(each)}: exact in whole numbers, with all gradients`, async () => {
    const whole = tensors(each, true);
    const right = await results(inFloat64(whole), each.padding);
    expect(await results(whole, each.padding)).toEqual(right);
  });

  it(`of ${name(each)}: no less precise than plain sums`, async () => {
    const from = tensors(each, false);
    const right = await results(inFloat64(from), each.padding);
    const plain = await results({ ...from, x: from.x.contiguous() }, each.padding);
    for (const [i, values] of (await results(from, each.padding)).entries())
      expect(error(values, right[i] as Float64Array)).toBeLessThan(
        Math.max(1e-7, 2 * error(plain[i] as Float64Array, right[i] as Float64Array)),
      );
  });
});

it('gives the same bits with one thread and two', async () => {
  for (const each of cases.slice(0, 4)) {
    const from = tensors(each, false);
    setThreads(1);
    const one = await results(from, each.padding);
    setThreads(2);
    expect(await results(from, each.padding)).toEqual(one);
  }
  setThreads(1);
});

it('has derivatives of its gradients', async () => {
  const whole = tensors(cases[0] as Case, true);
  const second = async (from: ReturnType<typeof tensors>): Promise<Float64Array[]> => {
    const [x, weight] = [from.x.detach(), from.weight.detach()];
    x.requiresGrad = true;
    weight.requiresGrad = true;
    const y = ops.conv2d(x, weight, { padding: 1 });
    const [gradient] = grad([y.mul(from.gradient).sum()], [x], { createGraph: true });
    (gradient as Tensor).mul(from.x).sum().backward();
    return [((await weight.grad?.to('float64').data()) ?? new Float64Array()) as Float64Array];
  };
  expect(await second(whole)).toEqual(await second(inFloat64(whole)));
});

it('gives what is not a number to what it reaches', async () => {
  const { x, weight } = tensors(cases[0] as Case, true);
  const one = ops.zerosLike(x);
  one.narrow(0, 1, 1).narrow(2, 0, 1).narrow(3, 0, 1).fill_(Number.NaN);
  const y = (await ops.conv2d(x.add(one), weight, { padding: 1 }).data()) as Float32Array;
  const clean = (await ops.conv2d(x, weight, { padding: 1 }).data()) as Float32Array;
  const imageSize = y.length / 8;
  expect(Number.isNaN(y[imageSize])).toBe(true);
  for (const [i, value] of clean.entries()) if (Math.floor(i / imageSize) !== 1) expect(y[i]).toBe(value);
});

describe('in inference', () => {
  const evaluation = { training: false, momentum: 0.1, eps: 1e-5 };
  const forward = ({ weight, bias }: ReturnType<typeof tensors>, padding: number) => {
    const [mean, variance] = [bias.mul(0.5), bias.square().add(1)];
    return (x: Tensor, residual: Tensor) => {
      const convolved = ops.conv2d(x, weight, { bias, padding });
      const one = ops
        .batchNorm(convolved, { weight: bias, bias, runningMean: mean, runningVar: variance, ...evaluation })
        .add(residual)
        .relu();
      const two = ops.conv2d(x, weight, { padding }).relu();
      return ops.cat([one, two], 0);
    };
  };

  it.each(cases)('is folded, with an addition and ReLU: %o', async (each) => {
    const from = tensors(each, false);
    const residual = channelsLast(from.gradient);
    using compiled = compile(forward(from, each.padding), { inference: true });
    const double = inFloat64(from);
    const plain = forward(double, each.padding);
    await noGrad(async () => {
      const right = await plain(double.x, double.gradient).data();
      for (const threads of [1, 2]) {
        setThreads(threads);
        const values = await compiled(from.x, residual).to('float64').data();
        expect(error(values as Float64Array, right as Float64Array)).toBeLessThan(2e-6);
      }
      setThreads(1);
    });
  });
});
