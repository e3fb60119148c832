/** What the functions on image tensors share: parameters for each image, leading dimensions, dtypes, errors. */
import { describe, expect, test } from 'vitest';
import * as functional from '../../lib/augment/functional.ts';
import { autocast } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';
import { expectError } from './expect-error.ts';
import { floatImage, largest } from './functional-call.ts';

const values = async (result: Tensor): Promise<number[]> => [...((await result.data()) as Float32Array)];
const three = ops.cat([floatImage([12, 10, 3]), floatImage([12, 10, 3]).mul(0.5), floatImage([12, 10, 3]).flip([-1])]);
const image = (i: number): Tensor => three.narrow(0, i, 1);

/** A function with its parameters for image i, or with those of all three. */
const each: Readonly<Record<string, (images: Tensor, pick: <T>(...three: T[]) => T & T[]) => Tensor>> = {
  resizedCrop: (x, pick) =>
    functional.resizedCrop(x, {
      top: pick(0, 3, 5),
      left: pick(2, 0, 1),
      height: pick(12, 4, 7),
      width: pick(3, 10, 9),
      size: [8, 11],
    }),
  crop: (x, pick) =>
    functional.crop(x, { top: pick(0, 4, 2), left: pick(3, 0, 1), size: 9, padding: [1, 2, 3, 0], fill: 0.5 }),
  rotate90: (x, pick) => functional.rotate90(x, pick(0, 2, -2)),
  adjustBrightness: (x, pick) => functional.adjustBrightness(x, pick(0.2, 1, 1.9)),
  adjustContrast: (x, pick) => functional.adjustContrast(x, pick(0.2, 1, 1.9)),
  adjustSaturation: (x, pick) => functional.adjustSaturation(x, pick(0.2, 1, 1.9)),
  adjustHue: (x, pick) => functional.adjustHue(x, pick(0.2, 0, -0.5)),
  adjustSharpness: (x, pick) => functional.adjustSharpness(x, pick(0.2, 1, 3)),
  gaussianBlur: (x, pick) => functional.gaussianBlur(x, 7, pick(0.1, 1, 2)),
  solarize: (x, pick) => functional.solarize(x, pick(0, 0.5, 1)),
  posterize: (x, pick) => functional.posterize(x, pick(1, 3, 8)),
  rotate: (x, pick) => functional.rotate(x, pick(10, 0, -80), { interpolation: 'bilinear' }),
  affine: (x, pick) =>
    functional.affine(x, {
      angle: pick(10, 0, -80),
      translate: pick([1, 2], [0, 0], [-3, 1]) as never,
      scale: pick(1.2, 1, 0.7),
      shear: pick([5, 0], [0, 0], [-9, 12]) as never,
    }),
  perspective: (x, pick) =>
    functional.perspective(
      x,
      pick([1, 0, 0, 0, 1, 0, 0, 0], [1, 0.1, 2, 0, 1, 0, 0, 0.01], [1, 0, 0, 0.2, 1, 0, 0, 0]),
    ),
  erase: (x, pick) =>
    functional.erase(x, { top: pick(0, 2, 11), left: 1, height: pick(12, 0, 1), width: pick(4, 0, 9), value: 0.5 }),
  gaussianNoise: (x, pick) =>
    functional.gaussianNoise(x, { sigma: pick(0, 0.1, 1), noiseKey: pick([0, 0], [1, 2], [3, 4]) as never }),
};

describe('parameters', () => {
  test.each(Object.entries(each))('%s: each image by its own', async (_, f) => {
    const together = await values(f(three, (...all) => all as never));
    const alone = await Promise.all([0, 1, 2].map((i) => values(f(image(i), (...all) => all[i] as never))));
    expect(largest(together, alone.flat())).toBeLessThanOrEqual(1e-6);
  });

  test.each(Object.entries(each))('%s: one for all images', async (_, f) => {
    const together = await values(f(three, (...all) => all[1] as never));
    const alone = await Promise.all([0, 1, 2].map((i) => values(f(image(i), (...all) => all[1] as never))));
    expect(largest(together, alone.flat())).toBeLessThanOrEqual(1e-6);
  });

  test('of another number of images are refused', () => {
    expectError(() => functional.adjustBrightness(three, [1, 2]), 'ERR_SHAPE', /factor must be one number or .*\(3\)/);
    expectError(() => functional.rotate(three, [1, 2]), 'ERR_SHAPE', /angle must hold 1 number, .*3 images, got 2/);
    expectError(
      () => functional.crop(three, { top: [0, 1], left: [0, 1, 2], size: 3 }),
      'ERR_OPTION',
      /crop: top must hold 1 number or 3, got 2/,
    );
  });

  test('as tensors', async () => {
    const factor = tensor([0.2, 1, 1.9]);
    expect(await values(functional.adjustContrast(three, factor))).toEqual(
      await values(functional.adjustContrast(three, [0.2, 1, 1.9])),
    );
    await expect(functional.adjustContrast(three, tensor([0.2, Number.NaN, 1])).data()).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining('adjustContrast: factor must be finite'),
    });
    await expect(functional.adjustHue(three, tensor(0.7)).data()).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });
});

test('no tensor is left over but the result', async () => {
  await collect();
  const before = memory().tensors;
  functional.adjustHue(three, [0.1, 0.2, 0.3]).dispose();
  functional.gaussianBlur(three, 3, [1, 2, 3]).dispose();
  functional.erase(three, { top: 0, left: 0, height: 1, width: 1, value: [1, 2, 3] }).dispose();
  expect(memory().tensors).toBe(before);
});

describe('images', () => {
  test.each(Object.entries(each))('%s of any leading dimensions', async (_, f) => {
    const flat = f(three, (...all) => all as never);
    const nested = f(three.reshape([3, 1, 3, 12, 10]), (...all) => all as never);
    expect(nested.shape).toEqual([3, 1, ...flat.shape.slice(1)]);
    expect(await values(nested)).toEqual(await values(flat));
    const alone = f(three.select(0, 2), (...all) => all[2] as never);
    expect(alone.shape).toEqual(flat.shape.slice(1));
  });

  test.each(Object.entries(each))('%s in half precision computes in float32', async (_, f) => {
    const half = three.to('bfloat16');
    const result = f(half, (...all) => all as never);
    expect(result.dtype).toBe('bfloat16');
    const exact = f(half.to('float32'), (...all) => all as never).to('bfloat16');
    expect(await values(result)).toEqual(await values(exact));
  });

  test('what only moves pixels takes bytes', async () => {
    const bytes = tensor(
      Uint8Array.from({ length: 12 }, (_, i) => i),
      { shape: [1, 3, 4] },
    );
    expect(await values(functional.horizontalFlip(bytes))).toEqual([3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8]);
    expect(await values(functional.verticalFlip(bytes))).toEqual([8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3]);
    expect(await values(functional.rotate90(bytes, 1))).toEqual([3, 7, 11, 2, 6, 10, 1, 5, 9, 0, 4, 8]);
    expect(await values(functional.pad(bytes, [1, 0], { fill: 9 }))).toEqual([
      ...[9, 0, 1, 2, 3, 9],
      ...[9, 4, 5, 6, 7, 9],
      ...[9, 8, 9, 10, 11, 9],
    ]);
    expect(functional.centerCrop(bytes, 1).dtype).toBe('uint8');
  });

  test('of bytes are rounded; what they are compared with or filled by is in bytes', async () => {
    const bytes = tensor(Uint8Array.from([0, 100, 127, 128, 200, 255]), { shape: [1, 2, 3] });
    expect(await values(functional.solarize(bytes, 128))).toEqual([0, 100, 127, 127, 55, 0]);
    expect(await values(functional.adjustBrightness(bytes, 1.6))).toEqual([0, 160, 203, 205, 255, 255]);
    const window = { top: 0, left: 1, height: 2, width: 1 };
    expect(await values(functional.erase(bytes, { ...window, value: 7 }))).toEqual([0, 7, 127, 128, 7, 255]);
    const far = functional.affine(bytes, { translate: [9, 0], fill: 200 });
    expect(await values(far)).toEqual(new Array(6).fill(200));
    expectError(() => functional.solarize(bytes, 256), 'ERR_OPTION', /threshold must be .*<= 255/);
  });

  test('under autocast resampling keeps its precision', async () => {
    const plain = functional.resize(three, 7);
    const cast = await autocast('bfloat16', () => functional.resize(three, 7));
    expect(cast.dtype).toBe('float32');
    expect(await values(cast)).toEqual(await values(plain));
  });

  test('that are none are refused', () => {
    const flat = tensor([1, 2, 3]);
    for (const f of [functional.invert, functional.horizontalFlip, functional.equalize])
      expectError(() => f(flat), 'ERR_SHAPE', /images must have shape \(…, channels, height, width\), got \[3\]/);
    expectError(() => functional.invert([[1]] as never), 'ERR_DTYPE', /images must be a Tensor, got an array of 1/);
    expectError(() => functional.invert(three.to('int32')), 'ERR_DTYPE', /must be floating or uint8, got int/);
    expectError(() => functional.normalize(three.to('uint8'), 0, 1), 'ERR_DTYPE', /images must be floating, got/);
    expectError(() => functional.invert(ops.zeros([0, 3, 4, 4])), 'ERR_SHAPE', /must not be empty/);
    expectError(() => functional.adjustHue(ops.zeros([2, 4, 4]), 0), 'ERR_SHAPE', /must have 1 or 3 channels/);
  });
});

describe('values that the fixtures lack', () => {
  test('a displacement of whole pixels moves the image', async () => {
    const [height, width] = [12, 10];
    const right = tensor(Array.from({ length: height * width }, () => [2 * (2 / width), 0]).flat(), {
      shape: [height, width, 2],
    });
    for (const interpolation of ['nearest', 'bilinear'] as const) {
      const moved = functional.elastic(three, right, { interpolation, fill: 0.5 });
      const expected = functional.crop(three, { top: 0, left: 2, size: [12, 10], padding: [0, 0, 2, 0], fill: 0.5 });
      expect(largest(await values(moved), await values(expected))).toBeLessThanOrEqual(1e-5);
    }
  });

  test('without a fill the edge is not blended, of which the blend with one follows', async () => {
    const options = { interpolation: 'bilinear', fill: null } as const;
    const [plain, weight] = [three, ops.onesLike(three)].map((images) => functional.rotate(images, 25, options));
    const [v, w] = [await values(plain as Tensor), await values(weight as Tensor)];
    expect([Math.min(...w), Math.max(...w)]).toEqual([0, expect.closeTo(1, 5)]);
    const blended = await values(functional.rotate(three, 25, { ...options, fill: 0.3 }));
    expect(
      largest(
        blended,
        v.map((value, i) => (value - 0.3) * (w[i] as number) + 0.3),
      ),
    ).toBeLessThanOrEqual(1e-6);
    const nearest = (fill: number | null) => functional.rotate(three, 25, { interpolation: 'nearest', fill });
    expect(await values(nearest(null))).toEqual(await values(nearest(0)));
  });

  test('a displacement for each image', async () => {
    const none = ops.zeros([3, 12, 10, 2]);
    expect(largest(await values(functional.elastic(three, none)), await values(three))).toBeLessThanOrEqual(1e-6);
  });

  test('erased by noise of the images shape', async () => {
    const noise = ops.rand([3, 3, 12, 10], { seed: 1 });
    const whole = functional.erase(three, { top: 0, left: 0, height: 12, width: 10, value: noise });
    expect(await values(whole)).toEqual(await values(noise));
  });

  test('the same key, the same noise; another, another', async () => {
    const noisy = (noiseKey: [number, number]) => values(functional.gaussianNoise(three, { sigma: 0.1, noiseKey }));
    expect(await noisy([1, 2])).toEqual(await noisy([1, 2]));
    expect(await noisy([1, 2])).not.toEqual(await noisy([2, 2]));
  });

  test('odd turns of images that are not square: all together', () => {
    expect(functional.rotate90(three, 3).shape).toEqual([3, 3, 10, 12]);
    expect(functional.rotate90(three, [1, 5, -3]).shape).toEqual([3, 3, 10, 12]);
    expectError(() => functional.rotate90(three, [0, 1, 0]), 'ERR_SHAPE', /12 x 10 must be square/);
  });
});

test('padding is mirrored within each axis', async () => {
  const tall = ops.rand([1, 1, 28, 4], { seed: 1 });
  for (const [paddingMode, kept] of [
    ['reflect', 1],
    ['symmetric', 0],
  ] as const) {
    const result = functional.pad(tall, [0, 4], { paddingMode });
    expect(result.shape).toEqual([1, 1, 36, 4]);
    const [values, source] = [await result.data(), await tall.data()];
    for (let y = 0; y < 36; y++) {
      const from = y < 4 ? 3 - y + kept : y >= 32 ? 59 - y - kept : y - 4;
      expect(values.slice(4 * y, 4 * y + 4)).toEqual(source.slice(4 * from, 4 * from + 4));
    }
    expectError(() => functional.pad(tall, [5, 0], { paddingMode }), 'ERR_SHAPE', /padding of 5 across and 0 down/);
  }
});

describe('parameters out of range are refused before a pixel is touched', () => {
  const window = { top: 0, left: 0, height: 12, width: 10 };
  const cases: readonly [string, () => unknown, 'ERR_OPTION' | 'ERR_SHAPE' | 'ERR_DTYPE', RegExp][] = [
    ['a window', () => functional.resizedCrop(three, { ...window, top: 1, size: 4 }), 'ERR_OPTION', /inside the image/],
    ['no window', () => functional.resizedCrop(three, { ...window, height: 0, size: 4 }), 'ERR_OPTION', /inside the/],
    ['a size', () => functional.resize(three, 0), 'ERR_OPTION', /resize: size must be an integer >= 1/],
    ['a crop', () => functional.crop(three, { top: 0, left: 0, size: 13 }), 'ERR_SHAPE', /crop of 13 x 13 is larger/],
    ['a corner', () => functional.crop(three, { top: 4, left: 0, size: 9 }), 'ERR_OPTION', /inside the padded image/],
    ['a centre', () => functional.centerCrop(three, 20), 'ERR_SHAPE', /20 x 20 is larger/],
    ['padding', () => functional.pad(three, 10, { paddingMode: 'reflect' }), 'ERR_SHAPE', /reflect padding of 10/],
    [
      'sides',
      () => functional.pad(three, [1, 2, 3]),
      'ERR_OPTION',
      /a number, \[x, y\] or four numbers, got an array of 3/,
    ],
    ['brightness', () => functional.adjustBrightness(three, -1), 'ERR_OPTION', /factor must be .*>= 0, got -1/],
    ['no number', () => functional.adjustContrast(three, Number.NaN), 'ERR_OPTION', /must be a finite number/],
    ['a hue', () => functional.adjustHue(three, [0, 0.6, 0]), 'ERR_OPTION', /factor\[1\] must be .*<= 0.5/],
    [
      'channels',
      () => functional.rgbToGrayscale(three, { channels: 2 as never }),
      'ERR_OPTION',
      /channels must be 1 or 3/,
    ],
    ['a kernel', () => functional.gaussianBlur(three, 4, 1), 'ERR_OPTION', /kernelSize must be odd/],
    [
      'no kernel',
      () => functional.gaussianBlur(three, -1, 1),
      'ERR_OPTION',
      /gaussianBlur: kernelSize must be odd and >= 1/,
    ],
    [
      'a part of one',
      () => functional.gaussianBlur(three, 2.5, 1),
      'ERR_OPTION',
      /kernelSize must be an integer, got 2.5/,
    ],
    ['a wide kernel', () => functional.gaussianBlur(three, 21, 1), 'ERR_SHAPE', /cannot reflect an image of 12 x 10/],
    ['a sigma', () => functional.gaussianBlur(three, 3, 0), 'ERR_OPTION', /sigma must be .*> 0/],
    ['a threshold', () => functional.solarize(three, 1.5), 'ERR_OPTION', /threshold must be .*<= 1/],
    ['bits', () => functional.posterize(three, 9), 'ERR_OPTION', /posterize: bits must be in \[0, 8\], got 9/],
    ['bits of one', () => functional.posterize(three, [8, -1, 0]), 'ERR_OPTION', /posterize: bits\[1\] must be in/],
    ['half a bit', () => functional.posterize(three, 1.5), 'ERR_OPTION', /posterize: bits must be an integer, got 1.5/],
    ['means', () => functional.normalize(three, [0.5, 0.5], 1), 'ERR_SHAPE', /1 number or 3, one a channel, got 2/],
    ['a std', () => functional.normalize(three, 0.5, 0), 'ERR_OPTION', /normalize: std must be > 0, got 0/],
    [
      'no mean',
      () => functional.normalize(three, [], 1),
      'ERR_OPTION',
      /mean must hold at least one number, got an empty/,
    ],
    ['one of them', () => functional.normalize(three, 0, [1, 1, -2]), 'ERR_OPTION', /normalize: std\[2\] must be > 0/],
    [
      'a text',
      () => functional.normalize(three, 0, '1' as never),
      'ERR_OPTION',
      /normalize: std must be a finite number/,
    ],
    [
      'an angle',
      () => functional.rotate(three, Number.POSITIVE_INFINITY),
      'ERR_OPTION',
      /angle must be a finite number/,
    ],
    ['a scale', () => functional.affine(three, { scale: 0 }), 'ERR_OPTION', /affine: scale must be > 0, got 0/],
    ['scales', () => functional.affine(three, { scale: [1, -1, 1] }), 'ERR_OPTION', /affine: scale\[1\] must be > 0/],
    ['a pair', () => functional.affine(three, { shear: 3 as never }), 'ERR_OPTION', /shear must be a pair of numbers/],
    ['coefficients', () => functional.perspective(three, [1, 2]), 'ERR_SHAPE', /eight numbers for each image, got 2/],
    ['a field', () => functional.elastic(three, ops.zeros([12, 9, 2])), 'ERR_SHAPE', /must have shape \(12, 10, 2\)/],
    [
      'interpolation',
      () => functional.rotate(three, 1, { interpolation: 'cubic' as never }),
      'ERR_OPTION',
      /'nearest'/,
    ],
    ['an erasure', () => functional.erase(three, { ...window, left: 1 }), 'ERR_OPTION', /inside the image of 12 x 10/],
    ['a value', () => functional.erase(three, { ...window, value: [1, 2] }), 'ERR_SHAPE', /must broadcast/],
    [
      'a key',
      () => functional.gaussianNoise(three, { sigma: 1, noiseKey: [-1, 0] }),
      'ERR_OPTION',
      /gaussianNoise: noiseKey must be two unsigned 32-bit integers, got -1/,
    ],
    ['an option', () => functional.rotate(three, 1, { fil: 1 } as never), 'ERR_OPTION', /did you mean 'fill'/],
  ];
  test.each(cases)('%s', (_, run, code, message) => expectError(run, code, message));
});
