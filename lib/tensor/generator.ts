/** Random numbers for operations that fill a tensor: initial weights. */
import { type GeneratorHandle, loadAddon } from '../native/addon.ts';
import { guard } from '../native/errors.ts';
import { expectNumber } from '../validate.ts';

/**
 * A sequence of random numbers from a seed. Operations draw from it in the order in which they are called, so that equal
 * seeds and equal calls give equal numbers. As torch.Generator, on the CPU.
 *
 * @example
 * const generator = new Generator(7);
 * ops.normal_(ops.empty([3, 4]), 0, 1, { generator });
 */
export class Generator {
  /** @internal */
  readonly handle: GeneratorHandle;

  /** @param seed an integer >= 0. */
  constructor(seed: number) {
    const checked = expectNumber('seed', seed, { min: 0, integer: true });
    this.handle = guard(() => loadAddon().makeGenerator(checked));
  }
}
