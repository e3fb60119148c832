/** The tensors of encoder and head, by name: what checkpoints hold, and what processes send each other. */
import { CheckpointError } from '../errors.ts';
import { Module } from '../nn/module.ts';
import { noGrad } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ResolvedOptions } from './options.ts';

export type Part = NonNullable<ResolvedOptions['head']>;

export function modulesOf({ encoder, head }: Pick<ResolvedOptions, 'encoder' | 'head'>): [string, Part][] {
  return head === null
    ? [['encoder', encoder]]
    : [
        ['encoder', encoder],
        ['head', head],
      ];
}

export const stateOf = (module: Part): ReadonlyMap<string, Tensor> =>
  module instanceof Module ? module.stateDict() : module.namedParameters();

/** @throws {CheckpointError} a parameter of a head that is no Module is missing. */
export function loadState(module: Part, state: ReadonlyMap<string, Tensor>): void {
  if (module instanceof Module) {
    module.loadStateDict(state);
    return;
  }
  for (const [name, parameter] of module.namedParameters()) {
    const value = state.get(name);
    if (value === undefined) throw new CheckpointError(`head.${name} is missing`);
    noGrad(() => parameter.copy_(value));
  }
}
