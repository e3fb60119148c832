/** The forward pass of an encoder in evaluation, as one native job. */

import type { Module } from '../nn/module.ts';
import { type Compiled, compile } from '../tensor/compile.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Sizes of batches whose recordings are kept. The first batch of a size is recorded: for a ResNet-50 in 10 to 20 ms. */
const maxRecordings = 64;

/**
 * `encoder.forward` without gradients, compiled for inference. An encoder that is not known to be pure may do more in its
 * forward than a recording can hold: it is run as it is.
 */
export function inferencePass(encoder: Module): Compiled<[Tensor], Tensor> {
  const key = (): string | undefined => (encoder.isPure ? encoder.modeKey : undefined);
  return compile(encoder, { inference: true, key, maxRecordings });
}
