/** Labels for images that have none, by their neighbours among images that have one. */
import { OptionError } from '../errors.ts';
import { inTurn, type Part, partsOf, progressOptions } from '../evaluate/in-turn.ts';
import { knnOptions, nearestNeighbours, rowsAJob } from '../evaluate/knn.ts';
import { checkTestRows, type LabelledFeatures, labelsBeside, labelValues, placesOf } from '../evaluate/labelled.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { asGiven, resolveOptions } from '../options/resolve.ts';
import { type ClassConfidence, classificationOf } from '../serve/image-classifier.ts';
import * as internal from '../tensor/internal-ops.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { throwIfAborted } from '../validate.ts';

const declared = {
  ...progressOptions,
  /** Neighbours that vote; at most the labelled rows are. Default 20. */
  k: knnOptions.k,
  /** T of the votes exp(cosine / T), > 0; default 0.1. */
  temperature: knnOptions.temperature,
  /** Names, by label. Default '0', '1', …. */
  classes: { type: 'checked', check: asGiven<readonly string[]> },
} as const satisfies OptionTable;

export interface SuggestLabelsOptions extends OptionsOf<typeof declared> {}

/** The class with most of the votes; its confidence is its share of them. */
export interface LabelSuggestion extends ClassConfidence {
  /** The class with the next most; absent where the labels are of one class. */
  readonly runnerUp?: ClassConfidence;
  /** The confidence less the runner-up's, 0 to 1: where it is small, the neighbours do not agree. */
  readonly margin: number;
  /** The nearest labelled row, and its cosine similarity: where that is small, nothing like it has a label. */
  readonly nearest: { readonly index: number; readonly similarity: number };
}

/**
 * Suggests a label for each row of features: the k labelled rows of the largest cosine similarity s vote exp(s/T) for their
 * classes, as in knnClassify. Progress counts rows.
 *
 * Source: Wu et al. 2018, arXiv:1805.01978, section 3.4.
 *
 * @param labelled floating (labelled rows, dim), with a label each. @param features floating (rows, dim).
 * @throws {ShapeError} features not 2-D, of different dim, or labels not one a row.
 * @throws {DataError} features that are not finite, or a label below 0.
 * @throws {OptionError} an unknown or wrong option, or fewer names than labels.
 * @throws {AbortError} the signal fired.
 * @example
 * const suggested = await suggestLabels({ features: known, labels }, features, { classes: ['rose', 'tulip'] });
 * const first = suggested.toSorted((a, b) => a.margin - b.margin).slice(0, 50); // to look at
 */
export async function suggestLabels(
  labelled: LabelledFeatures,
  features: Tensor,
  options: SuggestLabelsOptions = {},
): Promise<LabelSuggestion[]> {
  const { temperature, signal, onProgress, ...asked } = resolveOptions('suggestLabels', declared, options);
  throwIfAborted(signal);
  const labels = await labelValues('labelled', labelled);
  await checkTestRows(labelled.features, features);
  const k = Math.min(asked.k, labels.length);
  const most = labels.reduce((a, b) => Math.max(a, b), 0);
  const { classes = Array.from({ length: most + 1 }, (_, label) => String(label)) } = asked;
  if (classes.length <= most)
    throw new OptionError(`classes must name the labels 0 to ${most}, got ${classes.length} names`);
  const { indices, similarities } = await nearestNeighbours(features, labelled.features, { k: 1, signal });
  const places = placesOf(labels, labels);
  const names = Array.from(places.classes, (label) => classes[label] as string);
  using bank = noGrad(() => internal.unitBank(labelled.features));
  using votes = labelsBeside(labelled.features, places.train);
  const sharesOf = ({ begin, size }: Part): Promise<Float32Array> =>
    tidy(async () => {
      const rows = noGrad(() => features.narrow(0, begin, size));
      const [, shares] = internal.knnClassify(rows, bank, votes, { classes: names.length, k, temperature, unit: true });
      return (await shares.to('float32').data()) as Float32Array;
    });
  const suggestions: LabelSuggestion[] = [];
  const rows = features.shape[0] as number;
  const ofLabels = (of: ClassConfidence): ClassConfidence => ({ ...of, label: places.classes[of.label] as number });
  for await (const shares of inTurn(partsOf(rows, rowsAJob(bank)), sharesOf, signal)) {
    for (let begin = 0; begin < shares.length; begin += names.length) {
      const row = suggestions.length;
      const {
        runnerUp,
        probabilities: _,
        ...first
      } = classificationOf(shares.subarray(begin, begin + names.length), names);
      suggestions.push({
        ...ofLabels(first),
        ...(runnerUp && { runnerUp: ofLabels(runnerUp) }),
        margin: first.confidence - (runnerUp?.confidence ?? 0),
        nearest: { index: indices[row]?.[0] as number, similarity: similarities[row]?.[0] as number },
      });
    }
    onProgress?.(suggestions.length, rows);
  }
  return suggestions;
}
