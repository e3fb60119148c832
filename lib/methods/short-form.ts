/** `new Trainer({ loss })`, and `--loss` without `--method`: the method that a loss stands for. */
import { checkLoss, type LossName, type LossSpec } from '../losses/all.ts';
import { type CustomLoss, customLoss } from './custom-loss.ts';
import type { MethodSpec } from './registry.ts';

type ShortForm = MethodSpec & { readonly weighted?: boolean };

const methods: ReadonlyMap<string, ShortForm> = new Map<string, ShortForm>([
  ['supcon', { name: 'supcon' }],
  ['nt-xent', { name: 'simclr' }],
  ['dcl', { name: 'dcl', weighted: false }],
  ['dclw', { name: 'dcl', weighted: true }],
  ['cross-entropy', { name: 'cross-entropy' }],
]);

/** The method that is this loss, as far as the name decides it; undefined of a loss that is no method's. */
export const methodOfLossName = (loss: string): ShortForm | undefined => methods.get(loss);

/** @throws {OptionError} an unknown name, or a wrong option. */
export function methodOfLoss(loss: LossName | LossSpec | CustomLoss): MethodSpec {
  const checked = checkLoss<LossSpec | CustomLoss>(loss);
  if (typeof checked === 'function') return customLoss({ loss: checked });
  const { name, ...options } = checked;
  const method = methodOfLossName(name);
  return method === undefined ? customLoss({ loss: checked }) : { ...options, ...method };
}
