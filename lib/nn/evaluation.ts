/** Modules in evaluation for a while, or for good. */
import { types } from 'node:util';
import type { Module } from './module.ts';
import { stateOf } from './module-state.ts';

/**
 * Runs `fn` with modules and all their parts in evaluation, whatever mode train() and eval() give them; works for async
 * functions too. They have their own modes again when the last of several such calls has ended.
 */
export function inEvaluation<T>(modules: readonly Module[], fn: () => T): T {
  const parts = modules.flatMap((module) => [...module.namedModules().values()]);
  const count = (more: 1 | -1): void => {
    for (const part of parts) stateOf(part).evaluations += more;
  };
  count(1);
  let result: T;
  try {
    result = fn();
  } catch (error) {
    count(-1);
    throw error;
  }
  if (types.isPromise(result)) return result.finally(() => count(-1)) as T;
  count(-1);
  return result;
}

/** Keeps modules, without their parts, in evaluation for good, whatever mode train() gives them later. */
export function stayInEvaluation(modules: Iterable<Module>): void {
  for (const module of modules) stateOf(module).evaluations += 1;
}
