import { describe, expect, test } from 'vitest';
import { ntXentLoss } from '../../lib/losses/nt-xent.ts';
import { supConLoss, supConLossWithStats } from '../../lib/losses/sup-con.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { formulaFeatures, gradientOf, oracle } from './oracle.ts';

const variants = ['out', 'in'] as const;
const labels = [0, 1, 0, 2, 1, 3];
const common = { labels, anchors: 'all', noPositives: 'ignore', lossScale: 1 } as const;
const scaled = (factor: number) =>
  formulaFeatures(6, 2, 4).map((views) => views.map((row) => row.map((value) => value * factor)));

describe('temperature from 0.005 to 10, every precision, normalised or of norm 1e4', () => {
  for (const dtype of ['float32', 'bfloat16', 'float16'] as const)
    for (const variant of variants)
      for (const normalize of [true, false])
        test(`${dtype} ${variant} ${normalize ? 'normalised' : 'norm 1e4'}`, async () => {
          for (const temperature of [0.005, 0.02, 0.07, 1, 10]) {
            const x = tensor(normalize ? scaled(1) : scaled(5e3), { dtype, requiresGrad: true });
            const rounded = (await x.toArray()) as number[][][];
            const loss = supConLoss(x, { labels, temperature, variant, normalize });
            loss.backward();
            const expected = oracle({ ...common, features: rounded, temperature, variant, normalize }).loss;
            // A similarity s carries an error of about 1e-7 |s|.
            const size = (normalize ? 1 : 1e8) / temperature;
            expect(Math.abs(loss.itemSync() - expected)).toBeLessThan(1e-6 * (size + expected + 1));
            // Gradients of size norm / τ are beyond float16's 65504.
            if (dtype !== 'float16' || normalize) expect(gradientOf(x).every(Number.isFinite)).toBe(true);
          }
        });
});

describe('edge cases', () => {
  test('identical features give ln(2N − 1)', () => {
    const same = Array.from({ length: 5 }, () => [
      [0.6, 0.8],
      [0.6, 0.8],
    ]);
    for (const temperature of [0.005, 0.1, 10]) {
      expect(ntXentLoss(tensor(same), { temperature }).itemSync()).toBeCloseTo(Math.log(9), 4);
      for (const variant of variants)
        expect(
          supConLoss(tensor(same, { dtype: 'float64' }), { labels: [0, 0, 1, 1, 2], temperature, variant }).itemSync(),
        ).toBeCloseTo(Math.log(9), 10);
    }
  });

  test('one class: out has a value, in is the mean of log|P| with zero gradient', () => {
    const x = tensor(scaled(1), { dtype: 'float64', requiresGrad: true });
    const one = [3, 3, 3, 3, 3, 3];
    expect(supConLoss(x, { labels: one }).itemSync()).toBeGreaterThan(Math.log(11));
    const loss = supConLoss(x, { labels: one, variant: 'in' });
    expect(loss.itemSync()).toBeCloseTo(Math.log(11), 10);
    loss.backward();
    for (const g of gradientOf(x)) expect(Math.abs(g)).toBeLessThan(1e-12);
  });

  test('no positive at all: 0, no valid anchor, zero gradient', () => {
    for (const variant of variants)
      for (const temperature of [0.005, 0.1])
        for (const noPositives of ['ignore', 'zero'] as const) {
          const x = tensor([[[1, 2]], [[2, 1]], [[0, 1]]], { requiresGrad: true });
          const { loss, validAnchors } = supConLossWithStats(x, {
            labels: [0, 1, 2],
            variant,
            temperature,
            noPositives,
          });
          loss.backward();
          expect([loss.itemSync(), validAnchors.itemSync()]).toEqual([0, 0]);
          expect(gradientOf(x).map(Math.abs)).toEqual([0, 0, 0, 0, 0, 0]);
        }
  });

  test('one sample: of one view 0, of two views 0, of three ln 2 and more', () => {
    const one = supConLossWithStats(tensor([[[1, 2]]], { requiresGrad: true }), { labels: [7] });
    one.loss.backward();
    expect([one.loss.itemSync(), one.validAnchors.itemSync()]).toEqual([0, 0]);
    expect(
      ntXentLoss(
        tensor([
          [
            [1, 2],
            [2, 1],
          ],
        ]),
      ).itemSync(),
    ).toBeCloseTo(0, 6);
    expect(
      ntXentLoss(
        tensor([
          [
            [1, 2],
            [2, 1],
            [1, 1],
          ],
        ]),
      ).itemSync(),
    ).toBeGreaterThan(Math.log(2));
  });

  test('a row of zeros stays one and has a finite gradient', () => {
    const x = tensor(
      [
        [
          [0, 0],
          [1, 0],
        ],
        [
          [0, 1],
          [1, 1],
        ],
      ],
      { requiresGrad: true },
    );
    const loss = supConLoss(x);
    loss.backward();
    expect(Number.isFinite(loss.itemSync())).toBe(true);
    for (const g of gradientOf(x)) expect(Math.abs(g)).toBeLessThan(100);
  });

  test('NaN in a feature is NaN in the loss, whatever the options', () => {
    for (const variant of variants)
      for (const normalize of [true, false])
        for (const classes of [
          [0, 0, 1],
          [0, 1, 2],
        ]) {
          const x = tensor([[[1, 2]], [[Number.NaN, 1]], [[0, 1]]]);
          expect(supConLoss(x, { labels: classes, variant, normalize }).itemSync()).toBeNaN();
        }
    expect(supConLoss(tensor([[[Number.NaN, 1]]])).itemSync()).toBeNaN();
    expect(
      ntXentLoss(
        tensor([
          [
            [1, 2],
            [Number.POSITIVE_INFINITY, 1],
          ],
        ]),
      ).itemSync(),
    ).toBeNaN();
  });
});
