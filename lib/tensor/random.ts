/**
 * Where random numbers come from that nobody gave a seed for: keys of operations that draw (`ops.dropout`), and initial
 * weights. Both are of one thread, and `manualSeed()` sets them.
 */
import { randomBytes } from 'node:crypto';
import { expectNumber } from '../validate.ts';
import { Generator } from './generator.ts';
import { madeAtEachCall } from './recording.ts';
import { type Tensor, tensor } from './tensor.ts';

let state = randomBytes(8).readBigUInt64LE();
let weights: { readonly seed: number; generator?: Generator } = { seed: randomBytes(6).readUIntLE(0, 6) };

/** 0: the keys that every process of a group has. */
let share = 0n;

const gap = 0x9e3779b97f4a7c15n;

function mixed(value: bigint): bigint {
  let z = BigInt.asUintN(64, value);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

/** SplitMix64 (Steele et al. 2014, "Fast splittable pseudorandom number generators"): 2⁶⁴ numbers, each once. */
function next(): bigint {
  state = BigInt.asUintN(64, state + gap);
  return mixed(state);
}

/**
 * A key that has not been given before: int64 () on the CPU, which goes with tensors of any device. A compiled function
 * takes a fresh one at each call, as it would if it were not compiled.
 */
export function randomKey(): Tensor {
  const own = share;
  return madeAtEachCall(() => tensor(BigInt.asIntN(64, own === 0n ? next() : mixed(next() + own * gap))));
}

/**
 * A random order of 0 … count − 1, drawn as keys are, the same in every process of a group: int64 (count) on the CPU. A compiled function
 * takes a fresh one at each call.
 */
export function randomOrder(count: number): Tensor {
  return madeAtEachCall(() => {
    const order = Int32Array.from({ length: count }, (_, i) => i);
    for (let last = count - 1; last > 0; last--) {
      const other = Number(next() % BigInt(last + 1));
      [order[last], order[other]] = [order[other] as number, order[last] as number];
    }
    return tensor(order, { dtype: 'int64' });
  });
}

/**
 * Runs `fn`, whose keys are a function of `numbers`, integers of at least 0: for the same ones it drops the same elements. What is
 * drawn afterwards goes on as if it had not been.
 */
export function withKeysOf<T>(numbers: readonly number[], fn: () => T): T {
  const now = state;
  state = numbers.reduce((sum, number) => mixed(sum + gap + BigInt(number)), 0n);
  try {
    return fn();
  } finally {
    state = now;
  }
}

/**
 * Runs `fn`, whose keys are others for each `number`, an integer of at least 0; those that come afterwards are the same. For what the
 * processes of a group draw for rows of their own.
 */
export function withKeysOfShare<T>(number: number, fn: () => T): T {
  const around = share;
  share = BigInt(number);
  try {
    return fn();
  } finally {
    share = around;
  }
}

/** What the initial weights of a layer are drawn from that is given no generator. */
export function defaultGenerator(): Generator {
  weights.generator ??= new Generator(weights.seed);
  return weights.generator;
}

/**
 * Sets what `randomKey()` gives from here on, and the initial weights of layers without a `generator`: the same seed, the
 * same numbers in the same order. As torch.manual_seed. Each worker thread has its own; before any manualSeed() it starts at
 * a number of the system's.
 *
 * @param seed an integer, at least 0.
 */
export function manualSeed(seed: number): void {
  state = BigInt(expectNumber('seed', seed, { min: 0, integer: true }));
  weights = { seed };
}
