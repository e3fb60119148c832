/** What a contrastive loss does to features, in numbers. */
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { asGiven, resolveOptions } from '../options/resolve.ts';
import * as internal from '../tensor/internal-ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Labels, labelTensor } from './labels.ts';
import { batchOptions, expectTensor } from './options.ts';

/** NaN where a mean is over nothing: positives, where no row has one. */
export interface ContrastiveMetrics {
  /** Part of the rows with a positive whose nearest other row is one, 0 to 1; a tie is a miss. */
  readonly top1: number;
  /** Mean cosine similarity of positive pairs, −1 to 1. */
  readonly positiveSimilarity: number;
  /** Mean cosine similarity of all other pairs, −1 to 1. */
  readonly negativeSimilarity: number;
  /** Mean squared distance of positive pairs, 0 (aligned) to 4. */
  readonly alignment: number;
  /** Logarithm of the mean potential of all pairs, −8 to 0 (all rows equal); lower is more uniform. */
  readonly uniformity: number;
  /** √dim times the standard deviation, a mean over the dimensions: 1 all over the sphere, 0 when all rows are equal. */
  readonly spread: number;
  /** Rows that have a positive. */
  readonly validAnchors: number;
}

const declared = {
  /** Samples with equal labels are positives of each other. Without: the views of a sample are. */
  labels: { type: 'checked', check: asGiven<Labels> },
  /** Rows of a block of similarities, which bounds memory and not the result; default: chosen for the device. */
  block: batchOptions.block,
} as const satisfies OptionTable;

export interface ContrastiveMetricsOptions extends OptionsOf<typeof declared> {}

/** @internal */
export const metricCount = 7;

/** @internal The numbers of the native operation, named. */
export function metricsFrom(values: ArrayLike<number>): ContrastiveMetrics {
  const [top1, positiveSimilarity, negativeSimilarity, alignment, uniformity, spread, validAnchors] = Array.from(
    values,
  ) as [number, number, number, number, number, number, number];
  return { top1, positiveSimilarity, negativeSimilarity, alignment, uniformity, spread, validAnchors };
}

/**
 * Measures features as the contrastive losses see them, without a gradient. With z the L2-normalised rows (all views of
 * all samples), P the ordered pairs of a row and a positive of it, and A all ordered pairs of two rows:
 *
 *     top1                 part of the rows i with a positive where  max_{p∈P(i)} z_i·z_p > max_{n∉P(i), n≠i} z_i·z_n
 *     positiveSimilarity   mean_{(i,j)∈P} z_i·z_j
 *     negativeSimilarity   mean_{(i,j)∈A∖P} z_i·z_j
 *     alignment            mean_{(i,j)∈P} |z_i − z_j|²
 *     uniformity           log mean_{(i,j)∈A} exp(−2 |z_i − z_j|²)
 *     spread               √dim · mean_d std_i z_id
 *
 * Source: alignment and uniformity, Wang & Isola 2020, arXiv:2005.10242, eq. 2 and 3 with α = 2, t = 2; the standard
 * deviation against 1/√dim, Chen & He 2021, arXiv:2011.10566, section 4.1. Differs: uniformity is over all views together,
 * where Wang & Isola's code takes the mean over the views.
 *
 * Computed in float32, with the memory of a block of similarities.
 *
 * @param features floating (batch, views, dim). A row of zeros stays so.
 * @throws {OptionError} an unknown option, or a value out of range.
 * @throws {ShapeError} features not 3-D or empty, labels not (batch).
 * @throws {DTypeError} features not floating, labels not integers.
 * @example
 * const { top1, spread } = await contrastiveMetrics(features, { labels: [0, 1, 0, 2] });
 */
export async function contrastiveMetrics(
  features: Tensor,
  options: ContrastiveMetricsOptions = {},
): Promise<ContrastiveMetrics> {
  const { labels: given, block } = resolveOptions('contrastiveMetrics', declared, options);
  expectTensor('features', features);
  const labels = given === undefined ? undefined : labelTensor(given, features.device);
  try {
    using values = internal.contrastiveMetrics(features, { labels, block });
    return metricsFrom((await values.data()) as Float32Array);
  } finally {
    if (labels !== given) labels?.dispose();
  }
}
