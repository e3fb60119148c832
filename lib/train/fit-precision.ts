/** The precision that a training computes in, where it is to be chosen. */
import type { Dataset } from '../data/dataset.ts';
import { readSample } from '../data/sample-reader.ts';
import { Network } from '../methods/network.ts';
import { Views } from '../methods/views.ts';
import { Module } from '../nn/module.ts';
import { keepRunningStatistics, tidy } from '../tensor/modes.ts';
import { choosePrecision, type Precision, type PrecisionChoice } from '../tensor/precision.ts';
import { throwIfAborted } from '../validate.ts';
import { batchMaker } from './batches.ts';
import type { CheckedOptions } from './options.ts';

const mostMeasured = 64;

/**
 * Settles the precision of a training. To measure, it runs views of the first sample through encoder and head, forward and
 * backward, as a step does; loss and update, which are float32 in any case, are left out, and so is a head that is no
 * Module, which may count its calls. Weights, their gradients and running statistics stay as they are.
 */
export async function fitPrecision(
  options: CheckedOptions,
  dataset: Dataset,
  signal: AbortSignal | undefined,
): Promise<PrecisionChoice> {
  const { precision, encoder, microBatch } = options;
  const head = options.head instanceof Module ? options.head : null;
  const networkIn = (each: Precision): Network => new Network({ encoder, head }, each);
  const pass = async (each: Precision, images: number): Promise<void> => {
    throwIfAborted(signal);
    const sample = await readSample(dataset, 0);
    using batch = await batchMaker(dataset, { ...options, precision: each })(new Array(images).fill(sample), 0);
    await tidy(() =>
      keepRunningStatistics(() => {
        const value = networkIn(each).features(new Views(batch.images, batch.viewOrder)).square().mean();
        value.backward();
        return value.data(); // comes after the backward pass, on a device too
      }),
    );
  };
  try {
    return await choosePrecision(precision, encoder.device, pass, Math.min(microBatch, mostMeasured));
  } finally {
    for (const parameter of networkIn('float32').parameters()) parameter.zeroGrad();
  }
}
