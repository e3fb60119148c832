/** Supervised cross entropy: a classifier on top of an encoder, the baseline of what is learned without one. */

import { optionsOfLoss } from '../losses/all.ts';
import type { CrossEntropyLossSpec } from '../losses/cross-entropy.ts';
import { checkOptionsOf, NamedLoss } from './named-loss.ts';
import { defineMethod } from './registry.ts';

export type CrossEntropyOptions = Omit<CrossEntropyLossSpec, 'name'>;

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
  options: optionsOfLoss('cross-entropy'),
  check: (options: CrossEntropyOptions) => checkOptionsOf('cross-entropy', 'cross-entropy', options),
  make: (options, parts) => new NamedLoss({ ...options, name: 'cross-entropy' }, parts),
});
