import { afterAll, describe, expect, test } from 'vitest';
import { adjustSharpness } from '../../lib/augment/adjust-sharpness.ts';
import { applyViews, augment, type ImageSample, setAugmentThreads } from '../../lib/augment/augment.ts';
import { autoAugment } from '../../lib/augment/auto-augment.ts';
import { autocontrast } from '../../lib/augment/autocontrast.ts';
import { centerCrop } from '../../lib/augment/center-crop.ts';
import { colorJitter } from '../../lib/augment/color-jitter.ts';
import { elasticTransform } from '../../lib/augment/elastic-transform.ts';
import { equalize } from '../../lib/augment/equalize.ts';
import { gaussianBlur } from '../../lib/augment/gaussian-blur.ts';
import { gaussianNoise } from '../../lib/augment/gaussian-noise.ts';
import { invert } from '../../lib/augment/invert.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { posterize } from '../../lib/augment/posterize.ts';
import { randAugment } from '../../lib/augment/rand-augment.ts';
import { randomAffine } from '../../lib/augment/random-affine.ts';
import { randomCrop } from '../../lib/augment/random-crop.ts';
import { randomErasing } from '../../lib/augment/random-erasing.ts';
import { randomGrayscale } from '../../lib/augment/random-grayscale.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { randomPerspective } from '../../lib/augment/random-perspective.ts';
import { randomResizedCrop } from '../../lib/augment/random-resized-crop.ts';
import { randomRotation } from '../../lib/augment/random-rotation.ts';
import { randomRotation90 } from '../../lib/augment/random-rotation90.ts';
import { randomVerticalFlip } from '../../lib/augment/random-vertical-flip.ts';
import { resize } from '../../lib/augment/resize.ts';
import { sobel } from '../../lib/augment/sobel.ts';
import { solarize } from '../../lib/augment/solarize.ts';
import { trivialAugmentWide } from '../../lib/augment/trivial-augment-wide.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

const floats = async (tensor: Tensor) => (await tensor.data()) as Float32Array;

const everything = augment([
  randomResizedCrop(20, { scale: [0.2, 1] }),
  randomHorizontalFlip(),
  randomVerticalFlip(),
  randomCrop(20, { padding: 2 }),
  randomRotation(20, { p: 0.5 }),
  randomAffine(10, { translate: [0.1, 0.1], p: 0.5, interpolation: 'bilinear' }),
  randomPerspective(),
  randomRotation90({ p: 0.5 }),
  elasticTransform({ sigma: 2, p: 0.5 }),
  randAugment({ p: 0.5 }),
  trivialAugmentWide({ p: 0.5 }),
  autoAugment({ policy: 'svhn', p: 0.5 }),
  colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 }),
  randomGrayscale({ p: 0.2 }),
  gaussianBlur(5, { p: 0.5 }),
  solarize({ p: 0.2 }),
  posterize(3, { p: 0.2 }),
  invert({ p: 0.2 }),
  autocontrast({ p: 0.3 }),
  equalize({ p: 0.3 }),
  adjustSharpness(2, { p: 0.3 }),
  sobel({ p: 0.1 }),
  gaussianNoise({ p: 0.5 }),
  randomErasing({ value: 'noise' }),
  normalize([0.5, 0.4, 0.3], [0.2, 0.25, 0.3]),
]);

const samples: Required<ImageSample>[] = Array.from({ length: 24 }, (_, id) => {
  const image = formulaImage(21 + (id % 5), 24 - (id % 3), 3);
  return { ...image, pixels: image.pixels.map((x) => (x + 11 * id) % 256), id: 1000 + id };
});

afterAll(() => setAugmentThreads(2));

describe('a pipeline', () => {
  testParity('pipeline', { floats: 1e-5 });

  test('gives (views * samples, channels, height, width), view-major', async () => {
    const views = everything.apply(samples, { seed: 3, epoch: 2, views: 2 });
    expect(views.shape).toEqual([48, 3, 20, 20]);
    expect(views.dtype).toBe('float32');
    const values = await floats(views);
    for (const [row, sample, view] of [
      [0, 0, 0],
      [5, 5, 0],
      [24, 0, 1],
      [47, 23, 1],
    ] as const) {
      const image = samples[sample]!;
      const drawn = everything.draw(image, { seed: 3, epoch: 2, id: image.id, view });
      const alone = await floats(everything.replay(image, drawn));
      expect(values.slice(row * 1200, (row + 1) * 1200)).toEqual(alone);
    }
  });

  test('the same seed gives the same bits with 1, 2 and 8 threads, in any batch and any order', async () => {
    const options = { seed: 42, epoch: 7, views: 2 };
    setAugmentThreads(1);
    const whole = await floats(everything.apply(samples, options));
    for (const threads of [2, 8]) {
      setAugmentThreads(threads);
      expect(await floats(everything.apply(samples, options))).toEqual(whole);
    }
    const backwards = await floats(everything.apply([...samples].reverse(), options));
    const few = await floats(everything.apply(samples.slice(4, 7), options));
    for (let view = 0; view < 2; view++)
      for (let i = 0; i < 24; i++) {
        const row = whole.slice((view * 24 + i) * 1200, (view * 24 + i + 1) * 1200);
        expect(backwards.slice((view * 24 + 23 - i) * 1200, (view * 24 + 24 - i) * 1200)).toEqual(row);
        if (i >= 4 && i < 7) expect(few.slice((view * 3 + i - 4) * 1200, (view * 3 + i - 3) * 1200)).toEqual(row);
      }
  });

  test('another seed, epoch, sample or view draws something else', () => {
    const draw = (change: object) =>
      JSON.stringify(everything.draw(samples[0]!, { seed: 1, epoch: 1, id: 1, view: 1, ...change }));
    const all = [{}, { seed: 2 }, { seed: 2 ** 40 + 1 }, { epoch: 2 }, { id: 2 }, { id: 2 ** 40 + 1 }, { view: 2 }].map(
      draw,
    );
    expect(new Set(all).size).toBe(all.length);
    expect(draw({})).toBe(all[0]);
  });

  test('many batches at once, each as if alone', async () => {
    const seeds = Array.from({ length: 12 }, (_, seed) => seed);
    const together = await Promise.all(seeds.map((seed) => floats(everything.apply(samples, { seed }))));
    for (const seed of seeds) expect(together[seed]).toEqual(await floats(everything.apply(samples, { seed })));
  });

  test('bfloat16 is the float32 result rounded to nearest even', async () => {
    const [exact, rounded] = await Promise.all(
      (['float32', 'bfloat16'] as const).map((dtype) => floats(everything.apply(samples, { seed: 5, dtype }))),
    );
    expect(everything.apply(samples, { seed: 5, dtype: 'bfloat16' }).dtype).toBe('bfloat16');
    const bits = new Uint32Array(exact!.slice().buffer);
    for (const [i, x] of bits.entries()) bits[i] = ((x + 0x7fff + ((x >>> 16) & 1)) & 0xffff_0000) >>> 0;
    expect(rounded).toEqual(new Float32Array(bits.buffer));
  });

  // AddressSanitizer keeps what is freed.
  const seesMemory = process.platform === 'linux' && !process.env.LD_PRELOAD?.includes('asan');
  test.runIf(seesMemory)('the memory that a large image takes is given back', async () => {
    const side = 3000; // two planes of 108 MB each, for each of two images
    const pixels = new Uint8Array(3 * side * side).fill(1);
    const samples = [0, 1].map((id) => ({ pixels, height: side, width: side, channels: 3, id }));
    const pipeline = augment([adjustSharpness(2, { p: 1 }), centerCrop(8)]);
    const small = samples.map((sample) => ({ ...sample, pixels: pixels.subarray(0, 3 * 64), height: 8, width: 8 }));
    await pipeline.apply(small, { seed: 1 }).data(); // threads and libraries are there
    const { rss } = process.memoryUsage();
    await pipeline.apply(samples, { seed: 1 }).data();
    expect(process.memoryUsage.rss() - rss).toBeLessThan(160e6);
  });

  test('asymmetric views', async () => {
    const dark = augment([resize([4, 4]), colorJitter({ brightness: [0, 0] })]);
    const plain = augment([resize([4, 4])]);
    const values = await floats(applyViews([plain, dark], samples.slice(0, 2), { seed: 1 }));
    expect(values.slice(0, 96)).toEqual(await floats(plain.apply(samples.slice(0, 2), { seed: 1 })));
    expect(values.slice(96).every((x) => x === 0)).toBe(true);
    const larger = augment([resize([5, 5])]);
    expectError(() => applyViews([plain, larger], samples, { seed: 1 }), 'ERR_SHAPE', /all views must have one shape/);
  });

  test('gray, replicated gray, and many channels', async () => {
    const gray = { ...formulaImage(6, 5, 1), id: 0 };
    const one = await floats(augment([centerCrop(4)]).apply([gray], { seed: 1 }));
    const three = augment([centerCrop(4)], { channels: 3 }).apply([gray], { seed: 1 });
    expect(three.shape).toEqual([1, 3, 4, 4]);
    const values = await floats(three);
    for (let c = 0; c < 3; c++) expect(values.slice(16 * c, 16 * c + 16)).toEqual(one);

    const geometry = augment([
      randomResizedCrop(5),
      randomHorizontalFlip({ p: 1 }),
      randomRotation(9),
      gaussianBlur(3),
    ]);
    const five = formulaImage(9, 8, 5);
    const drawn = geometry.draw(five, { seed: 1 });
    const all = await floats(geometry.replay(five, drawn));
    for (let c = 0; c < 5; c++) {
      const plane = { ...five, channels: 1, pixels: five.pixels.filter((_, i) => i % 5 === c) };
      const expected = await floats(geometry.replay(plane, drawn));
      all.slice(25 * c, 25 * c + 25).forEach((x, i) => {
        expect(x).toBeCloseTo(expected[i]!, 5);
      });
    }
  });

  test('an empty pipeline scales bytes to [0, 1]', async () => {
    const image = { ...formulaImage(3, 2, 3), id: 0 };
    const values = await floats(augment([]).apply([image], { seed: 0 }));
    for (let c = 0; c < 3; c++)
      for (let i = 0; i < 6; i++) expect(values[6 * c + i]).toBeCloseTo(image.pixels[3 * i + c]! / 255, 6);
  });

  test('goes to JSON and back', async () => {
    const again = augment(JSON.parse(JSON.stringify(everything)));
    expect(again.toJSON()).toEqual(everything.toJSON());
    expect(augment(again.transforms).transforms).toEqual(everything.transforms);
    const options = { seed: 8 };
    expect(await floats(again.apply(samples, options))).toEqual(await floats(everything.apply(samples, options)));
    expect(augment(JSON.parse(JSON.stringify(augment([], { channels: 3 })))).channels).toBe(3);
  });

  test('an error names the sample, by its place and its id', () => {
    const good = { ...formulaImage(8, 8, 3), id: 40 };
    const small = { ...formulaImage(4, 6, 3), id: 41 };
    const whole = augment([]);
    expectError(() => whole.apply([good, good, small], { seed: 1 }), 'ERR_SHAPE', /samples\[2\] \(id 41\).*4 x 6/);
    const crop = augment([randomCrop(8)]);
    expectError(() => crop.apply([good, small], { seed: 1, views: 2 }), 'ERR_SHAPE', /^samples\[1\] \(id 41\): /);
    const cut = { ...small, pixels: small.pixels.subarray(1) };
    expectError(
      () => whole.apply([small, cut], { seed: 1 }),
      'ERR_SHAPE',
      /^samples\[1\] \(id 41\): pixels of 71 bytes/,
    );
  });

  test('drawn parameters survive JSON', async () => {
    const image = samples[2]!;
    const drawn = everything.draw(image, { seed: 4, id: image.id });
    const again = JSON.parse(JSON.stringify(drawn));
    expect(await floats(everything.replay(image, again))).toEqual(await floats(everything.replay(image, drawn)));
  });
});

describe('bad input is refused before any pixel is touched', () => {
  const image: ImageSample = { ...formulaImage(8, 8, 3), id: 0 };
  const plain = augment([]);

  test('pipelines', () => {
    expectError(() => augment([{ kind: 'colorJiter' } as never]), 'ERR_OPTION', /did you mean 'colorJitter'/);
    expectError(
      () => augment([{ kind: 'resize', size: 3, widht: 4 } as never]),
      'ERR_OPTION',
      /unknown option 'widht'/,
    );
    expectError(
      () => augment(['flip' as never]),
      'ERR_OPTION',
      /a transform must be an object with a kind, got 'flip'/,
    );
    expectError(() => augment({} as never), 'ERR_OPTION', /transforms must be an array, got undefined/);
    expectError(() => augment({ transform: [] } as never), 'ERR_OPTION', /did you mean 'transforms'/);
    expectError(() => augment([], { channels: 2 as never }), 'ERR_OPTION', /channels must be 1 or 3, got 2/);
    expectError(() => augment([], { chanels: 3 } as never), 'ERR_OPTION', /did you mean 'channels'/);
  });

  test('options of apply', () => {
    const apply = (options: object) => () => plain.apply([image], { seed: 0, ...options });
    expectError(apply({ seed: -1 }), 'ERR_OPTION', /seed must be an integer >= 0/);
    expectError(apply({ seed: undefined }), 'ERR_OPTION', /seed must be an integer/);
    expectError(apply({ epoch: 2 ** 32 }), 'ERR_OPTION', /epoch must be/);
    expectError(apply({ views: 0 }), 'ERR_OPTION', /views must be an integer >= 1/);
    expectError(apply({ dtype: 'float16' }), 'ERR_OPTION', /dtype must be one of 'float32', 'bfloat16'/);
    expectError(apply({ device: 'cuda:99' }), 'ERR_DEVICE', /cuda/);
    expectError(apply({ view: 2 }), 'ERR_OPTION', /did you mean 'views'/);
    expectError(() => applyViews([], [image], { seed: 0 }), 'ERR_OPTION', /views must be an integer >= 1, got 0/);
  });

  test('samples', () => {
    const apply =
      (change: object, pipeline = plain) =>
      () =>
        pipeline.apply([{ ...image, ...change }], { seed: 0 });
    expectError(() => plain.apply([], { seed: 0 }), 'ERR_DATA', /at least one image/);
    expectError(() => plain.apply(image as never, { seed: 0 }), 'ERR_DATA', /samples must be an array/);
    expectError(apply({ height: 9 }), 'ERR_SHAPE', /192 bytes do not fit an image of 9 x 8 x 3/);
    expectError(apply({ width: 0 }), 'ERR_SHAPE', /do not fit/);
    expectError(apply({ pixels: new Float32Array(192) }), 'ERR_DTYPE', /pixels must be a Uint8Array/);
    expectError(apply({ id: 0.5 }), 'ERR_OPTION', /samples\[0\].id must be an integer/);
    expectError(apply({}, augment([], { channels: 1 })), 'ERR_SHAPE', /takes images of 1 channel, got 3/);
    const mixed = () => plain.apply([image, { ...formulaImage(7, 8, 3), id: 1 }], { seed: 0 });
    expectError(
      mixed,
      'ERR_SHAPE',
      /all views must have one shape, got 8 x 8 x 3 and, for samples\[1\] \(id 1\) in view 0, 7 x 8 x 3/,
    );
  });

  test('a size that depends on chance', () => {
    const sometimes = augment([randomResizedCrop(4, { p: 0.5 })]);
    expectError(
      () => sometimes.outputShape(image),
      'ERR_SHAPE',
      /randomResizedCrop with p 0.5 must keep the image's size/,
    );
    expect(augment([randomResizedCrop(8, { p: 0.5 })]).outputShape(image).height).toBe(8);
  });

  test('replayed numbers', () => {
    const pipeline = augment([randomResizedCrop(4), randomHorizontalFlip()]);
    const drawn = pipeline.draw(image, { seed: 0 });
    const [crop, flip] = drawn as [(typeof drawn)[0], (typeof drawn)[0]];
    expectError(() => pipeline.replay(image, [crop]), 'ERR_OPTION', /one entry for each of the 2 transforms, got 1/);
    expectError(
      () => pipeline.replay(image, [flip, crop]),
      'ERR_OPTION',
      /drawn\[0\].kind must be one of 'randomResizedCrop'/,
    );
    expectError(() => pipeline.replay(image, {} as never), 'ERR_OPTION', /drawn must be an array/);
    const without = () => pipeline.replay(image, [{ ...crop, applied: false }, flip]);
    expectError(without, 'ERR_OPTION', /changes the image's size and cannot be left out/);
    expectError(() => pipeline.replay(image, drawn, { dtyp: 1 } as never), 'ERR_OPTION', /did you mean 'dtype'/);
    expectError(() => pipeline.draw(image, { seed: 0, view: -1 }), 'ERR_OPTION', /view must be/);
    expectError(
      () => pipeline.draw({ ...image, height: 0 }, { seed: 0 }),
      'ERR_OPTION',
      /height must be an integer >= 1/,
    );
    expectError(() => setAugmentThreads(0), 'ERR_OPTION', /threads must be an integer >= 1/);
  });
});
