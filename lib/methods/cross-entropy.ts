/** Supervised cross entropy: a classifier on top of an encoder, the baseline of what is learned without one. */
import { crossEntropySpec } from '../losses/cross-entropy.ts';
import type { OptionsOf } from '../options/option.ts';
import { NamedLoss } from './named-loss.ts';
import { defineMethod } from './registry.ts';

export type CrossEntropyOptions = OptionsOf<typeof crossEntropySpec>;

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
  options: crossEntropySpec,
  make: (options, parts) => new NamedLoss({ ...options, name: 'cross-entropy' }, parts),
});
