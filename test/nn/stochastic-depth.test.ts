import { describe, expect, it } from 'vitest';
import { StochasticDepth } from '../../lib/nn/stochastic-depth.ts';
import { ones, sum } from '../../lib/tensor/ops.ts';
import { manualSeed } from '../../lib/tensor/random.ts';

describe('StochasticDepth', () => {
  it('drops whole samples in training, and scales the others', () => {
    manualSeed(3);
    using layer = new StochasticDepth(0.25);
    const x = ones([4000, 2, 3]);
    x.requiresGrad = true;
    const y = layer.forward(x);
    sum(y).backward();
    const values = Array.from(y.dataSync(), Number);
    const samples = Array.from({ length: 4000 }, (_, i) => values.slice(6 * i, 6 * i + 6));
    for (const sample of samples) expect(new Set(sample).size).toBe(1);
    expect(new Set(values.map((value) => value.toFixed(5)))).toEqual(new Set(['0.00000', '1.33333']));
    const dropped = samples.filter(([value]) => value === 0).length / 4000;
    expect(Math.abs(dropped - 0.25)).toBeLessThan(0.035); // five standard errors
    expect(Array.from(x.grad?.dataSync() ?? [], Number)).toEqual(values);
  });

  it('leaves everything in evaluation and with p = 0, and nothing with p = 1', () => {
    const x = ones([3, 2]);
    expect(new StochasticDepth(0.5).eval().forward(x)).toBe(x);
    expect(new StochasticDepth(0).forward(x)).toBe(x);
    expect(Array.from(new StochasticDepth(1).forward(x).dataSync(), Number)).toEqual(Array(6).fill(0));
    expect(() => new StochasticDepth(1.5)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });
});
