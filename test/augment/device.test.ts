/**
 * The device path gives the views of the augmentation pool. Both draw the same numbers; what is left is the order of sums,
 * far below 2/255 a pixel. An operation with steps (levels, a threshold, the nearest pixel) may put a pixel that lies on a
 * step to the other side: such pipelines may differ in one value of 200.
 */
import { describe, expect, test } from 'vitest';
import { type Augmentation, augment } from '../../lib/augment/augment.ts';
import { centerCrop } from '../../lib/augment/center-crop.ts';
import { colorJitter } from '../../lib/augment/color-jitter.ts';
import { gaussianNoise } from '../../lib/augment/gaussian-noise.ts';
import { presets } from '../../lib/augment/presets.ts';
import { randomCrop } from '../../lib/augment/random-crop.ts';
import { randomGrayscale } from '../../lib/augment/random-grayscale.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { randomResizedCrop } from '../../lib/augment/random-resized-crop.ts';
import { resize } from '../../lib/augment/resize.ts';
import type { Transform } from '../../lib/augment/transform.ts';
import { loadAddon } from '../../lib/native/addon.ts';
import { smooth, stepped } from './every-transform.ts';
import { expectError } from './expect-error.ts';
import { differences, imagesOf, viewsOnDevice } from './on-device.ts';

const limit = 2 / 255;
const named = (transforms: readonly Transform[]) =>
  transforms.map((one) => [one.kind, JSON.stringify(one), one] as const);
const six = imagesOf([24, 20, 3], [24, 20, 3], [24, 20, 3], [24, 20, 3], [24, 20, 3], [24, 20, 3]);
const twice = (augmentation: Augmentation) => [augmentation, augmentation];

/** The part of all values that are further off than the limit. */
const outliers = (off: readonly number[]): number => off.filter((difference) => difference > limit).length / off.length;

describe('each transform on the device equals the pool', () => {
  test.each(named(smooth))('%s %s', async (_kind, _data, transform) => {
    const [most = 0] = await differences(twice(augment([transform])), six, { seed: 5, epoch: 2 });
    expect(most).toBeLessThanOrEqual(limit);
  });

  test.each(named(stepped))('%s %s', async (_kind, _data, transform) => {
    const off = await differences(twice(augment([transform])), six, { seed: 5, epoch: 2 });
    expect(outliers(off)).toBeLessThanOrEqual(0.005);
  });

  test('all kinds are among them', () => {
    expect(loadAddon().augmentRunsOn('cpu')).toBe(false); // where it is forced here
    expect(new Set([...smooth, ...stepped].map(({ kind }) => kind)).size).toBe(27);
  });
});

describe('pipelines on the device equal the pool', () => {
  /** A seeded choice of transforms that keep the size, behind a crop. */
  function randomPipeline(seed: number, pool: readonly Transform[]): Augmentation {
    let state = seed;
    const below = (n: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return Math.floor((state / 0x8000_0000) * n);
    };
    const others = pool.filter(({ kind }) => !/Crop$|^resize$|^normalize$/.test(kind));
    return augment([
      randomResizedCrop(22, { scale: [0.2, 1] }),
      ...Array.from({ length: 4 }, () => others[below(others.length)] as Transform),
    ]);
  }
  const seeds = Array.from({ length: 20 }, (_, i) => 11 * i + 1);

  test.each(seeds)('smooth ones, seed %i', async (seed) => {
    const pipeline = randomPipeline(seed, smooth);
    const [most = 0] = await differences(twice(pipeline), six, { seed });
    expect(most, JSON.stringify(pipeline)).toBeLessThanOrEqual(limit);
  });

  test.each(seeds)('any, seed %i', async (seed) => {
    const pipeline = randomPipeline(seed, [...smooth, ...stepped]);
    const off = await differences(twice(pipeline), six, { seed });
    expect(outliers(off), JSON.stringify(pipeline)).toBeLessThanOrEqual(0.005);
  });

  const gray = randomGrayscale({ p: 0.2 });
  const comingBack: readonly [string, readonly Transform[]][] = [
    ['a crop that needs padding for some', [randomCrop(28, { padding: 4 }), resize(32)]],
    ['a colour of some before the size changes', [gray, centerCrop(28), resize(32)]],
  ];
  test.each(comingBack)('a size that changes and comes back: %s', async (_name, transforms) => {
    const square = imagesOf(...Array.from({ length: 16 }, () => [32, 32, 3] as const));
    const [most = 0] = await differences(twice(augment(transforms)), square, { seed: 6 });
    expect(most).toBeLessThanOrEqual(limit);
  });

  test('saturation and gray leave values of one channel beyond [0, 1]', async () => {
    const noise = gaussianNoise({ sigma: 0.5, clip: false });
    const pipeline = augment([noise, colorJitter({ saturation: 0.4 }), gray]);
    const [most = 0] = await differences(twice(pipeline), imagesOf([24, 20, 1], [24, 20, 1]), { seed: 5 });
    expect(most).toBeLessThanOrEqual(limit);
  });

  const single = ['simclr', 'simclrV2', 'supcon', 'mocoV2', 'cifar', 'evaluation'] as const;
  test.each([
    ...single.map((name) => [name, twice(presets[name]({ size: 40 }))] as const),
    ['simclr with blur', twice(presets.simclr({ size: 40, blur: 0.5 }))] as const,
    ['byol', presets.byol({ size: 40 })] as const,
    ['swav', presets.swav({ size: 40, localSize: 96 }).slice(0, 2)] as const,
    ['dino', presets.dino({ size: 40, localSize: 96 }).slice(0, 2)] as const,
  ])('presets.%s', async (_name, views) => {
    const off = await differences(views, imagesOf([64, 48, 3], [64, 48, 3], [50, 70, 3]), { seed: 9 });
    expect(outliers(off)).toBeLessThanOrEqual(0.001); // solarisation has a step
  });
});

describe('batches on the device', () => {
  const pipeline = presets.supcon({ size: 16, channels: 3 });

  test('of different sizes and channels come out in the order of the samples', async () => {
    const samples = imagesOf([24, 20, 3], [16, 16, 1], [24, 20, 3], [9, 40, 1], [16, 16, 1], [24, 20, 3]);
    const [most = 0] = await differences(twice(pipeline), samples, { seed: 3 });
    expect(most).toBeLessThanOrEqual(limit);
    const flips = augment([randomHorizontalFlip(), resize(12), centerCrop(12)], { channels: 3 });
    expect((await differences([flips], samples, { seed: 3 }))[0]).toBeLessThanOrEqual(limit);
  });

  test('of different sizes share a batch where a resized crop comes first', async () => {
    const sizes = [60, 64, 33, 65, 3, 128, 70, 200].flatMap((height) =>
      [50, 64, 65, 130].map((width) => [height, width, 3] as const),
    );
    const [most = 0] = await differences(twice(pipeline), imagesOf(...sizes), { seed: 3 });
    expect(most).toBeLessThanOrEqual(limit);
  });

  test('are bfloat16, channels_last and view-major like those of the pool', async () => {
    const [most = 0] = await differences(twice(pipeline), six, { seed: 3, dtype: 'bfloat16' });
    expect(most).toBeLessThanOrEqual(0.04); // 8 bits of mantissa of values up to 2.6
    const views = viewsOnDevice(twice(pipeline), six, { seed: 3, dtype: 'bfloat16' });
    expect([views.dtype, views.shape, views.device]).toEqual(['bfloat16', [12, 3, 16, 16], 'cpu']);
  });

  test('draw as the view numbers say', async () => {
    const options = { seed: 3, viewNumbers: [5, 1] };
    expect((await differences(twice(pipeline), six, options))[0]).toBeLessThanOrEqual(limit);
  });

  test('of no transforms are the images', async () => {
    expect((await differences([augment([])], imagesOf([5, 4, 3], [5, 4, 3]), { seed: 0 }))[0]).toBeLessThan(1e-6);
  });

  test('are refused before anything is enqueued', () => {
    const crop = [augment([centerCrop(30)])];
    expectError(() => viewsOnDevice(crop, six, { seed: 1 }), 'ERR_SHAPE', /centerCrop of 30 x 30 is larger/);
    expectError(() => viewsOnDevice([pipeline], [], { seed: 1 }), 'ERR_DATA', /at least one image/);
    expectError(
      () => viewsOnDevice([pipeline], six, { seed: 1, dtype: 'int64' as never }),
      'ERR_DTYPE',
      /'float32' or 'bfloat16', got 'int64'/,
    );
  });
});
