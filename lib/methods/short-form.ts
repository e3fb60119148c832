/** `new Trainer({ loss })`: the method that a loss stands for. */
import { checkLoss, type LossSpec } from '../losses/all.ts';
import { crossEntropy } from './cross-entropy.ts';
import { type CustomLoss, customLoss } from './custom-loss.ts';
import { dcl } from './dcl.ts';
import type { MethodSpec } from './registry.ts';
import { simclr } from './simclr.ts';
import { supcon } from './supcon.ts';

const methods: Readonly<Record<string, (options: object) => MethodSpec>> = {
  supcon,
  'nt-xent': simclr,
  dcl,
  dclw: (options) => dcl({ ...options, weighted: true }),
  'cross-entropy': crossEntropy,
};

/** @throws {OptionError} an unknown name, or a wrong option. */
export function methodOfLoss(loss: LossSpec | CustomLoss): MethodSpec {
  if (typeof loss === 'function') return customLoss({ loss });
  const { name, ...options } = checkLoss(loss);
  return methods[name]?.(options) ?? customLoss({ loss });
}
