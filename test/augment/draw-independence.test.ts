/** Draws of one seed beside those of other views, samples, epochs, seeds and transforms. */
import { describe, expect, test } from 'vitest';
import { augment, type DrawOptions } from '../../lib/augment/augment.ts';
import { gaussianBlur } from '../../lib/augment/gaussian-blur.ts';
import { randomGrayscale } from '../../lib/augment/random-grayscale.ts';
import { column, drawMany, draws, evenly, square } from './draw-many.ts';
import { countsOf, scoreOfCorrelation, scoreOfCounts, scoreOfSample, uniform, unlikely } from './statistics.ts';

describe('one draw says nothing of another', () => {
  const blur = gaussianBlur(3, { sigma: [1, 2] });
  const sigmas = (places: (i: number) => DrawOptions) => column(drawMany(blur, square, places), 'sigma');
  const cells = 16;

  /** Pairs of numbers, each uniform on [1, 2), fill the square evenly; so a dependence of any form shows. */
  function expectIndependent(a: Float64Array, b: Float64Array): void {
    const cellOf = (x: number): number => Math.floor((x - 1) * cells);
    const pairs = a.map((x, i) => cells * cellOf(x) + cellOf(b[i] as number));
    expect(scoreOfCounts(countsOf(pairs, cells * cells), evenly(cells * cells))).toBeLessThan(unlikely);
    expect(scoreOfCorrelation(a, b)).toBeLessThan(unlikely);
  }

  const base = sigmas((id) => ({ seed: 5, id }));
  test.each<[string, (i: number) => DrawOptions]>([
    ['another view', (id) => ({ seed: 5, id, view: 1 })],
    ['the next sample', (id) => ({ seed: 5, id: id + 1 })],
    ['the next epoch', (id) => ({ seed: 5, id, epoch: 1 })],
    ['the next seed', (id) => ({ seed: 6, id })],
    ['a seed far away', (id) => ({ seed: 5 + 2 ** 32, id })],
  ])('%s', (_, places) => expectIndependent(base, sigmas(places)));

  test('epochs, views and seeds of one sample are uniform too', () => {
    for (const places of [
      (epoch: number) => ({ seed: 5, id: 3, epoch }),
      (i: number) => ({ seed: 5, id: Math.floor(i / 4096), view: i % 4096 }),
      (seed: number) => ({ seed, id: 3 }),
    ])
      expect(scoreOfSample(sigmas(places), uniform(1, 2))).toBeLessThan(unlikely);
  });

  test('transforms of one pipeline, and the two halves of its chances', () => {
    const pipeline = augment([blur, randomGrayscale({ p: 0.5 }), gaussianBlur(3, { sigma: [1, 2], p: 0.8 })]);
    const [first, second, chances, applied]: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let id = 0; id < draws; id++) {
      const [a, gray, b] = pipeline.draw({ height: 8, width: 8, channels: 3 }, { seed: 11, id });
      chances.push(Number(gray?.applied));
      applied.push(Number(b?.applied));
      if (b?.applied) first.push(a?.sigma as number);
      if (b?.applied) second.push(b.sigma as number);
    }
    expectIndependent(Float64Array.from(first), Float64Array.from(second));
    expect(scoreOfCorrelation(chances, applied)).toBeLessThan(unlikely);
  });
});
