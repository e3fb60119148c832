/** Layers that make images smaller, and vectors of them. */
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, expectBoolean, expectNumber } from '../validate.ts';
import { expectPair, type Pair } from './conv2d.ts';
import { Module } from './module.ts';

export interface MaxPool2dOptions {
  /** Default: kernelSize. */
  readonly stride?: Pair;
  /** Around the image, at most half of kernelSize; default 0. */
  readonly padding?: Pair;
  /** Default 1. */
  readonly dilation?: Pair;
  /** Whether a window that reaches beyond the image counts. Default false. */
  readonly ceilMode?: boolean;
}

/** The maximum of each window of each channel. As torch.nn.MaxPool2d. */
export class MaxPool2d extends Module {
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly ceilMode: boolean;

  constructor(kernelSize: Pair, options: MaxPool2dOptions = {}) {
    super();
    checkOptions('MaxPool2d', options, ['stride', 'padding', 'dilation', 'ceilMode']);
    this.kernelSize = expectPair('kernelSize', kernelSize, 1);
    this.stride = expectPair('stride', options.stride ?? kernelSize, 1);
    this.padding = expectPair('padding', options.padding ?? 0, 0);
    this.dilation = expectPair('dilation', options.dilation ?? 1, 1);
    this.ceilMode = expectBoolean('ceilMode', options.ceilMode ?? false);
  }

  override forward(x: Tensor): Tensor {
    return ops.maxPool2d(x, this.kernelSize, this.stride, this.padding, this.dilation, this.ceilMode);
  }
}

export interface AvgPool2dOptions {
  /** Default: kernelSize. */
  readonly stride?: Pair;
  /** Zeros around the image, at most half of kernelSize; default 0. */
  readonly padding?: Pair;
  /** Whether a window that reaches beyond the image counts. Default false. */
  readonly ceilMode?: boolean;
  /** Whether the zeros count in the mean. Default true. */
  readonly countIncludePad?: boolean;
}

/** The mean of each window of each channel. As torch.nn.AvgPool2d. */
export class AvgPool2d extends Module {
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;

  constructor(kernelSize: Pair, options: AvgPool2dOptions = {}) {
    super();
    checkOptions('AvgPool2d', options, ['stride', 'padding', 'ceilMode', 'countIncludePad']);
    this.kernelSize = expectPair('kernelSize', kernelSize, 1);
    this.stride = expectPair('stride', options.stride ?? kernelSize, 1);
    this.padding = expectPair('padding', options.padding ?? 0, 0);
    this.ceilMode = expectBoolean('ceilMode', options.ceilMode ?? false);
    this.countIncludePad = expectBoolean('countIncludePad', options.countIncludePad ?? true);
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

export interface FlattenOptions {
  /** First dimension of those that become one, default 1. */
  readonly startDim?: number;
  /** Last one, default -1. */
  readonly endDim?: number;
}

/** Makes one dimension of several: (batch, channels, height, width) → (batch, channels · height · width). */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(options: FlattenOptions = {}) {
    super();
    checkOptions('Flatten', options, ['startDim', 'endDim']);
    this.startDim = expectNumber('startDim', options.startDim ?? 1, { integer: true });
    this.endDim = expectNumber('endDim', options.endDim ?? -1, { integer: true });
  }

  override forward(x: Tensor): Tensor {
    return ops.flatten(x, this.startDim, this.endDim);
  }
}
