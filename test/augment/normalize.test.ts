import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { presets } from '../../lib/augment/presets.ts';
import { solarize } from '../../lib/augment/solarize.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

describe('normalize', () => {
  testParity('normalize', { floats: 1e-5 });

  test('what comes after it sees normalised pixels', async () => {
    const image = { ...formulaImage(3, 4, 3), id: 0 };
    const values = await augment([normalize(0.5, 0.25), solarize({ threshold: 0 })])
      .apply([image], { seed: 0 })
      .data();
    const at = (x: number) => (x / 255 - 0.5) / 0.25;
    const first = at(image.pixels[0]!);
    expect(values[0]).toBeCloseTo(first >= 0 ? 1 - first : first, 5);
  });

  test('twice', async () => {
    const image = { ...formulaImage(3, 4, 3), id: 0 };
    const values = await augment([normalize(0.5, 0.25), normalize(1, 2)])
      .apply([image], { seed: 0 })
      .data();
    expect(values[0]).toBeCloseTo(((image.pixels[0]! / 255 - 0.5) / 0.25 - 1) / 2, 5);
  });

  test('refuses bad options and images', () => {
    expectError(() => normalize([0.5, 0.5], [1]), 'ERR_OPTION', /one length, got 2 and 1/);
    expectError(() => normalize(0.5, 0), 'ERR_OPTION', /std\[0\] must be a finite number > 0/);
    expectError(
      () => normalize([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]),
      'ERR_OPTION',
      /mean\[0\] must be at most 16, got 123\.675: pixels are scaled to 0…1, so divide by 255/,
    );
    expectError(() => presets.evaluation({ size: 8, mean: 0.5, std: 58 }), 'ERR_OPTION', /std\[0\] .* divide by 255/);
    expectError(() => normalize(Number.NaN, 1), 'ERR_OPTION', /mean\[0\] must be a finite number/);
    expectError(() => normalize('0.5' as never, 1), 'ERR_OPTION', /mean must be an array/);
    const gray = () => augment([normalize([0, 0, 0], [1, 1, 1])]).outputShape({ height: 2, width: 2, channels: 1 });
    expectError(gray, 'ERR_SHAPE', /3 means cannot take an image of 1 channels/);
  });
});
