import { describe, expect, test } from 'vitest';
import { dclLoss, dclwLoss } from '../../lib/losses/dcl.ts';
import { type NtXentLossOptions, ntXentLoss } from '../../lib/losses/nt-xent.ts';
import { type SupConLossOptions, supConLoss, supConLossWithStats } from '../../lib/losses/sup-con.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { type Case, formulaFeatures, gradientOf, oracle } from './oracle.ts';

const variants = ['out', 'in'] as const;
const labels = [0, 1, 0, 2, 1, 3];
const common = { variant: 'out', anchors: 'all', noPositives: 'ignore', lossScale: 1 } as const;
const scaled = (factor: number) =>
  formulaFeatures(6, 2, 4).map((views) => views.map((row) => row.map((value) => value * factor)));

const hard = { concentration: 1, classPrior: 0.1 };
type Options = SupConLossOptions & NtXentLossOptions;

/** Every kind of loss: how to run it, and the options by which the oracle knows it. */
const kinds: Readonly<Record<string, [(x: Tensor, options: Options) => Tensor, Partial<Case>]>> = {
  out: [(x, o) => supConLoss(x, { ...o, labels }), { labels }],
  in: [(x, o) => supConLoss(x, { ...o, labels, variant: 'in' }), { labels, variant: 'in' }],
  'one positive, out': [
    (x, o) => supConLoss(x, { ...o, labels, denominators: 'negatives-and-one-positive' }),
    { labels, denominators: 'negatives-and-one-positive' },
  ],
  'one positive, in': [
    (x, o) => supConLoss(x, { ...o, labels, denominators: 'negatives-and-one-positive', variant: 'in' }),
    { labels, denominators: 'negatives-and-one-positive', variant: 'in' },
  ],
  negatives: [
    (x, o) => supConLoss(x, { ...o, labels, denominators: 'negatives' }),
    { labels, denominators: 'negatives' },
  ],
  'hard negatives': [(x, o) => ntXentLoss(x, { ...o, hardNegatives: hard }), { hardNegatives: hard }],
  'hard negatives, labels': [
    (x, o) => supConLoss(x, { ...o, labels, hardNegatives: hard, denominators: 'negatives', variant: 'in' }),
    { labels, hardNegatives: hard, denominators: 'negatives', variant: 'in' },
  ],
  dcl: [dclLoss, { denominators: 'negatives' }],
  dclw: [dclwLoss, { denominators: 'negatives', sigma: 0.5 }],
};

describe('temperature from 0.005 to 10, every precision, normalised or of norm 1e4', () => {
  for (const dtype of ['float32', 'bfloat16', 'float16'] as const)
    for (const [name, [loss, known]] of Object.entries(kinds))
      for (const normalize of [true, false])
        test(`${dtype} ${name} ${normalize ? 'normalised' : 'norm 1e4'}`, async () => {
          for (const temperature of [0.005, 0.02, 0.07, 1, 10]) {
            const x = tensor(normalize ? scaled(1) : scaled(5e3), { dtype, requiresGrad: true });
            const rounded = (await x.toArray()) as number[][][];
            const value = loss(x, { temperature, normalize });
            value.backward();
            const expected = oracle({ ...common, ...known, features: rounded, temperature, normalize }).loss;
            // A similarity s carries an error of about 1e-7 |s|; that of the features' lengths is twice as large.
            const size = (normalize ? 1 : 1e8) / temperature;
            expect(Number.isFinite(value.itemSync())).toBe(true);
            // exp(s τ/σ) of s = 1e8 / τ has no digit that float32 knows.
            if (name !== 'dclw' || normalize)
              expect(Math.abs(value.itemSync() - expected)).toBeLessThan(2e-6 * (size + Math.abs(expected) + 1));
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

  test('identical features give ln(2N − 1) with hard negatives too, and ln(2N − 2) without the positive', () => {
    const same = tensor(Array.from({ length: 5 }, () => [[0.6, 0.8], [0.6, 0.8]]), { dtype: 'float64' }); // biome-ignore format: rows
    for (const temperature of [0.005, 0.1, 10]) {
      expect(ntXentLoss(same, { temperature, hardNegatives: hard }).itemSync()).toBeCloseTo(Math.log(9), 9);
      for (const loss of [dclLoss, dclwLoss])
        expect(loss(same, { temperature }).itemSync()).toBeCloseTo(Math.log(8), 9);
    }
  });

  test('no negative: nothing is compared, and the loss is 0', () => {
    const one = [3, 3, 3, 3, 3, 3];
    for (const temperature of [0.005, 0.1])
      for (const variant of variants)
        for (const hardNegatives of [undefined, hard]) {
          const run = (denominators: 'negatives' | 'negatives-and-one-positive') => {
            const x = tensor(scaled(1), { requiresGrad: true });
            const options = {
              labels: one,
              denominators,
              temperature,
              variant,
              ...(hardNegatives && { hardNegatives }),
            };
            const { loss, validAnchors } = supConLossWithStats(x, options);
            loss.backward();
            expect(gradientOf(x).map(Math.abs)).toEqual(Array(48).fill(0));
            return [Math.abs(loss.itemSync()), validAnchors.itemSync()];
          };
          expect(run('negatives')).toEqual([0, 0]);
          expect(run('negatives-and-one-positive')).toEqual([0, 12]);
        }
    const alone = tensor([[[1, 2], [2, 1]]]); // biome-ignore format: rows
    for (const loss of [dclLoss, dclwLoss]) expect(loss(alone).itemSync()).toBe(0);
    expect(ntXentLoss(alone, { hardNegatives: hard }).itemSync()).toBeCloseTo(0, 6);
    expect(() =>
      supConLoss(tensor(scaled(1)), { labels: one, denominators: 'negatives', noPositives: 'error' }).itemSync(),
    ).toThrow(expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(/or no negative/) }));
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
    const x = tensor(scaled(1).map((views, i) => (i === 2 ? [[1, Number.NaN, 1, 1], views[1] as number[]] : views)));
    for (const [loss] of Object.values(kinds)) expect(loss(x, {}).itemSync()).toBeNaN();
    const bank = { features: tensor([[1, Number.NaN, 0, 0]]) };
    for (const loss of [ntXentLoss, dclLoss, dclwLoss]) expect(loss(tensor(scaled(1)), { bank }).itemSync()).toBeNaN();
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
