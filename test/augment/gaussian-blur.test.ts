import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { gaussianBlur, simclrKernelSize } from '../../lib/augment/gaussian-blur.ts';
import { expectError } from './expect-error.ts';
import { testParity } from './parity.ts';

describe('gaussianBlur', () => {
  testParity('gaussianBlur', { floats: 1e-5, bytes: 1 });

  test("SimCLR's kernel", () => {
    expect([224, 96, 32, 28, 1].map(simclrKernelSize)).toEqual([23, 9, 3, 3, 1]);
  });

  test('refuses bad options and images too small to reflect', () => {
    expectError(() => gaussianBlur(4), 'ERR_OPTION', /kernelSize must be odd, got 4/);
    expectError(() => gaussianBlur(0), 'ERR_OPTION', /kernelSize must be an integer >= 1/);
    expectError(() => gaussianBlur(3, { sigma: 0 }), 'ERR_OPTION', /sigma\[0\] must be a finite number > 0/);
    expectError(() => gaussianBlur(3, { sigma: [2, 1] }), 'ERR_OPTION', /min <= max/);
    const tiny = () => augment([gaussianBlur(5)]).outputShape({ height: 2, width: 9, channels: 3 });
    expectError(tiny, 'ERR_SHAPE', /kernelSize 5 cannot reflect an image of 2 x 9/);
    const drawn = { kind: 'gaussianBlur', applied: true, sigma: 0 } as const;
    const image = { pixels: new Uint8Array(27), height: 3, width: 3, channels: 3 };
    expectError(() => augment([gaussianBlur(3)]).replay(image, [drawn]), 'ERR_OPTION', /sigma must be > 0/);
  });
});
