import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { elasticTransform } from '../../lib/augment/elastic-transform.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

describe('elasticTransform', () => {
  // Of neighbours up to 1 apart, a displacement's rounding makes a difference of its own size.
  testParity('elasticTransform', { floats: 2e-4, bytes: 1 });

  test('a strength of 0 changes nothing', async () => {
    const image = { ...formulaImage(9, 11, 3), id: 0 };
    const still = await augment([elasticTransform({ alpha: 0, sigma: 1 })])
      .apply([image], { seed: 0 })
      .data();
    const plain = await augment([]).apply([image], { seed: 0 }).data();
    still.forEach((x, i) => {
      expect(x).toBeCloseTo(Number(plain[i]), 5);
    });
  });

  test('one number is for both axes', () => {
    expect(elasticTransform({ alpha: 3, sigma: [1, 2] })).toEqual({
      kind: 'elasticTransform',
      alpha: [3, 3],
      sigma: [1, 2],
      interpolation: 'bilinear',
      fill: 0,
      p: 1,
    });
  });

  test('refuses bad options, small images and bad keys', () => {
    expectError(() => elasticTransform({ sigma: 0 }), 'ERR_OPTION', /sigma\[0\] must be a finite number > 0/);
    expectError(() => elasticTransform({ sigma: [1, 2, 3] as never }), 'ERR_OPTION', /sigma must be an array of 2/);
    expectError(() => elasticTransform({ alpha: Number.NaN }), 'ERR_OPTION', /alpha\[0\] must be a finite number/);
    expectError(
      () => elasticTransform({ interpolation: 'cubic' as never }),
      'ERR_OPTION',
      /interpolation must be one of/,
    );
    const small = () => augment([elasticTransform({ sigma: 5 })]).outputShape({ height: 20, width: 64, channels: 3 });
    expectError(small, 'ERR_SHAPE', /smooths over 20 pixels to each side and cannot reflect an image of 20 x 64/);
    expect(augment([elasticTransform({ sigma: 5 })]).outputShape({ height: 21, width: 64, channels: 3 }).height).toBe(
      21,
    );
    const drawn = { kind: 'elasticTransform', applied: true, noiseKey: [0, 2 ** 32] } as const;
    const replay = () => augment([elasticTransform({ sigma: 0.5 })]).replay(formulaImage(8, 8, 3), [drawn]);
    expectError(replay, 'ERR_OPTION', /noiseKey must be two unsigned 32-bit integers/);
  });
});
