/** Stage 2 begins here: the features r of an encoder, without augmentation and without the head. */
import { Augmentation } from '../augment/augment.ts';
import { isRandom } from '../augment/transform.ts';
import { checkDataset, type Dataset, type LoadedSample } from '../data/dataset.ts';
import { DataLoader } from '../data/loader.ts';
import { readSample } from '../data/sample-reader.ts';
import { inBatches } from '../data/sampler.ts';
import { indicesUpTo } from '../data/shuffle.ts';
import { fromRankZero, isDistributed } from '../distributed/group.ts';
import { failTogether, ofAllRanks, ofEachRank, rangeOfRank } from '../distributed/rows.ts';
import { expectFeatures } from '../encoders/features.ts';
import { inferencePass } from '../encoders/inference.ts';
import { DataError, OptionError } from '../errors.ts';
import { inEvaluation } from '../nn/evaluation.ts';
import type { Module } from '../nn/module.ts';
import { countOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import { cat } from '../tensor/ops.ts';
import { choosePrecision, inPrecision, type Precision, precisionOption, warnOfPrecision } from '../tensor/precision.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { describe, throwIfAborted } from '../validate.ts';
import { type Part, progressOptions } from './in-turn.ts';

/** @throws {OptionError} no augmentation, or one with randomness. */
export function expectEvaluation(name: string, value: Augmentation): Augmentation {
  if (!(value instanceof Augmentation))
    throw new OptionError(`${name} must be what presets.evaluation() returns, got ${describe(value)}`);
  const random = value.transforms.find(isRandom);
  if (random === undefined) return value;
  throw new OptionError(`${name} must be without randomness, as what presets.evaluation() returns, got ${random.kind}`);
}

/** Of passes over many images. */
export const passOptions = {
  /** Images a forward pass, default 500. */
  batchSize: { ...countOption, default: 500 },
  /**
   * Of the forward pass; features are float32. 'auto' measures at each call which is faster here, for a second: for data sets, not
   * for single images. Default 'float32'.
   */
  precision: precisionOption,
  ...progressOptions,
  /**
   * Where there is a process group: each process takes its part of the samples, and all get what becomes of all. Every process must
   * call it, and hears the progress of its own part. Default false.
   */
  distributed: { type: 'boolean', default: false },
} as const satisfies OptionTable;

const extractOptions = {
  /** How images become the encoder's input: `presets.evaluation(…)`, with the mean and std of training. */
  evaluation: { type: 'checked', required: true, check: expectEvaluation },
  ...passOptions,
} as const satisfies OptionTable;

export interface ExtractOptions extends OptionsOf<typeof extractOptions> {}

export interface Features {
  /** float32 (samples, featureDim), in the data set's order; the caller disposes it. */
  readonly features: Tensor;
  /** Class indices in the same order, when every sample has one. */
  readonly labels: Int32Array | undefined;
}

/** In the place of a label that is not there. */
const unknownLabel = -1;

interface FeatureBatch extends Disposable {
  readonly images: Tensor;
  readonly labels: readonly (number | undefined)[];
}

/** Images of a pass while the precision is chosen. */
const mostMeasured = 64;

/**
 * Runs every sample of a data set through an encoder in evaluation mode; the modes of its parts are restored afterwards.
 * @throws {DataError} a sample that cannot be read, or whose features are not finite. @throws {AbortError} the signal fired.
 * @throws {ShapeError} the encoder gives something else than (images, featureDim).
 * @throws {ContrastiveError} ERR_NON_FINITE: weights that are not finite.
 */
export async function extractFeatures(encoder: Module, dataset: Dataset, options: ExtractOptions): Promise<Features> {
  const resolved = resolveOptions('extractFeatures', extractOptions, options);
  const { length } = checkDataset(dataset);
  const extractPart = (part: Part): Promise<Features> =>
    inEvaluation([encoder], () => extract(encoder, dataset, resolved, part));
  return resolved.distributed && isDistributed()
    ? extractTogether(length, extractPart)
    : extractPart({ begin: 0, size: length });
}

/** Each process of the group its part. */
async function extractTogether(length: number, extractPart: (part: Part) => Promise<Features>): Promise<Features> {
  const { begin, size } = rangeOfRank(length);
  // Without a part, one sample tells how long features are.
  const own = await failTogether(() => extractPart(size === 0 ? { begin: 0, size: 1 } : { begin, size }));
  const sizes = ofEachRank((of) => rangeOfRank(length, of).size);
  using features = own.features;
  using labels = tensor(own.labels ?? new Int32Array(Math.max(1, size)).fill(unknownLabel));
  const ofAll = (rows: Tensor): Tensor => tidy(() => noGrad(() => ofAllRanks(rows.narrow(0, 0, size), sizes)));
  using allLabels = ofAll(labels);
  const known = (await allLabels.data()) as Int32Array;
  return { features: ofAll(features), labels: known.includes(unknownLabel) ? undefined : known };
}

async function extract(
  encoder: Module,
  dataset: Dataset,
  { evaluation, batchSize, precision: asked, distributed, signal, onProgress }: ResolvedOf<typeof extractOptions>,
  { begin, size }: Part,
): Promise<Features> {
  const transform = (samples: LoadedSample[]): FeatureBatch => {
    const images = evaluation.apply(samples, { seed: 0, device: encoder.device });
    return {
      images,
      labels: samples.map((sample) => sample.label),
      [Symbol.dispose]: () => images.dispose(),
    };
  };
  const own = indicesUpTo(dataset.length).subarray(begin, begin + size);
  const batches = inBatches(own, batchSize, Math.ceil(size / batchSize));
  const loader = new DataLoader(dataset, {
    sampler: { length: batches.length, batches: () => batches },
    transform,
  });
  const parts: Tensor[] = [];
  const labels: (number | undefined)[] = [];
  using forward = inferencePass(encoder);
  const featuresOf = (images: Tensor) => expectFeatures(encoder, forward(images), images.shape[0] as number);
  const encode = (images: Tensor, precision: Precision): Promise<Tensor> =>
    tidy(() => noGrad(() => inPrecision(precision, () => featuresOf(images)).to('float32'))).ready();
  const pass = async (precision: Precision, images: number): Promise<void> => {
    throwIfAborted(signal);
    const sample = await readSample(dataset, begin);
    using batch = transform(new Array(images).fill(sample));
    using features = await encode(batch.images, precision);
    await features.data(); // on a device, ready() does not wait for the end
  };
  try {
    const measured = Math.min(batchSize, size, mostMeasured);
    const choose = () => choosePrecision(asked, encoder.device, pass, measured);
    const choice = await (distributed ? fromRankZero(choose) : choose());
    warnOfPrecision(choice);
    for await (const batch of loader.epoch(0, { signal })) {
      using images = batch.images;
      parts.push(await encode(images, choice.precision));
      labels.push(...batch.labels);
      onProgress?.(labels.length, size);
    }
    const features = noGrad(() => cat(parts));
    await expectFinite(features, dataset.name, begin);
    return { features, labels: labels.includes(undefined) ? undefined : Int32Array.from(labels as number[]) };
  } finally {
    for (const part of parts) part.dispose();
  }
}

/** Disposes features (samples, dim), from the sample `begin` on, that are refused. @throws {DataError} naming the first one with NaN or infinity. */
async function expectFinite(features: Tensor, name: string, begin: number): Promise<void> {
  using bad = tidy(() => noGrad(() => features.flatten(1).isfinite().logicalNot().sum(1)));
  const sample = (await bad.data()).findIndex((count) => Number(count) > 0);
  if (sample === -1) return;
  features.dispose();
  throw new DataError(`${name}: sample ${begin + sample}: its features are not finite`);
}
