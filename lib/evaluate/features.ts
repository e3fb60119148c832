/** Stage 2 begins here: the features r of an encoder, without augmentation and without the head. */
import type { Augmentation } from '../augment/augment.ts';
import type { Dataset, Sample } from '../data/dataset.ts';
import { DataLoader } from '../data/loader.ts';
import { OptionError } from '../errors.ts';
import type { Module } from '../models/module.ts';
import { autocast, noGrad } from '../tensor/modes.ts';
import { cat } from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectNumber, expectOneOf } from '../validate.ts';

export interface ExtractOptions {
  /** How images become the encoder's input: `presets.evaluation(…)`, with the mean and std of training. */
  readonly augment: Augmentation;
  /** Images a forward pass, default 500. */
  readonly batchSize?: number;
  /** Default 'float32'. */
  readonly precision?: 'float32' | 'bfloat16';
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

/**
 * Runs every sample of a data set through an encoder in evaluation mode; its mode is restored afterwards.
 * @throws {AbortError} the signal fired.
 */
export async function extractFeatures(encoder: Module, dataset: Dataset, options: ExtractOptions): Promise<Features> {
  checkOptions('extractFeatures', options, ['augment', 'batchSize', 'precision', 'signal', 'onProgress']);
  const { augment, signal, onProgress } = options;
  if (typeof augment?.apply !== 'function')
    throw new OptionError(`augment must be what presets.evaluation() returns, got ${describe(augment)}`);
  const batchSize = expectNumber('batchSize', options.batchSize ?? 500, { min: 1, integer: true });
  const precision = expectOneOf('precision', options.precision ?? 'float32', ['float32', 'bfloat16']);
  const transform = (samples: Sample[]): FeatureBatch => {
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
  const wasTraining = encoder.training;
  encoder.train(false);
  try {
    for await (const batch of loader.epoch(0, signal ? { signal } : {})) {
      using images = batch.images;
      const forward = (): Tensor => noGrad(() => encoder.forward(images));
      using features = precision === 'bfloat16' ? autocast('bfloat16', forward) : forward();
      parts.push(await noGrad(() => features.to('float32')).ready());
      labels.push(...batch.labels);
      onProgress?.(labels.length, dataset.length);
    }
    return {
      features: noGrad(() => cat(parts)),
      labels: labels.includes(undefined) ? undefined : Int32Array.from(labels as number[]),
    };
  } finally {
    for (const part of parts) part.dispose();
    encoder.train(wasTraining);
  }
}
