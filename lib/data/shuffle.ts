/** Seeded orders. A permutation is a pure function of (length, seed, epoch), on every machine. */

/** What draws are for, beside the purposes in native/core/philox.h: one seed never shares numbers between uses. */
const purposes = { shuffle: 4, sample: 5 };
type Purpose = keyof typeof purposes;

/** High 32 bits of the product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const a1 = a >>> 16;
  const a0 = a & 0xffff;
  const b1 = b >>> 16;
  const b0 = b & 0xffff;
  const middle = a1 * b0 + ((a0 * b0) >>> 16); // below 2^32, exact in a double
  const low = a0 * b1 + (middle % 0x10000);
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(low / 0x10000)) >>> 0;
}

/**
 * One block of Philox-4x32-10, four unsigned 32-bit numbers for a counter and a key.
 * Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; as native/core/philox.h.
 */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const highA = multiplyHigh(0xd2511f53, c0);
    const lowA = Math.imul(0xd2511f53, c0) >>> 0;
    const highB = multiplyHigh(0xcd9e8d57, c2);
    const lowB = Math.imul(0xcd9e8d57, c2) >>> 0;
    c0 = (highB ^ c1 ^ k0) >>> 0;
    c1 = lowB;
    c2 = (highA ^ c3 ^ k1) >>> 0;
    c3 = lowA;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** A stream of draws: a pure function of (seed, epoch, purpose). */
export class Draws {
  readonly #key: [number, number];
  readonly #epoch: number;
  #block: number[] = [];
  #blocks = 0;
  #used = 4;

  /** @param seed non-negative safe integer. @param epoch non-negative integer below 2^32. */
  constructor(seed: number, epoch: number, purpose: Purpose) {
    this.#key = [seed >>> 0, (Math.floor(seed / 0x100000000) ^ (purposes[purpose] << 16)) >>> 0];
    this.#epoch = epoch >>> 0;
  }

  #next(): number {
    if (this.#used === 4) {
      this.#block = philox([this.#blocks++, this.#epoch, 0, 0], this.#key);
      this.#used = 0;
    }
    return this.#block[this.#used++] as number;
  }

  /** Uniform among the integers 0 … range − 1, range from 1 to 2^32 (Lemire's rejection, unbiased). */
  below(range: number): number {
    const floor = (0x100000000 - range) % range; // 2^32 mod range: low products below it would be drawn too often
    let draw = this.#next();
    while (Math.imul(draw, range) >>> 0 < floor) draw = this.#next();
    return multiplyHigh(draw, range);
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    const high = this.#next() >>> 5;
    return (high * 0x4000000 + (this.#next() >>> 6)) / 2 ** 53;
  }

  /** Puts `values` into a uniform random order, in place (Fisher–Yates); returns them. */
  shuffle<T extends Uint32Array | number[]>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const held = values[i] as number;
      values[i] = values[j] as number;
      values[j] = held;
    }
    return values;
  }
}

/** 0 … length − 1. */
export const indicesUpTo = (length: number): Uint32Array => Uint32Array.from({ length }, (_, i) => i);

/**
 * A uniform random order of 0 … length − 1.
 *
 * @param length below 2^32.
 * @param seed non-negative safe integer.
 * @param epoch non-negative integer below 2^32.
 */
export const permutation = (length: number, seed: number, epoch: number): Uint32Array =>
  new Draws(seed, epoch, 'shuffle').shuffle(indicesUpTo(length));
