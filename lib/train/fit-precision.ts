/** The precision that a training computes in, where it is to be chosen. */
import type { Dataset } from '../data/dataset.ts';
import { readSample } from '../data/sample-reader.ts';
import { Module } from '../nn/module.ts';
import { keepRunningStatistics, tidy } from '../tensor/modes.ts';
import { choosePrecision, type Precision, type PrecisionChoice } from '../tensor/precision.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { throwIfAborted } from '../validate.ts';
import { batchMaker } from './batches.ts';
import { forward } from './forward.ts';
import type { CheckedOptions } from './options.ts';

const mostMeasured = 64;

/**
 * Settles the precision of a training. To measure, it runs views of the first sample through encoder and head, forward and
 * backward, as a step does; loss and update, which are float32 in any case, are left out, and so is a head that is no
 * Module, which may count its calls. Weights and running statistics stay as they are.
 * @param parameters whose gradients are zeroed afterwards.
 */
export async function fitPrecision(
  options: CheckedOptions,
  dataset: Dataset,
  parameters: Iterable<Tensor>,
  signal: AbortSignal | undefined,
): Promise<PrecisionChoice> {
  const pass = async (precision: Precision, images: number): Promise<void> => {
    throwIfAborted(signal);
    const chosen = { ...options, precision, head: options.head instanceof Module ? options.head : null };
    const sample = await readSample(dataset, 0);
    using batch = await batchMaker(dataset, chosen)(new Array(images).fill(sample), 0);
    await tidy(() =>
      keepRunningStatistics(() => {
        const value = forward(batch, chosen).square().mean();
        value.backward();
        return value.data(); // comes after the backward pass, on a device too
      }),
    );
  };
  const { precision, encoder, microBatch } = options;
  try {
    return await choosePrecision(precision, encoder.device, pass, Math.min(microBatch, mostMeasured));
  } finally {
    for (const parameter of parameters) parameter.zeroGrad();
  }
}
