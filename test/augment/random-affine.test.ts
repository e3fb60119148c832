import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { randomAffine } from '../../lib/augment/random-affine.ts';
import { expectError } from './expect-error.ts';
import { testParity } from './parity.ts';

describe('randomAffine', () => {
  testParity('randomAffine', { floats: 1e-4, bytes: 1 });

  test('shear in its three forms', () => {
    expect(randomAffine(0, { shear: 5 }).shear).toEqual([-5, 5, 0, 0]);
    expect(randomAffine(0, { shear: [1, 5] }).shear).toEqual([1, 5, 0, 0]);
    expect(randomAffine(0, { shear: [1, 5, -2, 3] }).shear).toEqual([1, 5, -2, 3]);
  });

  test('refuses bad options and numbers', () => {
    expectError(() => randomAffine(0, { translate: [0, 1.5] }), 'ERR_OPTION', /translate\[1\] must be .*<= 1/);
    expectError(() => randomAffine(0, { scale: [0, 1] }), 'ERR_OPTION', /scale\[0\] must be a finite number > 0/);
    expectError(() => randomAffine(0, { shear: 90 }), 'ERR_OPTION', /shear must be .*<= 89/);
    expectError(() => randomAffine(0, { shear: [1, 2, 3, 2] }), 'ERR_OPTION', /x min, x max, y min, y max/);
    const drawn = {
      kind: 'randomAffine',
      applied: true,
      angle: 0,
      translate: [0, 0],
      scale: 0,
      shear: [0, 0],
    } as const;
    const image = { pixels: new Uint8Array(3), height: 1, width: 1, channels: 3 };
    expectError(() => augment([randomAffine(0)]).replay(image, [drawn]), 'ERR_OPTION', /scale must be > 0/);
  });
});
