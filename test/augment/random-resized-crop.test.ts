import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { randomResizedCrop } from '../../lib/augment/random-resized-crop.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

describe('randomResizedCrop', () => {
  testParity('randomResizedCrop', { floats: 1e-5, bytes: 1 });

  test('a window of the image, whatever its shape', () => {
    const pipeline = augment([randomResizedCrop([5, 4])]);
    for (const [height, width] of [
      [1, 1],
      [1, 50],
      [64, 3],
      [31, 33],
    ] as const)
      for (let id = 0; id < 200; id++) {
        const [drawn] = pipeline.draw({ height, width, channels: 3 }, { seed: 7, id });
        const { top, left, height: h, width: w } = drawn as unknown as Record<string, number>;
        expect(top! >= 0 && left! >= 0 && h! >= 1 && w! >= 1 && top! + h! <= height && left! + w! <= width).toBe(true);
      }
  });

  test('falls back to the largest centred window in the range of ratios', () => {
    const pipeline = augment([randomResizedCrop(8, { scale: [1, 1], ratio: [1, 1] })]);
    const [drawn] = pipeline.draw({ height: 10, width: 40, channels: 3 }, { seed: 1 });
    expect(drawn).toEqual({ kind: 'randomResizedCrop', applied: true, top: 0, left: 15, height: 10, width: 10 });
  });

  test('refuses bad options', () => {
    expectError(() => randomResizedCrop(0), 'ERR_OPTION', /randomResizedCrop: size must be an integer >= 1.*got 0/);
    expectError(() => randomResizedCrop([8, 2.5]), 'ERR_OPTION', /size\[1\] must be an integer/);
    expectError(() => randomResizedCrop([8] as never), 'ERR_OPTION', /size must be an array of 2 numbers/);
    expectError(() => randomResizedCrop(8, { scale: [0, 1] }), 'ERR_OPTION', /scale\[0\] must be a finite number > 0/);
    expectError(() => randomResizedCrop(8, { scale: [1, 0.5] }), 'ERR_OPTION', /min <= max, got \[1, 0.5\]/);
    expectError(() => randomResizedCrop(8, { ratio: [1, Number.NaN] }), 'ERR_OPTION', /ratio\[1\].*got NaN/);
    expectError(() => randomResizedCrop(8, { p: 2 }), 'ERR_OPTION', /p must be .*<= 1, got 2/);
    expectError(() => randomResizedCrop(8, { scal: [1, 1] } as never), 'ERR_OPTION', /did you mean 'scale'/);
  });

  test('refuses a window outside the image before any pixel is touched', () => {
    const pipeline = augment([randomResizedCrop(4)]);
    const drawn = { kind: 'randomResizedCrop', applied: true, top: 0, left: 3, height: 5, width: 3 } as const;
    expectError(
      () => pipeline.replay(formulaImage(5, 5, 3), [drawn]),
      'ERR_OPTION',
      /must lie inside the image of 5 x 5/,
    );
  });
});
