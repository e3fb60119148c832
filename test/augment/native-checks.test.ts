/** The addon checks plain data itself: whoever calls it without the typed functions gets the same kind of error. */
import { describe, expect, test } from 'vitest';
import { loadAddon } from '../../lib/native/addon.ts';
import { guard } from '../../lib/native/errors.ts';
import { expectError } from './expect-error.ts';

const make = (...transforms: object[]) => guard(() => loadAddon().augmentPipeline(transforms, 0));
const warp = { interpolation: 'nearest', fill: 0, p: 1 };

describe('augmentPipeline', () => {
  test.each<[object, RegExp]>([
    [{ kind: 'blur', p: 1 }, /unknown transform 'blur'/],
    [{ kind: 'solarize', threshold: 0.5 }, /solarize: p is missing/],
    [{ kind: 'solarize', threshold: 0.5, p: 1.5 }, /p must be in \[0, 1\], got 1.5/],
    [{ kind: 'solarize', threshold: [0.5, 1], p: 1 }, /threshold must be one number, got 2/],
    [{ kind: 'solarize', threshold: Number.NaN, p: 1 }, /threshold must be finite/],
    [{ kind: 'solarize', threshold: 2, p: 1 }, /threshold must be in \[0, 1\], got 2/],
    [{ kind: 'solarize', threshold: {}, p: 1 }, /threshold must be a number or an array/],
    [{ kind: 'solarize', threshold: ['a'], p: 1 }, /threshold must hold numbers/],
    [{ kind: 'resize', size: 0, p: 1 }, /size must be >= 1 and <= 65535, got 0/],
    [{ kind: 'resize', size: [1, 2, 3], p: 1 }, /size must be one number or two/],
    [{ kind: 'centerCrop', size: [0, 1], p: 1 }, /size must be at least 1 x 1/],
    [{ kind: 'resize', size: [1, 65_536], p: 1 }, /size must be >= 1 and <= 65535, got 65536/],
    [{ kind: 'centerCrop', size: [3e9, 1], p: 1 }, /size must be at most 65535 x 65535, got 3e\+09 x 1/],
    [{ kind: 'centerCrop', size: 3, p: 1 }, /size must be two numbers, got 1/],
    [{ kind: 'randomResizedCrop', size: [0, 1], scale: [1, 1], ratio: [1, 1], p: 1 }, /at least 1 x 1/],
    [{ kind: 'randomResizedCrop', size: [1, 1], scale: [2, 1], ratio: [1, 1], p: 1 }, /scale must be 0 < min <= max/],
    [{ kind: 'randomResizedCrop', size: [1, 1], scale: [1, 1], ratio: [0, 1], p: 1 }, /ratio must be 0 < min <= max/],
    [{ kind: 'randomCrop', size: [1, 1], padding: [1], fill: 0, paddingMode: 'edge', p: 1 }, /padding must be four/],
    [{ kind: 'randomCrop', size: [1, 1], padding: [1, 1, 1, -1], fill: 0, paddingMode: 'edge', p: 1 }, />= 0 .*got -1/],
    [
      { kind: 'randomCrop', size: [1, 1], padding: [3e9, 0, 0, 0], fill: 0, paddingMode: 'edge', p: 1 },
      /<= 65535, got 3e/,
    ],
    [
      { kind: 'randomCrop', size: [1, 1], padding: [0, 0, 0, 0], fill: 0, paddingMode: 'x', p: 1 },
      /paddingMode must be one of 'constant', .*, got 'x'/,
    ],
    [{ kind: 'randomCrop', size: [1, 1], padding: [0, 0, 0, 0], fill: 0, p: 1 }, /paddingMode is missing/],
    [{ kind: 'gaussianBlur', kernelSize: 2, sigma: [1, 1], p: 1 }, /kernelSize must be odd/],
    [{ kind: 'gaussianBlur', kernelSize: 2.5, sigma: [1, 1], p: 1 }, /kernelSize must be an integer/],
    [{ kind: 'gaussianBlur', kernelSize: 3, sigma: [0, 1], p: 1 }, /sigma must be 0 < min <= max/],
    [
      { kind: 'colorJitter', brightness: [-1, 1], contrast: [1, 1], saturation: [1, 1], hue: [0, 0], p: 1 },
      /brightness must be 0 <= min/,
    ],
    [{ kind: 'colorJitter', brightness: [1, 1], contrast: [1, 1], saturation: [1, 1], hue: [0, 1], p: 1 }, /hue/],
    [{ kind: 'normalize', mean: [0, 0], std: [1], p: 1 }, /one length, got 2 and 1/],
    [{ kind: 'normalize', mean: 0, std: 0, p: 1 }, /std must be > 0/],
    [{ kind: 'randomErasing', scale: [0, 2], ratio: [1, 1], value: 0, p: 1 }, /scale must be 0 <= min <= max <= 1/],
    [{ kind: 'randomErasing', scale: [0, 1], ratio: [0, 1], value: 0, p: 1 }, /ratio must be/],
    [{ kind: 'randomErasing', scale: [0, 1], ratio: [1, 1], value: 'x', p: 1 }, /numbers or 'noise'/],
    [{ kind: 'randomRotation', degrees: [1, 0], ...warp }, /degrees must be min <= max/],
    [
      { kind: 'randomRotation', degrees: [0, 1], ...warp, interpolation: 'x' },
      /interpolation must be one of 'nearest', 'bilinear', got 'x'/,
    ],
    [
      { kind: 'randomAffine', degrees: [1, 0], translate: [0, 0], scale: [1, 1], shear: [0, 0, 0, 0], ...warp },
      /degrees/,
    ],
    [
      { kind: 'randomAffine', degrees: [0, 0], translate: [2, 0], scale: [1, 1], shear: [0, 0, 0, 0], ...warp },
      /translate/,
    ],
    [
      { kind: 'randomAffine', degrees: [0, 0], translate: [0, 0], scale: [0, 1], shear: [0, 0, 0, 0], ...warp },
      /scale/,
    ],
    [
      { kind: 'randomAffine', degrees: [0, 0], translate: [0, 0], scale: [1, 1], shear: [0, 0], ...warp },
      /shear must be four/,
    ],
    [
      { kind: 'randomAffine', degrees: [0, 0], translate: [0, 0], scale: [1, 1], shear: [0, 0, 0, 90], ...warp },
      /-90, 90/,
    ],
    [{ kind: 'randomPerspective', distortionScale: 2, ...warp }, /distortionScale must be in \[0, 1\]/],
    [{ kind: 'posterize', bits: 9, p: 1 }, /bits must be in \[0, 8\], got 9/],
    [{ kind: 'posterize', bits: 1.5, p: 1 }, /bits must be an integer/],
    [{ kind: 'adjustSharpness', factor: -1, p: 1 }, /factor must be >= 0, got -1/],
    [{ kind: 'gaussianNoise', mean: 0, sigma: -1, clip: true, p: 1 }, /sigma must be >= 0, got -1/],
    [{ kind: 'gaussianNoise', mean: 0, sigma: 1, p: 1 }, /clip is missing/],
    [{ kind: 'elasticTransform', alpha: [1, 1], sigma: [1, 0], ...warp }, /sigma must be in \(0, 8192\], got 0/],
    [{ kind: 'elasticTransform', alpha: [1], sigma: [1, 1], ...warp }, /alpha must be two numbers, got 1/],
    [{ kind: 'randAugment', numOps: 17, magnitude: 9, numMagnitudeBins: 31, ...warp }, /numOps must be in \[1, 16\]/],
    [
      { kind: 'randAugment', numOps: 2, magnitude: 31, numMagnitudeBins: 31, ...warp },
      /magnitude must be in \[0, 30\]/,
    ],
    [{ kind: 'randAugment', numOps: 2, magnitude: 0, numMagnitudeBins: 1, ...warp }, /numMagnitudeBins must be >= 2/],
    [{ kind: 'trivialAugmentWide', numMagnitudeBins: 1, ...warp }, /numMagnitudeBins must be >= 2, got 1/],
    [{ kind: 'autoAugment', policy: 'x', ...warp }, /policy must be one of 'imagenet', 'cifar10', 'svhn', got 'x'/],
  ])('refuses %o', (transform, message) => {
    expectError(() => make(transform), 'ERR_OPTION', message);
  });

  test('other arguments', () => {
    const addon = loadAddon();
    const pipeline = make();
    expectError(() => guard(() => addon.augmentPipeline([], 2)), 'ERR_OPTION', /channels must be 1 or 3, got 2/);
    expectError(() => guard(() => addon.augmentShape({} as never, 1, 1, 1)), 'ERR_OPTION', /must be a pipeline/);
    expectError(() => guard(() => addon.augmentShape(pipeline, 0, 1, 1)), 'ERR_SHAPE', /at least 1 x 1/);
    expectError(
      () => guard(() => addon.augmentDraw(pipeline, 1, 1, 1, -1, 0, 0, 0)),
      'ERR_OPTION',
      /seed must be an integer/,
    );
    expectError(
      () => guard(() => addon.augmentDraw(pipeline, 1, 1, 1, 'a' as never, 0, 0, 0)),
      'ERR_OPTION',
      /seed must be a number/,
    );
    const resize = make({ kind: 'resize', size: 65_535, p: 1 });
    expectError(
      () => guard(() => addon.augmentShape(resize, 1, 65_538, 3)),
      'ERR_SHAPE',
      /too long: 4295032830 pixels/,
    );
    const batch =
      (dtype: string, sizes = [1, 1, 1], id = 0) =>
      () =>
        guard(() =>
          addon.augmentBatch(
            [pipeline],
            [new Uint8Array(1)],
            Int32Array.from(sizes),
            Float64Array.of(id),
            0,
            0,
            dtype as never,
            1,
          ),
        );
    expectError(batch('int32'), 'ERR_DTYPE', /dtype must be 'float32' or 'bfloat16', got 'int32'/);
    expectError(batch('float32', [1, 1]), 'ERR_OPTION', /an entry for each of the 1 images/);
    for (const id of [Number.NaN, -1, 0.5, 2 ** 53, Number.POSITIVE_INFINITY])
      expectError(batch('float32', [1, 1, 1], id), 'ERR_OPTION', /ids must be an integer from 0 to 2\^53 - 1, got/);
    const [below, above] = [
      [46_340, 46_341],
      [46_341, 46_341],
    ] as const; // 2^31 lies between
    expect(guard(() => addon.augmentShape(pipeline, ...below, 1))).toEqual([...below, 1]);
    for (const [height, width, channels] of [
      [...above, 1],
      [...below, 3],
    ] as const)
      expectError(
        () => guard(() => addon.augmentShape(pipeline, height, width, channels)),
        'ERR_SHAPE',
        /an image must have at most 2\^31 - 1 values/,
      );
    const padded = make({
      kind: 'randomCrop',
      size: [1, 1],
      padding: [0, 65_535, 0, 0],
      fill: 0,
      paddingMode: 'edge',
      p: 1,
    });
    const most = 2 ** 31 - 1;
    expect(guard(() => addon.augmentShape(padded, most - 65_535, 1, 1))).toEqual([1, 1, 1]);
    expectError(
      () => guard(() => addon.augmentShape(padded, most, 1, 1)),
      'ERR_SHAPE',
      /with its padding must have sides of at most 2\^31 - 1/,
    );
    expectError(() => guard(() => addon.augmentThreads(0)), 'ERR_OPTION', /threads must be an integer >= 1, got 0/);
  });
});
