/** Supervised cross entropy: a classifier on top of an encoder, the baseline of what is learned without one. */
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { FeatureMethod, type LossValue, type MethodParts, type Targets } from './method.ts';
import { defineMethod } from './registry.ts';

const table = {
  /**
   * ε in [0, 1]: the targets are (1 − ε)·one-hot + ε / classes (Szegedy et al. 2016, arXiv:1512.00567, section 7).
   * Default 0.
   */
  labelSmoothing: { type: 'number', min: 0, max: 1, default: 0, help: 'part of each target that all classes share' },
} as const satisfies OptionTable;

export type CrossEntropyOptions = OptionsOf<typeof table>;

class CrossEntropy extends FeatureMethod {
  readonly #labelSmoothing: number;

  constructor(labelSmoothing: number, parts: MethodParts) {
    super(parts);
    this.#labelSmoothing = labelSmoothing;
  }

  override get isPure(): boolean {
    return true;
  }

  /** @param logits float32 (batch, views, classes) */
  override lossOf(logits: Tensor, { labels }: Targets): LossValue {
    const labelSmoothing = this.#labelSmoothing;
    return { loss: ops.softmaxCrossEntropy(logits, labels as Tensor, { labelSmoothing }) };
  }
}

/**
 * Cross entropy of the head's outputs, one logit a class, with every sample's label; all views of a sample have its label.
 * For `views: 1` and `head: linearHead(…)`, as `fineTune` does it.
 * @example
 * const head = linearHead({ inFeatures: encoder.featureDim, outFeatures: 10 });
 * new Trainer({ encoder, head, augment: presets.fineTune({ size: 32 }), views: 1, method: crossEntropy() });
 */
export const crossEntropy = defineMethod({
  name: 'cross-entropy',
  labels: 'required',
  hasMetrics: false,
  isOfFeatures: true,
  check: (options: CrossEntropyOptions) => resolveOptions('cross-entropy', table, options, 'cross-entropy.'),
  make: ({ labelSmoothing }, parts) => new CrossEntropy(labelSmoothing, parts),
});
