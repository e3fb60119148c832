/** Seeded orders. A permutation is a pure function of (length, seed, epoch), on every machine. */

const kShuffle = 4; // beside the purposes in native/core/philox.h, so that one seed never shares numbers between uses

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

/**
 * A uniform random order of 0 … length − 1 (Fisher–Yates, unbiased draws by Lemire's rejection).
 *
 * @param length below 2^32.
 * @param seed non-negative safe integer.
 * @param epoch non-negative integer below 2^32.
 */
export function permutation(length: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  const key: [number, number] = [seed >>> 0, (Math.floor(seed / 0x100000000) ^ (kShuffle << 16)) >>> 0];
  let block: number[] = [];
  let blocks = 0;
  let used = 4;
  const next = (): number => {
    if (used === 4) {
      block = philox([blocks++, epoch >>> 0, 0, 0], key);
      used = 0;
    }
    return block[used++] as number;
  };
  for (let i = length - 1; i > 0; i--) {
    const range = i + 1;
    const floor = (0x100000000 - range) % range; // 2^32 mod range: low products below it would be drawn too often
    let draw = next();
    while (Math.imul(draw, range) >>> 0 < floor) draw = next();
    const j = multiplyHigh(draw, range);
    const held = order[i] as number;
    order[i] = order[j] as number;
    order[j] = held;
  }
  return order;
}
