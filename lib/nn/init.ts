/**
 * Initial values of parameters, filled in place, as torch.nn.init. Numbers are drawn on the CPU in the order of the indices,
 * whatever the layout and the device of the tensor: equal generators give equal values.
 */
import { ShapeError } from '../errors.ts';
import type { Generator } from '../tensor/generator.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { defaultGenerator } from '../tensor/random.ts';
import { type Tensor, tensor as vector } from '../tensor/tensor.ts';
import { checkOptions, expectNumber, expectOneOf } from '../validate.ts';

export interface DrawOptions {
  /** Default: the one that `manualSeed()` seeds. */
  readonly generator?: Generator;
}

export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leaky_relu' | 'selu';

export interface KaimingOptions extends DrawOptions {
  /** Slope of leaky ReLU for negative values, default 0. */
  readonly a?: number;
  /** Keeps the variance of the values ('fan_in', default) or of the gradients ('fan_out'). */
  readonly mode?: 'fan_in' | 'fan_out';
  /** What follows the layer. Default 'leaky_relu'. */
  readonly nonlinearity?: Nonlinearity;
}

export interface XavierOptions extends DrawOptions {
  /** Default 1. */
  readonly gain?: number;
}

export interface TruncNormalOptions extends DrawOptions {
  /** Default 0. */
  readonly mean?: number;
  /** Default 1. */
  readonly std?: number;
  /** Values lie in [a, b]; default [-2, 2]. Absolute, not in deviations. */
  readonly a?: number;
  readonly b?: number;
}

function fill(tensor: Tensor, make: (plain: Tensor) => Tensor): Tensor {
  tidy(() => noGrad(() => void tensor.copy_(make(ops.empty(tensor.shape)))));
  return tensor;
}

/** Each value `value`. */
export function constant(tensor: Tensor, value: number): Tensor {
  noGrad(() => tensor.fill_(value)).dispose();
  return tensor;
}

export const zeros = (tensor: Tensor): Tensor => constant(tensor, 0);

export const ones = (tensor: Tensor): Tensor => constant(tensor, 1);

/** Uniform in [from, to). */
export function uniform(tensor: Tensor, from = 0, to = 1, options: DrawOptions = {}): Tensor {
  checkOptions('uniform', options, ['generator']);
  const { generator = defaultGenerator() } = options;
  return fill(tensor, (plain) => plain.uniform_(from, to, { generator }));
}

/** Normal, of this mean and standard deviation. */
export function normal(tensor: Tensor, mean = 0, std = 1, options: DrawOptions = {}): Tensor {
  checkOptions('normal', options, ['generator']);
  const { generator = defaultGenerator() } = options;
  return fill(tensor, (plain) => plain.normal_(mean, std, { generator }));
}

/** Normal, with the tails beyond [a, b] cut off: as PyTorch, by the inverse of the distribution function. */
export function truncNormal(tensor: Tensor, options: TruncNormalOptions = {}): Tensor {
  checkOptions('truncNormal', options, ['mean', 'std', 'a', 'b', 'generator']);
  const { mean = 0, a = -2, b = 2, generator = defaultGenerator() } = options;
  const std = expectNumber('std', options.std ?? 1, { above: 0 });
  return fill(tensor, (plain) => {
    // erf(z / √2) = 2 Φ(z) − 1: what is uniform between its values at the bounds becomes normal by its inverse.
    const [low, high] = vector([a, b])
      .sub(mean)
      .div(std * Math.SQRT2)
      .erf()
      .unbind() as [Tensor, Tensor];
    const inside = plain.uniform_(0, 1, { generator }).mul(high.sub(low)).add(low);
    return inside
      .erfinv()
      .mul(std * Math.SQRT2)
      .add(mean)
      .clamp(a, b);
  });
}

/**
 * Normal with variance gain² / fan.
 * Source: He et al. 2015, arXiv:1502.01852, equations 10 and 14.
 */
export function kaimingNormal(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  return normal(tensor, 0, Math.sqrt(kaimingVariance('kaimingNormal', tensor, options)), drawsOf(options));
}

/** Uniform with variance gain² / fan. As kaimingNormal. */
export function kaimingUniform(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3 * kaimingVariance('kaimingUniform', tensor, options));
  return uniform(tensor, -bound, bound, drawsOf(options));
}

/**
 * Normal with variance gain² · 2 / (fan in + fan out).
 * Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", equation 12.
 */
export function xavierNormal(tensor: Tensor, options: XavierOptions = {}): Tensor {
  return normal(tensor, 0, Math.sqrt(xavierVariance('xavierNormal', tensor, options)), drawsOf(options));
}

/** Uniform with variance gain² · 2 / (fan in + fan out). As xavierNormal. */
export function xavierUniform(tensor: Tensor, options: XavierOptions = {}): Tensor {
  const bound = Math.sqrt(3 * xavierVariance('xavierUniform', tensor, options));
  return uniform(tensor, -bound, bound, drawsOf(options));
}

const drawsOf = ({ generator }: DrawOptions): DrawOptions => (generator === undefined ? {} : { generator });

/** Values that one output is made of, and that one input goes into. */
function fansOf({ shape }: Tensor): { in: number; out: number } {
  const [out, inputs, ...kernel] = shape;
  if (out === undefined || inputs === undefined)
    throw new ShapeError(`the fan of a tensor needs at least 2 dimensions, got [${shape}]`);
  const positions = kernel.reduce((product, n) => product * n, 1);
  return { in: inputs * positions, out: out * positions };
}

/** The square of torch.nn.init.calculate_gain. */
function squaredGain(nonlinearity: Nonlinearity, slope: number): number {
  switch (nonlinearity) {
    case 'tanh':
      return (5 / 3) ** 2;
    case 'relu':
      return 2;
    case 'leaky_relu':
      return 2 / (1 + slope ** 2);
    case 'selu':
      return (3 / 4) ** 2;
    default:
      return 1;
  }
}

const nonlinearities = ['linear', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'selu'] as const;

function kaimingVariance(where: string, tensor: Tensor, options: KaimingOptions): number {
  checkOptions(where, options, ['a', 'mode', 'nonlinearity', 'generator']);
  const slope = expectNumber('a', options.a ?? 0);
  const mode = expectOneOf('mode', options.mode ?? 'fan_in', ['fan_in', 'fan_out']);
  const nonlinearity = expectOneOf('nonlinearity', options.nonlinearity ?? 'leaky_relu', nonlinearities);
  const fans = fansOf(tensor);
  return squaredGain(nonlinearity, slope) / (mode === 'fan_in' ? fans.in : fans.out);
}

function xavierVariance(where: string, tensor: Tensor, options: XavierOptions): number {
  checkOptions(where, options, ['gain', 'generator']);
  const gain = expectNumber('gain', options.gain ?? 1);
  const fans = fansOf(tensor);
  return (gain ** 2 * 2) / (fans.in + fans.out);
}
