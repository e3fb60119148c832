/** Two-dimensional convolution. */
import { OptionError } from '../errors.ts';
import { countOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { describe, expectNumber } from '../validate.ts';
import { defaultInit, size, weightOptions } from './linear.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';

/** Of height and width, or of both. */
export type Pair = number | readonly [height: number, width: number];

/** @throws {OptionError} no such pair of integers. */
export function expectPair(name: string, value: unknown, min: number): readonly [number, number] {
  if (!Array.isArray(value)) {
    const both = expectNumber(name, value, { min, integer: true });
    return [both, both];
  }
  if (value.length !== 2) throw new OptionError(`${name} must be a number or [height, width], got ${describe(value)}`);
  return value.map((n) => expectNumber(name, n, { min, integer: true })) as [number, number];
}

export const pairOption = (min: number) =>
  ({ type: 'checked', check: (name: string, value: Pair) => expectPair(name, value, min) }) as const;

const declared = {
  ...weightOptions,
  /** Default 1. */
  stride: { ...pairOption(1), default: 1 },
  /** Zeros around the image, default 0. */
  padding: { ...pairOption(0), default: 0 },
  /** Distance between the taps of the kernel, default 1. */
  dilation: { ...pairOption(1), default: 1 },
  /** Divides both numbers of channels; each group of outputs sees its group of inputs. Default 1. */
  groups: { ...countOption, default: 1 },
} as const satisfies OptionTable;

export interface Conv2dOptions extends OptionsOf<typeof declared> {}

/** (batch, inChannels, height, width) → (batch, outChannels, …). As torch.nn.Conv2d; weights lie channels_last. */
export class Conv2d extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
  /** (outChannels, inChannels / groups, height, width) */
  readonly weight: Parameter;
  /** (outChannels), or null. */
  readonly bias: Parameter | null;

  /** @throws {OptionError} an unknown or wrong option. */
  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: Conv2dOptions = {}) {
    super();
    const resolved = resolveOptions('Conv2d', declared, options);
    this.inChannels = expectNumber('inChannels', inChannels, size);
    this.outChannels = expectNumber('outChannels', outChannels, size);
    const kernel = expectPair('kernelSize', kernelSize, 1);
    this.stride = resolved.stride;
    this.padding = resolved.padding;
    this.dilation = resolved.dilation;
    this.groups = resolved.groups;
    if (inChannels % this.groups !== 0 || outChannels % this.groups !== 0)
      throw new OptionError(`groups must divide ${inChannels} and ${outChannels} channels, got ${this.groups}`);
    const inputs = inChannels / this.groups;
    const byDefault = defaultInit(inputs * kernel[0] * kernel[1], resolved);
    const { init = byDefault } = resolved;
    // Where both orders are one, the plain strides stay: libtorch chooses its kernels by them.
    const isOneOrder = inputs === 1 || (kernel[0] === 1 && kernel[1] === 1);
    const memoryFormat = isOneOrder ? 'contiguous' : 'channels_last';
    this.weight = new Parameter(ops.empty([outChannels, inputs, ...kernel], { memoryFormat }));
    init(this.weight);
    this.bias = resolved.bias ? new Parameter(ops.empty([outChannels])) : null;
    if (this.bias !== null) byDefault(this.bias);
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, stride, padding, dilation, groups } = this;
    return ops.conv2d(x, weight, { bias, stride, padding, dilation, groups });
  }
}
