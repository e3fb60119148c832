/** What a module is besides its fields, which are the user's: a copy is then made of nothing but fields. */
import type { Tensor } from '../tensor/tensor.ts';
import type { ForwardHook } from './module.ts';

export interface ModuleState {
  /** As train() and eval() said. */
  training: boolean;
  /** Calls of inEvaluation() that run now, and one of stayInEvaluation(): above 0, the module is in evaluation whatever `training` says. */
  evaluations: number;
  isDisposed: boolean;
  readonly buffers: Map<string, Tensor>;
  readonly hooks: Set<{ readonly hook: ForwardHook }>;
}

const states = new WeakMap<object, ModuleState>();

/** Of a module; made at the first call. */
export function stateOf(module: object): ModuleState {
  let state = states.get(module);
  if (state === undefined) {
    state = { training: true, evaluations: 0, isDisposed: false, buffers: new Map(), hooks: new Set() };
    states.set(module, state);
  }
  return state;
}

/** The mode that a forward pass takes now. */
export const isTraining = ({ training, evaluations }: ModuleState): boolean => training && evaluations === 0;
