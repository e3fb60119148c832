/** A module with the weights of a checkpoint. */
import { CheckpointError, messageOf } from '../errors.ts';
import type { Module } from '../models/module.ts';
import type { Shapes } from '../models/registry.ts';
import { tidy } from '../tensor/modes.ts';
import type { Checkpoint } from './checkpoint-files.ts';
import { tensorState } from './tensors.ts';

/**
 * The module whose tensors in a checkpoint begin with `part.`, in evaluation mode, on the CPU. Shapes are compared before
 * anything is made: a config from elsewhere must not decide how much memory that takes.
 *
 * @param how.shapes of some or all of its tensors, known without making it; undefined where nobody knows.
 * @throws {CheckpointError} it cannot be made, or the tensors do not fit.
 */
export function moduleOf(
  { model, folder }: Pick<Checkpoint, 'model' | 'folder'>,
  part: 'encoder' | 'head',
  how: { readonly make: () => Module; readonly shapes: () => Shapes | undefined },
): Module {
  let module: Module | undefined;
  try {
    for (const [name, shape] of how.shapes() ?? []) {
      const there = model.get(`${part}.${name}`)?.shape;
      if (String(there) !== String(shape))
        throw new CheckpointError(`'${name}' must have shape [${shape}], got ${there ? `[${there}]` : 'none'}`);
    }
    module = how.make();
    const target = module;
    tidy(() => void target.loadStateDict(tensorState(model, `${part}.`)));
    return module.eval();
  } catch (error) {
    module?.dispose();
    const where = part === 'encoder' ? folder : `${folder}: ${part}`;
    throw new CheckpointError(`${where}: ${messageOf(error)}`, { cause: error });
  }
}
