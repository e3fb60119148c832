/** Copying named tensors into a module. */
import { ShapeError, StateError } from '../errors.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { noGrad } from '../tensor/modes.ts';
import { copy_ } from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { clip } from '../validate.ts';

const declared = {
  /** Whether a missing or an unknown name is an error. Default true. */
  strict: { type: 'boolean', default: true },
} as const satisfies OptionTable;

export interface LoadStateDictOptions extends OptionsOf<typeof declared> {}

export interface LoadStateDictResult {
  /** Names of the module that the state dict lacks. */
  readonly missing: readonly string[];
  /** Names of the state dict that the module lacks. */
  readonly unexpected: readonly string[];
}

// Counts batches and takes no part in the computation. Files written before PyTorch 0.4.1 lack it, torchvision's oldest
// weights among them; PyTorch loads those too.
export const optionalName = /(^|\.)num_batches_tracked$/;

/** `Module.loadStateDict` into the tensors `own`. Nothing is copied where it throws. */
export function copyState(
  own: ReadonlyMap<string, Tensor>,
  state: ReadonlyMap<string, Tensor>,
  options: LoadStateDictOptions,
): LoadStateDictResult {
  const { strict } = resolveOptions('loadStateDict', declared, options);
  const missing = [...own.keys()].filter((name) => !state.has(name) && !optionalName.test(name));
  const unexpected = [...state.keys()].filter((name) => !own.has(name));
  if (strict && missing.length > 0) throw new StateError(`the state dict lacks ${quoted(missing)}`);
  if (strict && unexpected.length > 0) throw new StateError(`the state dict holds unknown ${quoted(unexpected)}`);
  const pairs = [...own].flatMap(([name, target]) => {
    const source = state.get(name);
    return source === undefined ? [] : [{ name, target, source }];
  });
  for (const { name, target, source } of pairs) checkShape(name, target.shape, source.shape);
  noGrad(() => {
    for (const { target, source } of pairs) copy_(target, source).dispose();
  });
  return { missing, unexpected };
}

/** @throws {ShapeError} */
export function checkShape(name: string, expected: readonly number[], shape: readonly number[]): void {
  if (String(shape) !== String(expected))
    throw new ShapeError(`'${name}' must have shape [${expected}], got [${shape}]`);
}

/** "'a', 'b', 'c' and 59 more". Names may be a stranger's: they are short, and do nothing to a terminal. */
export function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `'${clip(name).replace(/\p{C}/gu, '?')}'`);
  return names.length > 3 ? `${shown.join(', ')} and ${names.length - 3} more` : shown.join(', ');
}
