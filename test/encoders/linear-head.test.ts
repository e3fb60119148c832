import { describe, expect, it } from 'vitest';
import { linearHead } from '../../lib/encoders/linear-head.ts';
import { randn } from '../../lib/tensor/ops.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';

const numbers = (value: Tensor | undefined): number[] => Array.from((value as Tensor).dataSync(), Number);
const moments = (values: readonly number[]) => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length) };
};

describe('linearHead', () => {
  it('is x Wᵀ + b, and has torchvision’s names', () => {
    using head = linearHead({ inFeatures: 3, outFeatures: 2, init: 'uniform', seed: 4 });
    expect([...head.namedParameters()].map(([name, { shape }]) => [name, shape])).toEqual([
      ['weight', [2, 3]],
      ['bias', [2]],
    ]);
    expect(head.featureDim).toBe(2);
    const x = randn([4, 3], { seed: 1 });
    const [values, weight, bias] = [
      numbers(x),
      numbers(head.stateDict().get('weight')),
      numbers(head.stateDict().get('bias')),
    ];
    const expected = Array.from({ length: 8 }, (_, i) => {
      const [row, out] = [Math.floor(i / 2), i % 2];
      return [0, 1, 2].reduce(
        (sum, d) => sum + (values[3 * row + d] as number) * (weight[3 * out + d] as number),
        bias[out] as number,
      );
    });
    numbers(head.forward(x)).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i] as number, 5);
    });
  });

  it('begins as asked, a function of the seed', () => {
    const start = (init: 'zeros' | 'normal' | 'uniform', seed = 0) => {
      using head = linearHead({ inFeatures: 400, outFeatures: 50, init, seed });
      return { weight: numbers(head.stateDict().get('weight')), bias: numbers(head.stateDict().get('bias')) };
    };
    expect(new Set([...start('zeros').weight, ...start('zeros').bias])).toEqual(new Set([0]));
    const normal = start('normal');
    expect(Math.abs(moments(normal.weight).mean)).toBeLessThan(4e-4); // 20 000 values: 5.6 standard errors
    expect(moments(normal.weight).deviation).toBeCloseTo(0.01, 3);
    expect(new Set(normal.bias)).toEqual(new Set([0]));
    const uniform = start('uniform');
    expect(Math.max(...[...uniform.weight, ...uniform.bias].map(Math.abs))).toBeLessThanOrEqual(0.05); // 1/√400
    expect(moments(uniform.weight).deviation).toBeCloseTo(0.05 / Math.sqrt(3), 3);
    expect(start('normal', 1)).toEqual(start('normal', 1));
    expect(start('normal', 1)).not.toEqual(normal);
  });

  it('refuses wrong options and shapes', () => {
    const code = (wanted: string) => expect.objectContaining({ code: wanted });
    expect(() => linearHead({ inFeatures: 0, outFeatures: 2 })).toThrow(code('ERR_OPTION'));
    expect(() => linearHead({ inFeatures: 2 } as never)).toThrow(code('ERR_OPTION'));
    expect(() => linearHead({ inFeatures: 2, outFeatures: 2, init: 'ones' as never })).toThrow(code('ERR_OPTION'));
    expect(() => linearHead({ inFeatures: 2, classes: 2 } as never)).toThrow(code('ERR_OPTION'));
    using head = linearHead({ inFeatures: 2, outFeatures: 2 });
    expect(() => head.forward(randn([4, 3]))).toThrow(code('ERR_SHAPE'));
    expect(() => head.forward(randn([4, 2]).to('float64'))).toThrow(code('ERR_DTYPE'));
  });
});
