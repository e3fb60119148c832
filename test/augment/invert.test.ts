import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { invert } from '../../lib/augment/invert.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

describe('invert', () => {
  testParity('invert', { floats: 1e-6, bytes: 0 });

  test('twice is nothing', async () => {
    const image = { ...formulaImage(5, 6, 3), id: 0 };
    const twice = await augment([invert(), invert()]).apply([image], { seed: 0 }).data();
    const plain = await augment([]).apply([image], { seed: 0 }).data();
    twice.forEach((x, i) => {
      expect(x).toBeCloseTo(Number(plain[i]), 6);
    });
  });

  test('refuses bad options', () => {
    expectError(() => invert({ p: 2 }), 'ERR_OPTION', /invert: p must be/);
    expectError(() => invert(1 as never), 'ERR_OPTION', /options must be a plain object/);
  });
});
