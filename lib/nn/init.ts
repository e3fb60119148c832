/**
 * Initial values of parameters, filled in place, as torch.nn.init. Numbers are drawn on the CPU in the order of the indices,
 * whatever the layout and the device of the tensor: equal generators give equal values.
 */
import { ShapeError } from '../errors.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { defaultGenerator } from '../tensor/random.ts';
import { type Tensor, tensor as vector } from '../tensor/tensor.ts';
import { type DrawOptions, drawOptions } from './draw-options.ts';

export type { DrawOptions };

const kaimingOptions = {
  ...drawOptions,
  /** Slope of leaky ReLU for negative values, default 0. */
  a: { type: 'number', default: 0 },
  /** Keeps the variance of the values ('fan_in', default) or of the gradients ('fan_out'). */
  mode: { type: 'string', choices: ['fan_in', 'fan_out'], default: 'fan_in' },
  /** What follows the layer. Default 'leaky_relu'. */
  nonlinearity: {
    ...{ type: 'string', default: 'leaky_relu' },
    choices: ['linear', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'selu'],
  },
} as const satisfies OptionTable;

export interface KaimingOptions extends OptionsOf<typeof kaimingOptions> {}
export type Nonlinearity = (typeof kaimingOptions.nonlinearity.choices)[number];

const xavierOptions = {
  ...drawOptions,
  /** Default 1. */
  gain: { type: 'number', default: 1 },
} as const satisfies OptionTable;

export interface XavierOptions extends OptionsOf<typeof xavierOptions> {}

const truncNormalOptions = {
  ...drawOptions,
  /** Default 0. */
  mean: { type: 'number', default: 0 },
  /** Default 1. */
  std: { type: 'number', default: 1, above: 0 },
  /** Values lie in [a, b]; default [-2, 2]. Absolute, not in deviations. */
  a: { type: 'number', default: -2 },
  b: { type: 'number', default: 2 },
} as const satisfies OptionTable;

export interface TruncNormalOptions extends OptionsOf<typeof truncNormalOptions> {}

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
  const { generator = defaultGenerator() } = resolveOptions('uniform', drawOptions, options);
  return fill(tensor, (plain) => plain.uniform_(from, to, { generator }));
}

/** Normal, of this mean and standard deviation. */
export function normal(tensor: Tensor, mean = 0, std = 1, options: DrawOptions = {}): Tensor {
  const { generator = defaultGenerator() } = resolveOptions('normal', drawOptions, options);
  return fill(tensor, (plain) => plain.normal_(mean, std, { generator }));
}

/** Normal, with the tails beyond [a, b] cut off: as PyTorch, by the inverse of the distribution function. */
export function truncNormal(tensor: Tensor, options: TruncNormalOptions = {}): Tensor {
  const resolved = resolveOptions('truncNormal', truncNormalOptions, options);
  const { mean, std, a, b, generator = defaultGenerator() } = resolved;
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
  const { generator, ...kaiming } = resolveOptions('kaimingNormal', kaimingOptions, options);
  return normal(tensor, 0, Math.sqrt(kaimingVariance(tensor, kaiming)), { generator });
}

/** Uniform with variance gain² / fan. As kaimingNormal. */
export function kaimingUniform(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  const { generator, ...kaiming } = resolveOptions('kaimingUniform', kaimingOptions, options);
  const bound = Math.sqrt(3 * kaimingVariance(tensor, kaiming));
  return uniform(tensor, -bound, bound, { generator });
}

/**
 * Normal with variance gain² · 2 / (fan in + fan out).
 * Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", equation 12.
 */
export function xavierNormal(tensor: Tensor, options: XavierOptions = {}): Tensor {
  const { generator, gain } = resolveOptions('xavierNormal', xavierOptions, options);
  return normal(tensor, 0, Math.sqrt(xavierVariance(tensor, gain)), { generator });
}

/** Uniform with variance gain² · 2 / (fan in + fan out). As xavierNormal. */
export function xavierUniform(tensor: Tensor, options: XavierOptions = {}): Tensor {
  const { generator, gain } = resolveOptions('xavierUniform', xavierOptions, options);
  const bound = Math.sqrt(3 * xavierVariance(tensor, gain));
  return uniform(tensor, -bound, bound, { generator });
}

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

type Kaiming = Omit<ResolvedOf<typeof kaimingOptions>, 'generator'>;

function kaimingVariance(tensor: Tensor, { a, mode, nonlinearity }: Kaiming): number {
  const fans = fansOf(tensor);
  return squaredGain(nonlinearity, a) / (mode === 'fan_in' ? fans.in : fans.out);
}

function xavierVariance(tensor: Tensor, gain: number): number {
  const fans = fansOf(tensor);
  return (gain ** 2 * 2) / (fans.in + fans.out);
}
