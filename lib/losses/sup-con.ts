/** Supervised contrastive loss. */
import { countOption, seedOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { asGiven } from '../options/resolve.ts';
import type { NestedArray } from '../tensor/nested.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { contrastiveLoss, type LossValue } from './contrastive-loss.ts';
import type { LabelSets, Labels } from './labels.ts';
import { batchOptions, hardNegatives, labelledBank, lossOptions } from './options.ts';
import { defineLoss } from './registry.ts';

/** Its options as plain data. */
export const supConSpec = {
  ...lossOptions,
  /** 'out' (default): the mean over positives outside the logarithm; 'in': inside. */
  variant: {
    ...{ type: 'string', choices: ['out', 'in'], default: 'out', value: 'out|in' },
    help: 'where the mean over the positives stands, outside the logarithm or inside',
  },
  /**
   * 'all' (default): every other row; 'negatives-and-one-positive': the negatives and the positive of the term;
   * 'negatives': the negatives only. A negative is a row whose weight as a positive is 0.
   */
  denominators: {
    ...{ type: 'string', choices: ['all', 'negatives-and-one-positive', 'negatives'], default: 'all' },
    help: 'what a positive is compared with',
  },
  /** 'all' (default): every view is an anchor; 'first': view 0 only, against all. */
  anchors: {
    type: 'string',
    choices: ['all', 'first'],
    default: 'all',
    help: 'views that are compared with all others',
  },
  /** An anchor without a positive: 'ignore' (default) leaves it out of the mean, 'zero' counts it as 0, 'error' refuses. */
  noPositives: {
    ...{ type: 'string', choices: ['ignore', 'zero', 'error'], default: 'ignore' },
    help: 'an anchor without a positive: left out of the mean, counted as 0, or refused',
  },
  /** So many positives an anchor at most, chosen at random; default: all. The denominators stay as they are. */
  maxPositives: { ...countOption, help: 'so many positives an anchor at most', usual: 'all' },
  /** Weights negatives by their nearness. A class prior is for samples without labels. */
  hardNegatives,
} as const satisfies OptionTable;

export const supConOptions = {
  ...supConSpec,
  ...batchOptions,
  bank: labelledBank,
  /**
   * 'all' (default): every view is an anchor; 'first': view 0 only, against all; 'queries': view 0 of two, against view 1
   * of its own sample, its key, and the bank (MoCo).
   */
  anchors: { ...batchOptions.anchors, choices: ['all', 'first', 'queries'] },
  /**
   * Integers (batch): samples with equal labels are positives of each other. 0 and 1 (batch, classes): the weight of a
   * positive is the overlap |y_i ∩ y_j| / |y_i ∪ y_j| of the label sets, 1 between views of a sample.
   */
  labels: {
    ...{ type: 'checked', check: asGiven<Labels | LabelSets>, value: 'integers' },
    help: 'classes, one a sample; or label sets, 0 and 1 of (batch, classes)',
  },
  /**
   * (batch, batch) finite weights ≥ 0: row i holds the weight of each sample as a positive of sample i. It may be
   * asymmetric. The diagonal is the weight of a sample's own other views.
   */
  mask: {
    ...{ type: 'checked', check: asGiven<Tensor | NestedArray>, value: '(batch, batch)' },
    help: 'the weight of each sample as a positive of each other one, in place of labels',
  },
  /** Of the choice of positives; default 0. */
  seed: { ...seedOption, help: 'of the choice that maxPositives makes' },
} as const satisfies OptionTable;

export interface SupConLossOptions extends OptionsOf<typeof supConOptions> {}
export type SupConLossResult = LossValue;

export type SupConLossSpec = { readonly name: 'supcon' } & OptionsOf<typeof supConSpec>;

/** What the denominator of a positive holds beside the negatives. */
export type Denominators = (typeof supConSpec.denominators.choices)[number];

/**
 * As supConLoss, with the number of anchors that have a positive.
 * @throws as supConLoss.
 */
export function supConLossWithStats(features: Tensor, options: SupConLossOptions = {}): SupConLossResult {
  return contrastiveLoss('supConLoss', features, supConOptions, options);
}

/**
 * Supervised contrastive loss, mean over the anchors that have a positive.
 *
 *     out: L_i = −1/|P(i)| Σ_{p∈P(i)} log( exp(s_ip) / D_ip )        s_ia = z_i·z_a/τ
 *     in:  L_i = −log( 1/|P(i)| Σ_{p∈P(i)} exp(s_ip) / D_ip )        D_ip = Σ_{a≠i} exp(s_ia)
 *
 * z are the features of all views of all samples, P(i) those with the label of i (without labels: the other views of
 * the same sample). With `mask` or label sets, sums over P(i) are weighted and |P(i)| is the sum of the weights. 'in' is
 * never larger than 'out', and its 1/|P(i)| has no effect on the gradient; on ImageNet the paper measured 78.7 % with
 * 'out' and 67.4 % with 'in'.
 *
 * `denominators`: D_ip sums over all a ≠ i ('all'); over the negatives N(i) and p ('negatives-and-one-positive'); over
 * N(i) ('negatives': decoupled, as dclLoss; an anchor without a negative then counts as one without a positive). Under
 * `hardNegatives` the sum over N(i) is G_i of ntXentLoss. `maxPositives` leaves N(i) and D_ip as they are: candidates
 * stand on a circle in an order drawn from `seed`, and an anchor keeps the positives that come next behind it.
 *
 * Source: Khosla et al. 2020, arXiv:2004.11362, eq. 2 ('out') and eq. 3 ('in'). Differs: the paper's and SupContrast's
 * code multiply by τ/0.07 or τ (`lossScale`) and count an anchor without a positive as 0 (`noPositives: 'zero'`).
 * Label sets: Lin et al. 2023, arXiv:2212.00552, Jaccard similarity contrastive loss. Differs: theirs is not divided by
 * the sum of the weights.
 *
 * Computed in float32 whatever the features' precision (float64 stays), exact at any temperature, with the memory of a
 * block of similarities. Equal features give ln(batch·views − 1). With no positive at all the loss is 0. A feature that
 * is NaN makes the loss NaN; so do, in tensors of a GPU, which nobody waits for, a temperature that is
 * ≤ 0 or infinite and a label below 0 that was computed there. Its gradient is analytic: a second derivative is an error.
 *
 * @param features floating (batch, views, dim); L2-normalised inside unless `normalize: false`. A row of zeros stays so.
 * @returns scalar (), differentiable in features and, where it is a tensor, in temperature.
 * @throws {OptionError} an unknown option, a value out of range, labels and mask together; a bank whose positives nothing
 * tells; when the loss is read: a temperature tensor of the CPU that is ≤ 0, a mask with negative or infinite weights, label sets with
 * other values than 0 and 1.
 * @throws {ShapeError} features not 3-D, labels not (batch) or (batch, classes), mask not (batch, batch), ids not (batch),
 * a bank not (bank, dim) with labels and ids to match.
 * @throws {DTypeError} features not floating, labels or ids not integers.
 * @throws {DeviceError} tensors on different devices.
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

// Without a seed: batches are shuffled, and so is the choice of positives.
defineLoss({
  name: 'supcon',
  asFunction: supConLoss,
  options: supConSpec,
  usesLabels: true,
  loss: (features, { anchors, ...options }, { labels, ids, bank, hasKeys }) =>
    supConLossWithStats(features, { ...options, labels, ids, bank, anchors: hasKeys ? 'queries' : anchors }),
});
