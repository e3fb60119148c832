/** The loss of a classifier on top of an encoder, as a trainer knows it by name. */
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectNumber } from '../validate.ts';
import type { NativeLoss } from './loss.ts';

/**
 * Cross entropy of the head's outputs, one logit a class, with every sample's label; all views of a sample have its label.
 * For `views: 1` and `head: linearHead(…)`, as `fineTune` does it.
 */
export interface CrossEntropyLossSpec {
  readonly name: 'cross-entropy';
  /**
   * ε in [0, 1]: the targets are (1 − ε)·one-hot + ε / classes (Szegedy et al. 2016, arXiv:1512.00567, section 7).
   * Default 0.
   */
  readonly labelSmoothing?: number;
}

/** @throws {OptionError} */
export function checkCrossEntropy(spec: CrossEntropyLossSpec): CrossEntropyLossSpec {
  if (spec.labelSmoothing !== undefined) expectNumber('loss.labelSmoothing', spec.labelSmoothing, { min: 0, max: 1 });
  return spec;
}

export const crossEntropy = ({ labelSmoothing }: CrossEntropyLossSpec): NativeLoss => ({
  usesLabels: true,
  call: (features, { labels }) => ({
    loss: ops.softmaxCrossEntropy(features, labels as Tensor, { labelSmoothing }),
  }),
});
