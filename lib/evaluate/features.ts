/** Stage 2 begins here: the features r of an encoder, without augmentation and without the head. */
import type { Augmentation } from '../augment/augment.ts';
import type { Dataset, LoadedSample } from '../data/dataset.ts';
import { DataLoader } from '../data/loader.ts';
import { readSample } from '../data/sample-reader.ts';
import { inferencePass } from '../encoders/inference.ts';
import { OptionError } from '../errors.ts';
import { inEvaluation } from '../nn/evaluation.ts';
import type { Module } from '../nn/module.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import { cat } from '../tensor/ops.ts';
import {
  choosePrecision,
  inPrecision,
  type Precision,
  type PrecisionOption,
  precisionOptions,
  warnOfPrecision,
} from '../tensor/precision.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectNumber, expectOneOf, throwIfAborted } from '../validate.ts';

export interface ExtractOptions {
  /** How images become the encoder's input: `presets.evaluation(…)`, with the mean and std of training. */
  readonly augment: Augmentation;
  /** Images a forward pass, default 500. */
  readonly batchSize?: number;
  /**
   * Of the forward pass; features are float32. 'auto' measures at each call which is faster here, for a second: for data sets, not
   * for single images. Default 'float32'.
   */
  readonly precision?: PrecisionOption;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Features {
  /** float32 (samples, featureDim), in the data set's order; the caller disposes it. */
  readonly features: Tensor;
  /** Class indices in the same order, when every sample has one. */
  readonly labels: Int32Array | undefined;
}

interface FeatureBatch extends Disposable {
  readonly images: Tensor;
  readonly labels: readonly (number | undefined)[];
}

/** Images of a pass while the precision is chosen. */
const mostMeasured = 64;

/**
 * Runs every sample of a data set through an encoder in evaluation mode; the modes of its parts are restored afterwards.
 * @throws {AbortError} the signal fired.
 */
export async function extractFeatures(encoder: Module, dataset: Dataset, options: ExtractOptions): Promise<Features> {
  return inEvaluation([encoder], () => extract(encoder, dataset, options));
}

async function extract(encoder: Module, dataset: Dataset, options: ExtractOptions): Promise<Features> {
  checkOptions('extractFeatures', options, ['augment', 'batchSize', 'precision', 'signal', 'onProgress']);
  const { augment, signal, onProgress } = options;
  if (typeof augment?.apply !== 'function')
    throw new OptionError(`augment must be what presets.evaluation() returns, got ${describe(augment)}`);
  const batchSize = expectNumber('batchSize', options.batchSize ?? 500, { min: 1, integer: true });
  const asked = expectOneOf('precision', options.precision ?? 'float32', precisionOptions);
  const transform = (samples: LoadedSample[]): FeatureBatch => {
    const images = augment.apply(samples, { seed: 0, device: encoder.device });
    return {
      images,
      labels: samples.map((sample) => sample.label),
      [Symbol.dispose]: () => images.dispose(),
    };
  };
  const loader = new DataLoader(dataset, { batchSize, transform });
  const parts: Tensor[] = [];
  const labels: (number | undefined)[] = [];
  using forward = inferencePass(encoder);
  const encode = (images: Tensor, precision: Precision): Promise<Tensor> =>
    tidy(() => noGrad(() => inPrecision(precision, () => forward(images)).to('float32'))).ready();
  const pass = async (precision: Precision, images: number): Promise<void> => {
    throwIfAborted(signal);
    const sample = await readSample(dataset, 0);
    using batch = transform(new Array(images).fill(sample));
    using features = await encode(batch.images, precision);
    await features.data(); // on a device, ready() does not wait for the end
  };
  try {
    const choice = await choosePrecision(
      asked,
      encoder.device,
      pass,
      Math.min(batchSize, dataset.length, mostMeasured),
    );
    warnOfPrecision(choice);
    for await (const batch of loader.epoch(0, signal ? { signal } : {})) {
      using images = batch.images;
      parts.push(await encode(images, choice.precision));
      labels.push(...batch.labels);
      onProgress?.(labels.length, dataset.length);
    }
    return {
      features: noGrad(() => cat(parts)),
      labels: labels.includes(undefined) ? undefined : Int32Array.from(labels as number[]),
    };
  } finally {
    for (const part of parts) part.dispose();
  }
}
