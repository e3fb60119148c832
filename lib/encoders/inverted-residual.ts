/** What MobileNetV3 and EfficientNet are made of. */
import { Hardsigmoid, ReLU, Sigmoid, SiLU } from '../nn/activations.ts';
import { Sequential } from '../nn/containers.ts';
import { Conv2d } from '../nn/conv2d.ts';
import { kaimingNormal, zeros } from '../nn/init.ts';
import { Module } from '../nn/module.ts';
import { type After, BatchNorm2d, type BatchNormOptions } from '../nn/normalization.ts';
import type { Parameter } from '../nn/parameter.ts';
import { SqueezeExcitation } from '../nn/squeeze-excitation.ts';
import { StochasticDepth } from '../nn/stochastic-depth.ts';
import type { Generator } from '../tensor/generator.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Kaiming-normal in the fan-out (He et al. 2015). */
const weightsOf = (generator: Generator) => ({
  generator,
  init: (weight: Parameter) => kaimingNormal(weight, { mode: 'fan_out', nonlinearity: 'relu', generator }),
});

export interface ConvNormOptions {
  readonly kernel: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default 1. */
  readonly groups?: number;
  /** Default 'none'. */
  readonly activation?: After['activation'];
  readonly norm?: BatchNormOptions;
  readonly generator: Generator;
}

/** A convolution without bias that keeps the size, up to its stride, batch normalisation and an activation. */
export class ConvNorm extends Sequential {
  readonly activation: NonNullable<After['activation']>;

  constructor(inChannels: number, channels: number, options: ConvNormOptions) {
    const { kernel, stride = 1, groups = 1, activation = 'none', norm, generator } = options;
    const padding = (kernel - 1) / 2;
    const conv = new Conv2d(inChannels, channels, kernel, {
      ...{ stride, padding, groups, bias: false },
      ...weightsOf(generator),
    });
    super([conv, new BatchNorm2d(channels, norm)]);
    this.activation = activation;
  }

  get weight(): Parameter {
    return (this[0] as Conv2d).weight;
  }

  /** @param residual is added before the activation. */
  override forward(x: Tensor, residual?: Tensor): Tensor {
    const y = (this[0] as Conv2d).forward(x);
    return (this[1] as BatchNorm2d).forward(y, { activation: this.activation, ...(residual && { residual }) });
  }
}

export interface InvertedResidualOptions {
  readonly inChannels: number;
  /** Between the first and the last convolution. */
  readonly expandedChannels: number;
  readonly channels: number;
  /** Of the convolution of each channel. */
  readonly kernel: number;
  readonly stride: number;
  readonly activation: 'relu' | 'hardswish' | 'silu';
  /** Channels inside the squeeze-and-excitation; undefined without one. */
  readonly squeezedChannels: number | undefined;
  /** Default 0. */
  readonly stochasticDepth?: number;
  readonly norm?: BatchNormOptions;
  readonly generator: Generator;
}

function squeezeExcitation(channels: number, squeezed: number, isSilu: boolean, generator: Generator): Module {
  const made = new SqueezeExcitation(channels, squeezed, {
    activation: isSilu ? new SiLU() : new ReLU(),
    scaleActivation: isSilu ? new Sigmoid() : new Hardsigmoid(),
    ...weightsOf(generator),
  });
  for (const { bias } of [made.fc1, made.fc2]) zeros(bias as Parameter);
  return made;
}

/**
 * 1×1 convolution to more channels, a convolution of each channel, squeeze-and-excitation, and a 1×1 convolution to few
 * channels, beside a shortcut where the shapes agree.
 * Source: Sandler et al. 2018, arXiv:1801.04381; with squeeze-and-excitation Howard et al. 2019, arXiv:1905.02244 (with
 * hardsigmoid), and Tan & Le 2019, arXiv:1905.11946 (SiLU and sigmoid).
 */
export class InvertedResidual extends Module {
  readonly block: Sequential;
  readonly stochasticDepth: StochasticDepth;
  readonly hasShortcut: boolean;

  constructor(options: InvertedResidualOptions) {
    super();
    const { inChannels, expandedChannels: expanded, channels, kernel, stride, squeezedChannels: squeezed } = options;
    const { activation, norm = {}, generator } = options;
    const common = { norm, generator };
    this.block = new Sequential([
      ...(expanded === inChannels ? [] : [new ConvNorm(inChannels, expanded, { kernel: 1, activation, ...common })]),
      new ConvNorm(expanded, expanded, { kernel, stride, groups: expanded, activation, ...common }),
      ...(squeezed === undefined ? [] : [squeezeExcitation(expanded, squeezed, activation === 'silu', generator)]),
      new ConvNorm(expanded, channels, { kernel: 1, ...common }),
    ]);
    this.stochasticDepth = new StochasticDepth(options.stochasticDepth ?? 0);
    this.hasShortcut = stride === 1 && inChannels === channels;
  }

  override forward(x: Tensor): Tensor {
    const parts = [...this.block];
    const last = parts.pop() as ConvNorm;
    const y = parts.reduce((y, part) => part.forward(y), x);
    if (!this.hasShortcut) return last.forward(y);
    const drops = this.training && this.stochasticDepth.p > 0;
    return drops ? x.add(this.stochasticDepth.forward(last.forward(y))) : last.forward(y, x);
  }
}

/** The multiple of 8 that is nearest to a number of channels, and at most a tenth below it. */
export function nearestEight(channels: number): number {
  const near = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return near < 0.9 * channels ? near + 8 : near;
}
