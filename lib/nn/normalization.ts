/** Layers that normalise: over the batch, over the features of a sample, over groups of its channels. */
import { OptionError, ShapeError } from '../errors.ts';
import { countOption, orNull } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { asGiven, resolveOptions } from '../options/resolve.ts';
import * as internal from '../tensor/internal-ops.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { tensor } from '../tensor/tensor.ts';
import { expectNumber } from '../validate.ts';
import { size } from './linear.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';

const epsOption = {
  /** Added to the variance. Default 1e-5. */
  eps: { type: 'number', default: 1e-5, min: 0 },
} as const satisfies OptionTable;

const affineOption = {
  /** Whether there are a weight and a bias. Default true. */
  affine: { type: 'boolean', default: true },
} as const satisfies OptionTable;

const batchNormOptions = {
  ...epsOption,
  /** Part of the batch in the running statistics, in [0, 1]; null: they are the mean over all batches. Default 0.1. */
  momentum: {
    ...{ type: 'checked', default: 0.1 },
    check: orNull((name: string, value: number) => expectNumber(name, value, { min: 0, max: 1 })),
  },
  ...affineOption,
  /** Without running statistics, those of the batch are taken in evaluation too. Default true. */
  trackRunningStats: { type: 'boolean', default: true },
} as const satisfies OptionTable;

export interface BatchNormOptions extends OptionsOf<typeof batchNormOptions> {}

const afterOptions = {
  /** Of the input's shape; added to the normalised values. */
  residual: { type: 'checked', check: asGiven<Tensor> },
  /** Then one of these. Default 'none'. */
  activation: { type: 'string', choices: ['none', 'relu', 'hardswish', 'silu'], default: 'none' },
} as const satisfies OptionTable;

/** What follows a normalisation in a network: done with it, in fewer passes over memory. */
export interface After extends OptionsOf<typeof afterOptions> {}

/**
 * Over all dimensions but 1. Source: Ioffe & Szegedy 2015, arXiv:1502.03167, as PyTorch's: the running variance is
 * unbiased. Under `keepRunningStatistics` a pass in training leaves the running statistics as they are.
 */
abstract class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  /** (numFeatures), initially 1; null without `affine`. */
  readonly weight: Parameter | null;
  /** (numFeatures), initially 0; null without `affine`. */
  readonly bias: Parameter | null;
  /** (numFeatures), initially 0; null without `trackRunningStats`. */
  readonly runningMean: Tensor | null;
  /** (numFeatures), initially 1. */
  readonly runningVar: Tensor | null;
  /** int64 (): training passes so far. */
  readonly numBatchesTracked: Tensor | null;

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super();
    const resolved = resolveOptions(new.target.name, batchNormOptions, options);
    const { eps, momentum, affine, trackRunningStats: tracks } = resolved;
    this.numFeatures = expectNumber('numFeatures', numFeatures, size);
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? new Parameter(ops.ones([numFeatures])) : null;
    this.bias = affine ? new Parameter(ops.zeros([numFeatures])) : null;
    this.runningMean = tracks ? this.registerBuffer('running_mean', ops.zeros([numFeatures])) : null;
    this.runningVar = tracks ? this.registerBuffer('running_var', ops.ones([numFeatures])) : null;
    this.numBatchesTracked = tracks ? this.registerBuffer('num_batches_tracked', tensor(0n)) : null;
  }

  protected normalize(x: Tensor, after: After): Tensor {
    const { weight, bias, runningMean, runningVar, numBatchesTracked, training, momentum, eps } = this;
    const { residual, activation } = resolveOptions('forward', afterOptions, after);
    const tensors = { weight, bias, runningMean, runningVar, numBatchesTracked, residual };
    return internal.batchNormAct(x, { ...tensors, training, momentum: momentum ?? undefined, eps, activation });
  }
}

/** Batch normalisation of (batch, numFeatures) or (batch, numFeatures, length). As torch.nn.BatchNorm1d. */
export class BatchNorm1d extends BatchNorm {
  override forward(x: Tensor, after: After = {}): Tensor {
    if (x.ndim !== 2 && x.ndim !== 3)
      throw new ShapeError(`x must have shape (batch, ${this.numFeatures}[, length]), got [${x.shape}]`);
    return this.normalize(x, after);
  }
}

/** Batch normalisation of (batch, numFeatures, height, width). As torch.nn.BatchNorm2d. */
export class BatchNorm2d extends BatchNorm {
  override forward(x: Tensor, after: After = {}): Tensor {
    if (x.ndim !== 4)
      throw new ShapeError(`x must have shape (batch, ${this.numFeatures}, height, width), got [${x.shape}]`);
    return this.normalize(x, after);
  }
}

const layerNormOptions = {
  ...epsOption,
  /** Whether there is a weight. Default true. */
  elementwiseAffine: { type: 'boolean', default: true },
  /** Whether there is a bias, beside the weight. Default true. */
  bias: { type: 'boolean', default: true },
} as const satisfies OptionTable;

export interface LayerNormOptions extends OptionsOf<typeof layerNormOptions> {}

/**
 * Normalises each sample over its last dimensions. As torch.nn.LayerNorm.
 * Source: Ba et al. 2016, arXiv:1607.06450.
 */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  /** (normalizedShape), initially 1; null without `elementwiseAffine`. */
  readonly weight: Parameter | null;
  /** (normalizedShape), initially 0; null without `elementwiseAffine` or `bias`. */
  readonly bias: Parameter | null;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    const { eps, elementwiseAffine, bias } = resolveOptions('LayerNorm', layerNormOptions, options);
    const shape: readonly number[] = Array.isArray(normalizedShape) ? [...normalizedShape] : [normalizedShape];
    if (shape.length === 0) throw new OptionError('normalizedShape must have at least one size, got []');
    this.normalizedShape = shape.map((n) => expectNumber('normalizedShape', n, size));
    this.eps = eps;
    this.weight = elementwiseAffine ? new Parameter(ops.ones(shape)) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(ops.zeros(shape)) : null;
  }

  override forward(x: Tensor): Tensor {
    return ops.layerNorm(x, this.normalizedShape, { weight: this.weight, bias: this.bias, eps: this.eps });
  }
}

/**
 * Layer normalisation of each pixel over its channels: (batch, channels, height, width). In channels_last memory nothing is
 * copied for it. As torchvision's in its ConvNeXt.
 */
export class LayerNorm2d extends LayerNorm {
  override forward(x: Tensor): Tensor {
    return super.forward(x.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]);
  }
}

const groupNormOptions = { ...epsOption, ...affineOption } as const satisfies OptionTable;

export interface GroupNormOptions extends OptionsOf<typeof groupNormOptions> {}

/**
 * Normalises each sample over groups of its channels: (batch, numChannels, …). As torch.nn.GroupNorm.
 * Source: Wu & He 2018, arXiv:1803.08494.
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly eps: number;
  /** (numChannels), initially 1; null without `affine`. */
  readonly weight: Parameter | null;
  /** (numChannels), initially 0; null without `affine`. */
  readonly bias: Parameter | null;

  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    super();
    const { eps, affine } = resolveOptions('GroupNorm', groupNormOptions, options);
    this.numGroups = expectNumber('numGroups', numGroups, countOption);
    const channels = expectNumber('numChannels', numChannels, size);
    if (channels % numGroups !== 0)
      throw new OptionError(`numGroups must divide numChannels, got ${numGroups} groups of ${channels} channels`);
    this.eps = eps;
    this.weight = affine ? new Parameter(ops.ones([channels])) : null;
    this.bias = affine ? new Parameter(ops.zeros([channels])) : null;
  }

  override forward(x: Tensor): Tensor {
    return ops.groupNorm(x, this.numGroups, { weight: this.weight, bias: this.bias, eps: this.eps });
  }
}
