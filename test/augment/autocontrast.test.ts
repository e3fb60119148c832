import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { autocontrast } from '../../lib/augment/autocontrast.ts';
import { expectError } from './expect-error.ts';
import { testParity } from './parity.ts';

describe('autocontrast', () => {
  testParity('autocontrast', { floats: 2e-6, bytes: 1 });

  test('each channel by itself, whatever their number', async () => {
    const pixels = Uint8Array.from([10, 60, 7, 200, 20, 80, 7, 100]);
    const values = await augment([autocontrast()])
      .apply([{ pixels, height: 2, width: 1, channels: 4, id: 0 }], { seed: 0 })
      .data();
    const expected = [0, 1, 0, 1, 7 / 255, 7 / 255, 1, 0];
    expected.forEach((x, i) => {
      expect(values[i]).toBeCloseTo(x, 6);
    });
  });

  test('refuses bad options', () => {
    expectError(() => autocontrast({ p: Number.NaN }), 'ERR_OPTION', /autocontrast: p must be/);
  });
});
