import { describe, expect, test } from 'vitest';
import { adjustSharpness } from '../../lib/augment/adjust-sharpness.ts';
import { augment } from '../../lib/augment/augment.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

describe('adjustSharpness', () => {
  // torchvision rounds the smoothed bytes, which the factor 4 then triples.
  testParity('adjustSharpness', { floats: 1e-6, bytes: 2 });

  test('each channel by itself, whatever their number', async () => {
    const five = formulaImage(7, 6, 5);
    const pipeline = augment([adjustSharpness(2)]);
    const all = (await pipeline.apply([{ ...five, id: 0 }], { seed: 0 }).data()) as Float32Array;
    for (let c = 0; c < 5; c++) {
      const plane = { ...five, channels: 1, pixels: five.pixels.filter((_, i) => i % 5 === c), id: 0 };
      const alone = (await pipeline.apply([plane], { seed: 0 }).data()) as Float32Array;
      alone.forEach((x, i) => {
        expect(all[42 * c + i]).toBeCloseTo(x, 6);
      });
    }
  });

  test('refuses a factor below 0 or not finite', () => {
    expectError(() => adjustSharpness(-0.1), 'ERR_OPTION', /adjustSharpness: factor must be a finite number >= 0/);
    expectError(() => adjustSharpness(Number.POSITIVE_INFINITY), 'ERR_OPTION', /factor must be/);
    expectError(() => adjustSharpness(undefined as never), 'ERR_OPTION', /factor must be .* got undefined/);
  });
});
