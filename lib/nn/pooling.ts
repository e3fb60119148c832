/** Layers that make images smaller, and vectors of them. */
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectPair, type Pair, pairOption } from './conv2d.ts';
import { Module } from './module.ts';

const poolOptions = {
  /** Default: kernelSize. */
  stride: pairOption(1),
  /** Around the image, at most half of kernelSize; default 0. */
  padding: { ...pairOption(0), default: 0 },
  /** Whether a window that reaches beyond the image counts. Default false. */
  ceilMode: { type: 'boolean', default: false },
} as const satisfies OptionTable;

const maxPoolOptions = {
  ...poolOptions,
  /** Default 1. */
  dilation: { ...pairOption(1), default: 1 },
} as const satisfies OptionTable;

export interface MaxPool2dOptions extends OptionsOf<typeof maxPoolOptions> {}

/** The maximum of each window of each channel. As torch.nn.MaxPool2d. */
export class MaxPool2d extends Module {
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly ceilMode: boolean;

  constructor(kernelSize: Pair, options: MaxPool2dOptions = {}) {
    super();
    this.kernelSize = expectPair('kernelSize', kernelSize, 1);
    const resolved = resolveOptions('MaxPool2d', maxPoolOptions, options);
    this.stride = resolved.stride ?? this.kernelSize;
    this.padding = resolved.padding;
    this.dilation = resolved.dilation;
    this.ceilMode = resolved.ceilMode;
  }

  override forward(x: Tensor): Tensor {
    return ops.maxPool2d(x, this.kernelSize, this.stride, this.padding, this.dilation, this.ceilMode);
  }
}

const avgPoolOptions = {
  ...poolOptions,
  /** Whether the padding, which is zeros, counts in the mean. Default true. */
  countIncludePad: { type: 'boolean', default: true },
} as const satisfies OptionTable;

export interface AvgPool2dOptions extends OptionsOf<typeof avgPoolOptions> {}

/** The mean of each window of each channel. As torch.nn.AvgPool2d. */
export class AvgPool2d extends Module {
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;

  constructor(kernelSize: Pair, options: AvgPool2dOptions = {}) {
    super();
    this.kernelSize = expectPair('kernelSize', kernelSize, 1);
    const resolved = resolveOptions('AvgPool2d', avgPoolOptions, options);
    this.stride = resolved.stride ?? this.kernelSize;
    this.padding = resolved.padding;
    this.ceilMode = resolved.ceilMode;
    this.countIncludePad = resolved.countIncludePad;
  }

  override forward(x: Tensor): Tensor {
    return ops.avgPool2d(x, this.kernelSize, this.stride, this.padding, this.ceilMode, this.countIncludePad);
  }
}

/** Means that make every image outputSize large. As torch.nn.AdaptiveAvgPool2d. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: readonly [number, number];

  constructor(outputSize: Pair) {
    super();
    this.outputSize = expectPair('outputSize', outputSize, 1);
  }

  override forward(x: Tensor): Tensor {
    return ops.adaptiveAvgPool2d(x, this.outputSize);
  }
}

const flattenOptions = {
  /** First dimension of those that become one, default 1. */
  startDim: { type: 'number', default: 1, integer: true },
  /** Last one, default -1. */
  endDim: { type: 'number', default: -1, integer: true },
} as const satisfies OptionTable;

export interface FlattenOptions extends OptionsOf<typeof flattenOptions> {}

/** Makes one dimension of several: (batch, channels, height, width) → (batch, channels · height · width). */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(options: FlattenOptions = {}) {
    super();
    const { startDim, endDim } = resolveOptions('Flatten', flattenOptions, options);
    this.startDim = startDim;
    this.endDim = endDim;
  }

  override forward(x: Tensor): Tensor {
    return ops.flatten(x, this.startDim, this.endDim);
  }
}
