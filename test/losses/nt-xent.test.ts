import { describe, expect, test } from 'vitest';
import { ntXentLoss } from '../../lib/losses/nt-xent.ts';
import { supConLoss } from '../../lib/losses/sup-con.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { formulaFeatures, gradientOf } from './oracle.ts';

const features = (views: number) => tensor(formulaFeatures(4, views, 3), { dtype: 'float64', requiresGrad: true });

/** SimCLR's eq. 1 for a pair of views, row by row. */
function simclr(data: number[][][], temperature: number): number {
  const rows = data.flatMap((views, sample) => views.map((x) => ({ sample, x, norm: Math.hypot(...x) })));
  const cosine = (a: (typeof rows)[0], b: (typeof rows)[0]) =>
    a.x.reduce((sum, value, d) => sum + value * (b.x[d] as number), 0) / (a.norm * b.norm);
  let sum = 0;
  for (const i of rows) {
    const others = rows.filter((a) => a !== i);
    const other = others.find((a) => a.sample === i.sample) as (typeof rows)[0];
    const denominator = others.reduce((acc, a) => acc + Math.exp(cosine(i, a) / temperature), 0);
    sum -= Math.log(Math.exp(cosine(i, other) / temperature) / denominator);
  }
  return sum / rows.length;
}

describe('ntXentLoss', () => {
  test('the golden value', () => {
    expect(ntXentLoss(features(2), { temperature: 0.1 }).itemSync()).toBeCloseTo(5.912491990816838, 12);
  });

  test.each([0.05, 0.5, 5])('equation 1 at temperature %d', (temperature) => {
    const expected = simclr(formulaFeatures(4, 2, 3), temperature);
    expect(ntXentLoss(features(2), { temperature }).itemSync()).toBeCloseTo(expected, 10);
    expect(ntXentLoss(features(2), { temperature, lossScale: 2 }).itemSync()).toBeCloseTo(2 * expected, 10);
  });

  test('is supConLoss without labels, in value and gradient, for three views too', () => {
    const [a, b] = [features(3), features(3)];
    const [x, y] = [ntXentLoss(a, { block: 5 }), supConLoss(b)];
    x.backward();
    y.backward();
    expect(x.itemSync()).toBeCloseTo(y.itemSync(), 12);
    const other = gradientOf(b);
    gradientOf(a).forEach((g, i) => {
      expect(g).toBeCloseTo(other[i] as number, 12);
    });
  });

  test('a temperature that is learned gets a gradient', () => {
    const temperature = tensor(0.5, { dtype: 'float64', requiresGrad: true });
    ntXentLoss(features(2), { temperature }).backward();
    const h = 1e-6;
    const at = (t: number) => simclr(formulaFeatures(4, 2, 3), t);
    expect(temperature.grad?.itemSync()).toBeCloseTo((at(0.5 + h) - at(0.5 - h)) / (2 * h), 6);
  });

  test('errors', () => {
    const one = tensor(formulaFeatures(4, 1, 3));
    expect(() => ntXentLoss(one)).toThrow(expect.objectContaining({ code: 'ERR_SHAPE' }));
    expect(() => ntXentLoss(tensor([1]))).toThrow(expect.objectContaining({ code: 'ERR_SHAPE' }));
    expect(() => ntXentLoss(features(2), { labels: [1] } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(/unknown option 'labels'/) }),
    );
    const twoArguments = [
      () => ntXentLoss(features(2), features(2) as never),
      () => supConLoss(features(2), features(2) as never),
    ];
    for (const call of twoArguments)
      expect(call).toThrow(
        expect.objectContaining({
          code: 'ERR_OPTION',
          message: expect.stringMatching(
            /Loss: options must be a plain object, got a Tensor; two views go as ops\.stack/,
          ),
        }),
      );
    expect(() => ntXentLoss(features(2), { temperature: -1 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });
});
