/** Supervised contrastive loss. */
import { DTypeError, OptionError } from '../errors.ts';
import * as ops from '../tensor/ops.ts';
import { type NestedArray, Tensor, tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectBoolean, expectNumber, expectOneOf } from '../validate.ts';
import { type Labels, labelTensor } from './labels.ts';

/** What every contrastive loss takes. */
export interface ContrastiveLossOptions {
  /** τ > 0, unitless; default 0.1. A tensor of one element gets a gradient when it requires one. */
  readonly temperature?: number | Tensor;
  /** Multiplies the loss; default 1. */
  readonly lossScale?: number;
  /** L2-normalise the features inside; default true. */
  readonly normalize?: boolean;
  /** Rows of a block of similarities, which bounds memory and not the result; default: chosen for the device. */
  readonly block?: number;
}

export interface SupConLossOptions extends ContrastiveLossOptions {
  /** Samples with equal labels are positives of each other. */
  readonly labels?: Labels;
  /**
   * (batch, batch) finite weights ≥ 0: row i holds the weight of each sample as a positive of sample i. It may be
   * asymmetric. The diagonal is the weight of a sample's own other views.
   */
  readonly mask?: Tensor | NestedArray;
  /** 'out' (default): the mean over positives outside the logarithm; 'in': inside. */
  readonly variant?: 'out' | 'in';
  /** 'all' (default): every view is an anchor; 'first': view 0 only, against all. */
  readonly anchors?: 'all' | 'first';
  /** An anchor without a positive: 'ignore' (default) leaves it out of the mean, 'zero' counts it as 0, 'error' refuses. */
  readonly noPositives?: 'ignore' | 'zero' | 'error';
}

export interface SupConLossResult {
  /** scalar (), differentiable in features and temperature. */
  readonly loss: Tensor;
  /** int64 (): how many anchors have a positive. */
  readonly validAnchors: Tensor;
}

const commonNames = ['temperature', 'lossScale', 'normalize', 'block'] as const;
const supConNames = ['labels', 'mask', 'variant', 'anchors', 'noPositives', ...commonNames] as const;

/** The options of every contrastive loss, checked, as the native operations take them. */
export function commonArguments(
  where: string,
  features: Tensor,
  options: ContrastiveLossOptions,
  names: readonly string[] = commonNames,
) {
  checkOptions(where, options, names);
  if (!(features instanceof Tensor)) throw new DTypeError(`features must be a Tensor, got ${describe(features)}`);
  const { temperature = 0.1, lossScale = 1, normalize = true, block } = options;
  const learned = temperature instanceof Tensor ? temperature : undefined;
  return {
    learnedTemperature: learned,
    numbers: {
      temperature: temperature instanceof Tensor ? undefined : expectNumber('temperature', temperature, { above: 0 }),
      lossScale: expectNumber('lossScale', lossScale),
      normalize: expectBoolean('normalize', normalize),
      block: block === undefined ? undefined : expectNumber('block', block, { min: 1, integer: true }),
    },
  };
}

/**
 * As supConLoss, with the number of anchors that have a positive.
 * @throws as supConLoss.
 */
export function supConLossWithStats(features: Tensor, options: SupConLossOptions = {}): SupConLossResult {
  const { learnedTemperature, numbers } = commonArguments('supConLoss', features, options, supConNames);
  const { labels, mask, variant = 'out', anchors = 'all', noPositives = 'ignore' } = options;
  if (labels !== undefined && mask !== undefined)
    throw new OptionError('supConLoss: labels and mask exclude each other, got both');
  const choices = {
    variant: expectOneOf('variant', variant, ['out', 'in']),
    anchors: expectOneOf('anchors', anchors, ['all', 'first']),
    noPositives: expectOneOf('noPositives', noPositives, ['ignore', 'zero', 'error']),
  };
  const labelsHandle = labels === undefined ? undefined : labelTensor(labels, features.device);
  const maskHandle = mask === undefined || mask instanceof Tensor ? mask : maskTensor(mask, features);
  try {
    const [loss, validAnchors] = ops.supConLoss(features, labelsHandle, maskHandle, learnedTemperature, {
      ...numbers,
      ...choices,
    });
    return { loss, validAnchors };
  } finally {
    if (labelsHandle !== labels) labelsHandle?.dispose();
    if (maskHandle !== mask) maskHandle?.dispose();
  }
}

const maskTensor = (mask: NestedArray, features: Tensor): Tensor =>
  tensor(mask, { dtype: features.dtype === 'float64' ? 'float64' : 'float32', device: features.device });

/**
 * Supervised contrastive loss, mean over the anchors that have a positive.
 *
 *     out: L_i = −1/|P(i)| Σ_{p∈P(i)} log( exp(z_i·z_p/τ) / Σ_{a≠i} exp(z_i·z_a/τ) )
 *     in:  L_i = −log( 1/|P(i)| Σ_{p∈P(i)} exp(z_i·z_p/τ) / Σ_{a≠i} exp(z_i·z_a/τ) )
 *
 * z are the features of all views of all samples, P(i) those with the label of i (without labels: the other views of
 * the same sample). With `mask`, sums over P(i) are weighted and |P(i)| is the sum of the weights. 'in' is never larger
 * than 'out', and its 1/|P(i)| has no effect on the gradient; on ImageNet the paper measured 78.7 % with 'out' and
 * 67.4 % with 'in'.
 *
 * Source: Khosla et al. 2020, arXiv:2004.11362, eq. 2 ('out') and eq. 3 ('in'). Differs: the paper's and SupContrast's
 * code multiply by τ/0.07 or τ (`lossScale`) and count an anchor without a positive as 0 (`noPositives: 'zero'`).
 *
 * Computed in float32 whatever the features' precision (float64 stays), exact at any temperature, with the memory of a
 * block of similarities. Equal features give ln(batch·views − 1). With no positive at all the loss is 0. A feature that
 * is NaN makes the loss NaN. Its gradient is analytic: a second derivative is an error.
 *
 * @param features floating (batch, views, dim); L2-normalised inside unless `normalize: false`. A row of zeros stays so.
 * @returns scalar (), differentiable in features and, where it is a tensor, in temperature.
 * @throws {OptionError} an unknown option, a value out of range, labels and mask together; when the loss is read: a
 * temperature tensor ≤ 0, a mask with negative or infinite weights.
 * @throws {ShapeError} features not 3-D, labels not (batch), mask not (batch, batch).
 * @throws {DTypeError} features not floating, labels not integers.
 * @throws {DataError} when the loss is read: an anchor without a positive under `noPositives: 'error'`.
 * @example
 * const loss = supConLoss(features, { labels: [0, 1, 0, 2], temperature: 0.1 });
 * loss.backward();
 */
export function supConLoss(features: Tensor, options: SupConLossOptions = {}): Tensor {
  const { loss, validAnchors } = supConLossWithStats(features, options);
  validAnchors.dispose();
  return loss;
}
