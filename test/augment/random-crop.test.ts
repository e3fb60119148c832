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
    expectError(
      check(4, { padding: 4, paddingMode: 'reflect' }),
      'ERR_SHAPE',
      /reflect padding of 4 across and 4 down is too large/,
    );
    expectError(
      check(4, { padding: 5, paddingMode: 'symmetric' }),
      'ERR_SHAPE',
      /symmetric padding of 5 across and 5 down is too large/,
    );
    expect(check(4, { padding: 4, paddingMode: 'symmetric' })()).toMatchObject({ height: 4, width: 4 });
  });

  test.each(['reflect', 'symmetric'] as const)('%s padding is bounded by each axis for itself', async (paddingMode) => {
    const [height, width, kept] = [28, 4, paddingMode === 'reflect' ? 1 : 0];
    const pixels = Uint8Array.from({ length: height * width }, (_, i) => (i * 37) % 251);
    const down = height - kept; // the most that can be mirrored
    const padded = augment([randomCrop([height + 2 * down, width], { padding: [0, down], paddingMode })]);
    const result = await padded.apply([{ pixels, height, width, channels: 1, id: 0 }], { seed: 1 }).data();
    const mirrored = (y: number) => (y < 0 ? -y - 1 + kept : y >= height ? 2 * height - 1 - kept - y : y);
    for (let y = 0; y < height + 2 * down; y++)
      for (let x = 0; x < width; x++) {
        const expected = (pixels[mirrored(y - down) * width + x] as number) / 255;
        expect(result[y * width + x]).toBeCloseTo(expected, 6);
      }
    const tooMuch = augment([randomCrop(4, { padding: [0, down + 1], paddingMode })]);
    expectError(() => tooMuch.outputShape({ height, width, channels: 1 }), 'ERR_SHAPE', /0 across and .* down is too/);
    const across = augment([randomCrop(4, { padding: [5, 0], paddingMode })]);
    expectError(() => across.outputShape({ height, width, channels: 1 }), 'ERR_SHAPE', /5 across and 0 down is too/);
  });

  test('refuses bad options', () => {
    expectError(() => randomCrop(4, { padding: -1 }), 'ERR_OPTION', /padding must be an integer >= 0/);
    expectError(
      () => randomCrop(4, { padding: [1, 2, 3] }),
      'ERR_OPTION',
      /padding must be a number, \[x, y\] or four numbers/,
    );
    expectError(() => randomCrop(4, { paddingMode: 'reflct' as never }), 'ERR_OPTION', /did you mean 'reflect'/);
    const drawn = { kind: 'randomCrop', applied: true, top: 3, left: 0 } as const;
    const image = { pixels: new Uint8Array(48), height: 4, width: 4, channels: 3 };
    expectError(() => augment([randomCrop(2)]).replay(image, [drawn]), 'ERR_OPTION', /inside the padded image/);
  });
});
