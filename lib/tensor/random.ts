/**
 * Keys for operations that draw random numbers (`ops.dropout`). Draws are functions of a key; keys come from one generator
 * a thread, which `manualSeed()` sets.
 */
import { randomBytes } from 'node:crypto';
import { expectNumber } from '../validate.ts';
import { madeAtEachCall } from './recording.ts';
import { type Tensor, tensor } from './tensor.ts';

let state = randomBytes(8).readBigUInt64LE();

/** SplitMix64 (Steele et al. 2014, "Fast splittable pseudorandom number generators"): 2⁶⁴ numbers, each once. */
function next(): bigint {
  state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
  let z = state;
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

/**
 * A key that has not been given before: int64 () on the CPU, which goes with tensors of any device. A compiled function
 * takes a fresh one at each call, as it would if it were not compiled.
 */
export function randomKey(): Tensor {
  return madeAtEachCall(() => tensor(BigInt.asIntN(64, next())));
}

/**
 * Sets what `randomKey()` gives from here on: the same seed, the same keys in the same order. As torch.manual_seed. Each
 * worker thread has a generator of its own; before any manualSeed() it starts at a number of the system's.
 *
 * @param seed an integer, at least 0.
 */
export function manualSeed(seed: number): void {
  state = BigInt(expectNumber('seed', seed, { min: 0, integer: true }));
}
