/** `new Trainer({ loss })`: the method that a loss stands for. */
import { checkLoss, type LossName, type LossSpec } from '../losses/all.ts';
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
export function methodOfLoss(loss: LossName | LossSpec | CustomLoss): MethodSpec {
  const checked = checkLoss<LossSpec | CustomLoss>(loss);
  if (typeof checked === 'function') return customLoss({ loss: checked });
  const { name, ...options } = checked;
  return methods[name]?.(options) ?? customLoss({ loss: checked });
}
