/** `new Trainer({ loss })`: the method that a loss stands for. */
import { type ContrastiveLossSpec, type CustomLoss, checkContrastiveLoss } from './contrastive-loss.ts';
import { type CrossEntropyOptions, crossEntropy } from './cross-entropy.ts';
import { customLoss } from './custom-loss.ts';
import { dcl } from './dcl.ts';
import type { MethodSpec } from './registry.ts';
import { simclr } from './simclr.ts';
import { supcon } from './supcon.ts';

/** Cross entropy of the head's logits, as `crossEntropy` of the methods. */
export interface CrossEntropyLossSpec extends CrossEntropyOptions {
  readonly name: 'cross-entropy';
}

/** What a trainer knows by name: the contrastive losses, and a classifier's. */
export type LossSpec = ContrastiveLossSpec | CrossEntropyLossSpec;

/** @throws {OptionError} an unknown name, or a wrong option. */
export function methodOfLoss(loss: LossSpec | CustomLoss): MethodSpec {
  if (typeof loss === 'function') return customLoss({ loss });
  if (loss?.name === 'cross-entropy') {
    const { name: _, ...options } = loss;
    return crossEntropy(options);
  }
  const checked = checkContrastiveLoss(loss);
  const { name: _, ...options } = checked;
  switch (checked.name) {
    case 'supcon':
      return supcon(options);
    case 'nt-xent':
      return simclr(options);
    case 'dcl':
      return dcl(options);
    case 'dclw':
      return dcl({ ...options, weighted: true });
  }
}
