import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permutation, philox } from '../../lib/data/shuffle.ts';

describe('philox', () => {
  // Known answers of Random123 1.14, kat_vectors, "philox4x32 10".
  it.each<[[number, number, number, number], [number, number], number[]]>([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('of %j under %j', (counter, key, block) => {
    expect(philox(counter, key)).toEqual(block);
  });
});

describe('permutation', () => {
  it('holds every index once', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.maxSafeNat(), fc.nat(), (length, seed, epoch) => {
        const sorted = Array.from(permutation(length, seed, epoch)).sort((a, b) => a - b);
        expect(sorted).toEqual(Array.from({ length }, (_, i) => i));
      }),
    );
  });

  it('is a function of the seed and the epoch, high bits of the seed included', () => {
    expect(permutation(50, 1, 2)).toEqual(permutation(50, 1, 2));
    for (const [seed, epoch] of [
      [1, 3],
      [2, 2],
      [1 + 2 ** 32, 2],
    ] as const)
      expect(permutation(50, seed, epoch)).not.toEqual(permutation(50, 1, 2));
  });

  it('stays the same from version to version', () => {
    expect(Array.from(permutation(10, 7, 3))).toMatchInlineSnapshot(`
      [
        5,
        3,
        7,
        1,
        8,
        2,
        0,
        9,
        6,
        4,
      ]
    `);
  });

  it('puts every value in every place equally often', () => {
    const length = 6;
    const runs = 12_000;
    const counts = new Float64Array(length * length);
    for (let seed = 0; seed < runs; seed++)
      for (const [place, value] of permutation(length, seed, 0).entries())
        counts[place * length + value] = (counts[place * length + value] ?? 0) + 1;
    const expected = runs / length;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(60); // 25 degrees of freedom: p < 1e-4 above it
  });

  it('takes a million samples', () => {
    const order = permutation(1_000_000, 1, 0);
    expect(new Set(order).size).toBe(1_000_000);
  });
});
