/** libtorch's `randperm` of a seeded CPU generator: a Mersenne twister (Matsumoto and Nishimura 1998) and swaps. */

const size = 624;

function* twister(seed: number): Generator<number, never> {
  const state = new Uint32Array(size);
  state[0] = seed;
  for (let i = 1; i < size; i++) {
    const previous = state[i - 1] as number;
    state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
  }
  for (;;) {
    for (let i = 0; i < size; i++) {
      const y = ((state[i] as number) & 0x80000000) | ((state[(i + 1) % size] as number) & 0x7fffffff);
      state[i] = (state[(i + 397) % size] as number) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    for (let y of state) {
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      yield (y ^ (y >>> 18)) >>> 0;
    }
  }
}

export function permutation(n: number, seed: number): number[] {
  const order = Array.from({ length: n }, (_, i) => i);
  const draws = twister(seed);
  for (let i = 0; i < n - 1; i++) {
    const j = i + (draws.next().value % (n - i));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}
