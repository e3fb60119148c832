import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { centerCrop } from '../../lib/augment/center-crop.ts';
import { gaussianNoise } from '../../lib/augment/gaussian-noise.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { resize } from '../../lib/augment/resize.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

describe('resize', () => {
  testParity('resize', { floats: 1e-5, bytes: 1 });

  test('one number is the shorter edge', () => {
    expect(augment([resize(10)]).outputShape({ height: 33, width: 20, channels: 1 })).toMatchObject({
      height: 16,
      width: 10,
    });
    expect(augment([resize(10)]).outputShape({ height: 20, width: 33, channels: 1 })).toMatchObject({
      height: 10,
      width: 16,
    });
  });

  test('the fused path equals the same steps one at a time', async () => {
    // Noise of no strength changes no value, but makes the pixels real, which ends the fused description.
    const image = formulaImage(37, 29, 3);
    const nothing = gaussianNoise({ sigma: 0 });
    const fused = augment([
      centerCrop([33, 21]),
      randomHorizontalFlip({ p: 1 }),
      resize([20, 30]),
      centerCrop([12, 9]),
    ]);
    const steps = augment(fused.transforms.flatMap((transform) => [nothing, transform]));
    const draw = (pipeline: typeof fused) => pipeline.draw(image, { seed: 1 });
    const [a, b] = await Promise.all([fused, steps].map((p) => p.replay(image, draw(p)).data()));
    a!.forEach((x, i) => {
      expect(Number(x)).toBeCloseTo(Number(b![i]), 5);
    });
  });

  test('refuses bad options', () => {
    expectError(() => resize(0), 'ERR_OPTION', /size must be an integer >= 1/);
    expectError(() => resize([3, Number.POSITIVE_INFINITY]), 'ERR_OPTION', /size\[1\]/);
    expectError(() => resize(3, { antialias: true } as never), 'ERR_OPTION', /unknown option 'antialias'/);
  });
});
