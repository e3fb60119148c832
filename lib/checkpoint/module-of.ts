/** A module with the weights of a checkpoint. */

import type { Shapes } from '../encoders/registry.ts';
import { CheckpointError, messageOf } from '../errors.ts';
import type { Module } from '../nn/module.ts';
import { tidy } from '../tensor/modes.ts';
import { tensorState } from '../tensor/raw-tensors.ts';
import type { Checkpoint } from './checkpoint-files.ts';

/**
 * The module whose tensors in a checkpoint begin with `part.`, in evaluation mode, on the CPU. Shapes are compared before
 * anything is made: a config from elsewhere must not decide how much memory that takes.
 *
 * @param how.shapes of some or all of its tensors, known without making it; undefined where nobody knows.
 * @throws {CheckpointError} it cannot be made, or the tensors do not fit.
 */
export function moduleOf<M extends Module>(
  { model, folder }: Pick<Checkpoint, 'model' | 'folder'>,
  part: 'encoder' | 'head',
  how: { readonly make: () => M; readonly shapes: () => Shapes | undefined },
): M {
  let module: M | undefined;
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
