import { describe, expect, test } from 'vitest';
import { dclLoss, dclwLoss } from '../../lib/losses/dcl.ts';
import { supConLoss } from '../../lib/losses/sup-con.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { formulaFeatures, gradientOf } from './oracle.ts';

const features = (views: number) => tensor(formulaFeatures(4, views, 3), { dtype: 'float64', requiresGrad: true });

/** The paper's eq. 6, and its weighted form, for a pair of views, row by row; the weights take the similarities over σ. */
function decoupled(data: number[][][], temperature: number, sigma?: number, weightsAt = data): number {
  const unitRows = (all: number[][][]) => all.map((views) => views.map((x) => x.map((v) => v / Math.hypot(...x))));
  const unit = unitRows(data);
  const cosine = (a: number[], b: number[]) => a.reduce((total, value, d) => total + value * (b[d] as number), 0);
  const ofPairs = (rows: number[][][]) => rows.map(([a, b]) => cosine(a as number[], b as number[]));
  const own = ofPairs(unit);
  const factors = sigma === undefined ? [] : ofPairs(unitRows(weightsAt)).map((c) => Math.exp(c / sigma));
  const mean = factors.reduce((total, factor) => total + factor, 0) / factors.length;
  let total = 0;
  for (const [i, views] of unit.entries())
    for (const z of views) {
      const weight = sigma === undefined ? 1 : 2 - (factors[i] as number) / mean;
      const others = unit.filter((_, j) => j !== i).flat();
      const negatives = others.reduce((acc, a) => acc + Math.exp(cosine(z, a) / temperature), 0);
      total += (-weight * (own[i] as number)) / temperature + Math.log(negatives);
    }
  return total / (2 * unit.length);
}

describe.each([0.1, 0.5, 5])('at temperature %d', (temperature) => {
  test('dclLoss is eq. 6', () => {
    const expected = decoupled(formulaFeatures(4, 2, 3), temperature);
    expect(dclLoss(features(2), { temperature }).itemSync()).toBeCloseTo(expected, 10);
    expect(dclLoss(features(2), { temperature, lossScale: 2 }).itemSync()).toBeCloseTo(2 * expected, 10);
  });

  test('dclwLoss is its weighted form', () => {
    for (const sigma of [0.5, 2]) {
      const expected = decoupled(formulaFeatures(4, 2, 3), temperature, sigma);
      expect(dclwLoss(features(2), { temperature, sigma }).itemSync()).toBeCloseTo(expected, 10);
    }
    const expected = decoupled(formulaFeatures(4, 2, 3), temperature, 0.5);
    expect(dclwLoss(features(2), { temperature }).itemSync()).toBeCloseTo(expected, 10);
  });
});

test("dclLoss is supConLoss without labels and with denominators 'negatives', in value and gradient", () => {
  const [a, b] = [features(3), features(3)];
  const [x, y] = [dclLoss(a, { block: 5 }), supConLoss(b, { denominators: 'negatives' })];
  x.backward();
  y.backward();
  expect(x.itemSync()).toBeCloseTo(y.itemSync(), 12);
  const other = gradientOf(b);
  gradientOf(a).forEach((g, i) => {
    expect(g).toBeCloseTo(other[i] as number, 12);
  });
});

describe.each([true, false])('the gradient of dclwLoss with weightGradient %s', (weightGradient) => {
  const data = formulaFeatures(4, 2, 3);
  const weightsAt = weightGradient ? undefined : data;
  const h = 1e-6;

  test.each([0, 3])('is that of the formula, in blocks of %d', (block) => {
    const x = features(2);
    const loss = dclwLoss(x, { temperature: 0.3, sigma: 0.7, weightGradient, ...(block > 0 && { block }) });
    expect(loss.itemSync()).toBeCloseTo(decoupled(data, 0.3, 0.7), 10);
    loss.backward();
    const shifted = (at: number, by: number) => {
      let n = 0;
      const moved = data.map((views) => views.map((row) => row.map((value) => (n++ === at ? value + by : value))));
      return decoupled(moved, 0.3, 0.7, weightsAt ?? moved);
    };
    gradientOf(x).forEach((g, i) => {
      expect(g).toBeCloseTo((shifted(i, h) - shifted(i, -h)) / (2 * h), 7);
    });
  });

  test('in a temperature that is learned', () => {
    const temperature = tensor([0.3], { dtype: 'float64', requiresGrad: true });
    dclwLoss(features(2), { temperature, sigma: 0.7, weightGradient }).backward();
    const numeric = (decoupled(data, 0.3 + h, 0.7) - decoupled(data, 0.3 - h, 0.7)) / (2 * h);
    expect(gradientOf(temperature)[0]).toBeCloseTo(numeric, 6);
  });
});

test('a large sigma makes the weights of dclwLoss equal', () => {
  expect(dclwLoss(features(2), { sigma: 1e9 }).itemSync()).toBeCloseTo(dclLoss(features(2)).itemSync(), 6);
});

test('errors', () => {
  const one = tensor(formulaFeatures(4, 1, 3));
  const bank = { features: tensor([[1, 2, 3]]), labels: [1] };
  const refused = (code: string, message: RegExp) =>
    expect.objectContaining({ code, message: expect.stringMatching(message) });
  for (const loss of [dclLoss, dclwLoss]) {
    expect(() => loss(one)).toThrow(refused('ERR_SHAPE', /at least two views/));
    expect(() => loss(features(2), { labels: [1] } as never)).toThrow(refused('ERR_OPTION', /unknown option 'labels'/));
    expect(() => loss(features(2), { bank })).toThrow(refused('ERR_OPTION', /bank: unknown option 'labels'/));
  }
  expect(() => dclwLoss(features(2), { weightGradient: 1 as never })).toThrow(
    refused('ERR_OPTION', /weightGradient must be true or false/),
  );
  expect(() => dclwLoss(features(2), { sigma: 0 })).toThrow(refused('ERR_OPTION', /sigma must be a finite number > 0/));
});
