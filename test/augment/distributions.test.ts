/** How transforms draw: 100 000 draws of each against closed forms. torchvision's own draws: torchvision-draws.test.ts. */
import { describe, expect, test } from 'vitest';
import { adjustSharpness } from '../../lib/augment/adjust-sharpness.ts';
import { augment, type DrawnTransform } from '../../lib/augment/augment.ts';
import { autocontrast } from '../../lib/augment/autocontrast.ts';
import { colorJitter } from '../../lib/augment/color-jitter.ts';
import { elasticTransform } from '../../lib/augment/elastic-transform.ts';
import { equalize } from '../../lib/augment/equalize.ts';
import { gaussianBlur } from '../../lib/augment/gaussian-blur.ts';
import { gaussianNoise } from '../../lib/augment/gaussian-noise.ts';
import { invert } from '../../lib/augment/invert.ts';
import { posterize } from '../../lib/augment/posterize.ts';
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
import { sobel } from '../../lib/augment/sobel.ts';
import { solarize } from '../../lib/augment/solarize.ts';
import type { Transform } from '../../lib/augment/transform.ts';
import { type Columns, column, cornersOf, drawMany, draws, evenly, square } from './draw-many.ts';
import {
  countsOf,
  scoreOfCorrelation,
  scoreOfCounts,
  scoreOfQuantiles,
  scoreOfSample,
  scoreOfTwoCounts,
  uniform,
  unlikely,
} from './statistics.ts';

test('small deviations are seen', () => {
  const even = Float64Array.from({ length: draws }, (_, i) => (i + 0.5) / draws);
  expect(scoreOfSample(even, uniform(0, 1))).toBeLessThan(1);
  expect(
    scoreOfSample(
      even.map((x) => x ** 1.05),
      uniform(0, 1),
    ),
  ).toBeGreaterThan(unlikely);
  const at = Array.from({ length: 256 }, (_, i) => (i + 1) / 256);
  const below = at.map((x) => x * draws);
  expect(scoreOfQuantiles(even, { at, below, draws })).toBeLessThan(1);
  expect(
    scoreOfQuantiles(
      even.map((x) => x ** 1.05),
      { at, below, draws },
    ),
  ).toBeGreaterThan(unlikely);
  const counts = countsOf(
    even.map((x) => Math.floor(10 * x)),
    10,
  );
  const skewed = counts.map((count, i) => count + (i < 5 ? 250 : -250));
  expect(scoreOfCounts(counts, evenly(10))).toBeLessThan(0);
  expect(scoreOfCounts(skewed, evenly(10))).toBeGreaterThan(unlikely);
  expect(scoreOfTwoCounts(counts, counts)).toBeLessThan(0);
  expect(
    scoreOfTwoCounts(
      counts,
      skewed.map((x, i) => x + (i < 5 ? 250 : -250)),
    ),
  ).toBeGreaterThan(unlikely);
  expect(
    scoreOfCorrelation(
      even,
      even.map((x, i) => ((i * 7919) % draws) / draws + 0.02 * x),
    ),
  ).toBeGreaterThan(unlikely);
});

describe('closed forms', () => {
  const expectUniform = (columns: Columns, name: string, low: number, high: number): void =>
    expect(scoreOfSample(column(columns, name), uniform(low, high)), name).toBeLessThan(unlikely);
  const expectWhole = (values: ArrayLike<number>, probabilities: readonly number[], name: string): void =>
    expect(scoreOfCounts(countsOf(values, probabilities.length), probabilities), name).toBeLessThan(unlikely);

  test('colorJitter: uniform factors, independent; all 24 orders equally often', () => {
    const columns = drawMany(colorJitter({ brightness: 0.4, contrast: [0.2, 1.8], saturation: 1, hue: 0.1 }), square);
    expectUniform(columns, 'brightness', 0.6, 1.4);
    expectUniform(columns, 'contrast', 0.2, 1.8);
    expectUniform(columns, 'saturation', 0, 2);
    expectUniform(columns, 'hue', -0.1, 0.1);
    const names = ['brightness', 'contrast', 'saturation', 'hue'];
    for (const a of names)
      for (const b of names.slice(names.indexOf(a) + 1))
        expect(scoreOfCorrelation(column(columns, a), column(columns, b)), `${a}, ${b}`).toBeLessThan(unlikely);
    const orders = [0, 1, 2, 3].map((i) => column(columns, `order.${i}`));
    // A permutation as a number: the place of each among those that are left.
    const codes = Float64Array.from({ length: draws }, (_, i) => {
      const order = orders.map((place) => place[i] as number);
      if (new Set(order).size !== 4) throw new Error(`${order} is no permutation`);
      const [a, b, c] = order.map((x, j) => order.slice(j + 1).filter((y) => y < x).length) as [number, number, number];
      return 6 * a + 2 * b + c;
    });
    expectWhole(codes, evenly(24), 'order');
    expect(scoreOfCorrelation(codes, column(columns, 'hue'))).toBeLessThan(unlikely);
  });

  test('gaussianBlur and randomRotation: uniform', () => {
    expectUniform(drawMany(gaussianBlur(5), square), 'sigma', 0.1, 2);
    expectUniform(drawMany(randomRotation([-20, 70]), square), 'angle', -20, 70);
  });

  test('randomAffine: uniform, translation in whole pixels', () => {
    const options = { translate: [0.1, 0.2], scale: [0.8, 1.2], shear: [-5, 5, 0, 9] } as const;
    const columns = drawMany(randomAffine(10, options), [30, 50, 3]);
    expectUniform(columns, 'angle', -10, 10);
    expectUniform(columns, 'scale', 0.8, 1.2);
    expectUniform(columns, 'shear.0', -5, 5);
    expectUniform(columns, 'shear.1', 0, 9);
    for (const [name, most] of [
      ['translate.0', 5],
      ['translate.1', 6],
    ] as const) {
      // round(U(−m, m)): the ends have half a share.
      const shares = Array.from({ length: 2 * most + 1 }, (_, i) => (i % (2 * most) === 0 ? 0.5 : 1) / (2 * most));
      expectWhole(
        column(columns, name).map((x) => x + most),
        shares,
        name,
      );
    }
  });

  test('randomCrop: every window equally often', () => {
    const columns = drawMany(randomCrop([10, 8], { padding: [1, 2] }), [12, 12, 3]);
    const [tops, lefts] = [column(columns, 'top'), column(columns, 'left')];
    expectWhole(
      tops.map((top, i) => 7 * top + (lefts[i] as number)),
      evenly(49),
      'top, left',
    );
  });

  test('randomResizedCrop of a large image: area, logarithm of the ratio and position uniform, and independent', () => {
    const [height, width] = [20_000, 30_000];
    const columns = drawMany(randomResizedCrop(8, { scale: [0.02, 0.3] }), [height, width, 3]);
    const [tops, lefts, heights, widths] = ['top', 'left', 'height', 'width'].map((name) => column(columns, name)) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const numbers = {
      area: heights.map((h, i) => ((h * (widths[i] as number)) / (height * width) - 0.02) / 0.28),
      ratio: heights.map((h, i) => (Math.log((widths[i] as number) / h) - Math.log(3 / 4)) / Math.log(16 / 9)),
      top: tops.map((top, i) => (top + 0.5) / (height - (heights[i] as number) + 1)),
      left: lefts.map((left, i) => (left + 0.5) / (width - (widths[i] as number) + 1)),
    };
    for (const [name, values] of Object.entries(numbers)) {
      expect(scoreOfSample(values, uniform(0, 1)), name).toBeLessThan(unlikely);
      for (const [other, others] of Object.entries(numbers))
        if (other > name) expect(scoreOfCorrelation(values, others), `${name}, ${other}`).toBeLessThan(unlikely);
    }
  });

  test('randomPerspective: every corner equally often at each of its places', () => {
    const columns = cornersOf(drawMany(randomPerspective({ p: 1 }), [20, 31, 3]), 20, 31);
    for (const [k, [x, y]] of [
      [0, 0],
      [23, 0],
      [23, 14],
      [0, 14],
    ].entries() as ArrayIterator<[number, [number, number]]>) {
      const [xs, ys] = [column(columns, `x.${k}`), column(columns, `y.${k}`)]; // 8 columns, 6 rows
      expectWhole(
        xs.map((value, i) => 6 * (value - x) + (ys[i] as number) - y),
        evenly(48),
        `corner ${k}`,
      );
    }
  });

  test('p is how often a transform is applied', () => {
    const makers: Record<string, (options: { p: number }) => Transform> = {
      ...{ randomHorizontalFlip, randomVerticalFlip, randomGrayscale, solarize, randomErasing },
      ...{ invert, equalize, autocontrast, sobel, gaussianNoise, randomRotation90 },
      posterize: (options) => posterize(4, options),
      adjustSharpness: (options) => adjustSharpness(2, options),
    };
    const chances = Object.keys(makers).map((_, i) => 0.05 + 0.07 * i);
    const pipeline = augment(Object.values(makers).map((make, i) => make({ p: chances[i] as number })));
    const applied = chances.map(() => new Float64Array(draws));
    for (let id = 0; id < draws; id++)
      for (const [i, drawn] of pipeline.draw({ height: 32, width: 32, channels: 3 }, { seed: 7, id }).entries())
        (applied[i] as Float64Array)[id] = Number(drawn.applied);
    for (const [i, p] of chances.entries())
      expectWhole(applied[i] as Float64Array, [1 - p, p], `${pipeline.transforms[i]?.kind} p ${p}`);
    const never = augment([randomGrayscale({ p: 0 })]);
    for (let id = 0; id < 1000; id++)
      expect(never.draw({ height: 8, width: 8, channels: 3 }, { seed: 7, id })[0]?.applied).toBe(false);
  });

  test('randomRotation90: every number of turns equally often', () => {
    expectWhole(column(drawMany(randomRotation90(), square), 'turns'), evenly(4), 'turns');
    expectWhole(column(drawMany(randomRotation90(), [8, 9, 3]), 'turns'), [0.5, 0, 0.5, 0], 'half turns');
  });

  test('keys of noise: uniform', () => {
    for (const transform of [gaussianNoise(), elasticTransform({ sigma: 2 })]) {
      const columns = drawMany(transform, square);
      for (const i of [0, 1]) expectUniform(columns, `noiseKey.${i}`, 0, 2 ** 32);
      expect(new Set(columns['noiseKey.0']).size).toBeGreaterThan(draws - 20);
    }
  });

  test('the noise of randomErasing: normal, of keys that do not repeat', async () => {
    const transform = randomErasing({ value: 'noise', p: 1 });
    const columns = drawMany(transform, square);
    for (const i of [0, 1]) expectUniform(columns, `noiseKey.${i}`, 0, 2 ** 32);
    const [height, width] = [200, 200];
    const drawn = { kind: 'randomErasing', applied: true, top: 0, left: 0, height: 199, width: 199, noiseKey: [3, 5] };
    const image = { pixels: new Uint8Array(3 * height * width), height, width, channels: 3 };
    const noisy = (await augment([transform])
      .replay(image, [drawn as DrawnTransform])
      .data()) as Float32Array;
    const noise = noisy.filter((_, i) => i % width < 199 && Math.floor(i / width) % height < 199);
    expect(noise.length).toBe(3 * 199 * 199);
    expect(scoreOfSample(noise, normal)).toBeLessThan(unlikely);
  });
});

/** Of the standard normal distribution, to 8e-8. Source: Abramowitz & Stegun 1964, 26.2.17. */
function normal(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const tail =
    (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return x > 0 ? 1 - tail : tail;
}
