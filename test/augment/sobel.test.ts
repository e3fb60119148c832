import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { sobel } from '../../lib/augment/sobel.ts';
import { expectError } from './expect-error.ts';
import { testParity } from './parity.ts';

describe('sobel', () => {
  testParity('sobel', { floats: 1e-6 });

  test('is 1 on both sides of a step from 0 to 1, and 0 on a plain', async () => {
    const pixels = Uint8Array.from({ length: 5 * 6 }, (_, i) => (i % 6 < 3 ? 0 : 255));
    const image = { pixels, height: 5, width: 6, channels: 1, id: 0 };
    const values = await augment([sobel()]).apply([image], { seed: 0 }).data();
    values.forEach((x, i) => {
      expect(x).toBeCloseTo(i % 6 === 2 || i % 6 === 3 ? 1 : 0, 6);
    });
  });

  test('refuses bad options', () => {
    expectError(() => sobel({ p: 1.5 }), 'ERR_OPTION', /sobel: p must be/);
    expectError(() => sobel({ axis: 1 } as never), 'ERR_OPTION', /unknown option 'axis'/);
  });
});
