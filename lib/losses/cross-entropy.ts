/** The loss of a classifier on top of an encoder. */
import type { OptionsOf, OptionTable } from '../options/option.ts';
import * as internal from '../tensor/internal-ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { defineLoss } from './registry.ts';

/** Its options as plain data. */
export const crossEntropySpec = {
  /**
   * ε in [0, 1]: the targets are (1 − ε)·one-hot + ε / classes (Szegedy et al. 2016, arXiv:1512.00567, section 7).
   * Default 0.
   */
  labelSmoothing: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    value: 'E',
    help: 'part of a target that all classes share',
  },
} as const satisfies OptionTable;

/**
 * Cross entropy of the head's outputs, one logit a class, with every sample's label; all views of a sample have its label.
 * For `views: 1` and `head: linearHead(…)`, as `fineTune` does it.
 */
export type CrossEntropyLossSpec = { readonly name: 'cross-entropy' } & OptionsOf<typeof crossEntropySpec>;

defineLoss({
  name: 'cross-entropy',
  options: crossEntropySpec,
  usesLabels: true,
  loss: (logits, { labelSmoothing }, { labels }) =>
    internal.softmaxCrossEntropy(logits, labels as Tensor, { labelSmoothing }),
});
