import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { randomCrop } from '../../lib/augment/random-crop.ts';
import { expectError } from './expect-error.ts';
import { testParity } from './parity.ts';

describe('randomCrop', () => {
  testParity('randomCrop', { floats: 1e-6, bytes: 0 });

  test('padding in its three forms', () => {
    expect(randomCrop(4, { padding: 2 }).padding).toEqual([2, 2, 2, 2]);
    expect(randomCrop(4, { padding: [1, 3] }).padding).toEqual([1, 3, 1, 3]);
    expect(randomCrop(4, { padding: [1, 2, 3, 4] }).padding).toEqual([1, 2, 3, 4]);
  });

  test('refuses crops larger than the padded image and padding larger than the image', () => {
    const shape = { height: 4, width: 6, channels: 3 };
    const check =
      (...args: Parameters<typeof randomCrop>) =>
      () =>
        augment([randomCrop(...args)]).outputShape(shape);
    expectError(check(7, { padding: 1 }), 'ERR_SHAPE', /larger than the padded image of 6 x 8/);
    expectError(check(4, { padding: 4, paddingMode: 'reflect' }), 'ERR_SHAPE', /reflect padding of 4 is too large/);
    expectError(check(4, { padding: 5, paddingMode: 'symmetric' }), 'ERR_SHAPE', /symmetric padding of 5 is too large/);
    expect(check(4, { padding: 4, paddingMode: 'symmetric' })()).toMatchObject({ height: 4, width: 4 });
  });

  test('refuses bad options', () => {
    expectError(() => randomCrop(4, { padding: -1 }), 'ERR_OPTION', /padding must be an integer >= 0/);
    expectError(() => randomCrop(4, { padding: [1, 2, 3] }), 'ERR_OPTION', /padding must be an array of 4 numbers/);
    expectError(() => randomCrop(4, { paddingMode: 'reflct' as never }), 'ERR_OPTION', /did you mean 'reflect'/);
    const drawn = { kind: 'randomCrop', applied: true, top: 3, left: 0 } as const;
    const image = { pixels: new Uint8Array(48), height: 4, width: 4, channels: 3 };
    expectError(() => augment([randomCrop(2)]).replay(image, [drawn]), 'ERR_OPTION', /inside the padded image/);
  });
});
