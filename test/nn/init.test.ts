import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { Generator } from '../../lib/tensor/generator.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { manualSeed } from '../../lib/tensor/random.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';

const { init } = nn;
const code = (wanted: string) => expect.objectContaining({ code: wanted });

const numbers = (value: Tensor): number[] => Array.from(value.dataSync(), Number);
const moments = (value: Tensor) => {
  const values = numbers(value);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return { mean, variance, largest: Math.max(...values.map(Math.abs)) };
};

const make = () => ops.zeros([40, 30, 5, 4]); // fan in 600, fan out 800

describe('init', () => {
  const generator = () => new Generator(3);
  const leaky = 2 / (1 + 0.25);
  it.each<[string, (t: Tensor) => Tensor, number]>([
    ['kaimingNormal', (t) => init.kaimingNormal(t, { generator: generator() }), 2 / 600],
    ['kaimingNormal, fan_out', (t) => init.kaimingNormal(t, { mode: 'fan_out', generator: generator() }), 2 / 800],
    ['kaimingNormal, leaky', (t) => init.kaimingNormal(t, { a: 0.5, generator: generator() }), leaky / 600],
    [
      'kaimingNormal, tanh',
      (t) => init.kaimingNormal(t, { nonlinearity: 'tanh', generator: generator() }),
      25 / 9 / 600,
    ],
    [
      'kaimingNormal, selu',
      (t) => init.kaimingNormal(t, { nonlinearity: 'selu', generator: generator() }),
      9 / 16 / 600,
    ],
    ['kaimingUniform', (t) => init.kaimingUniform(t, { nonlinearity: 'linear', generator: generator() }), 1 / 600],
    ['xavierNormal', (t) => init.xavierNormal(t, { gain: 2, generator: generator() }), (4 * 2) / 1400],
    ['xavierUniform', (t) => init.xavierUniform(t, { generator: generator() }), 2 / 1400],
    ['normal', (t) => init.normal(t, 0, 0.5, { generator: generator() }), 0.25],
    ['uniform', (t) => init.uniform(t, -0.5, 0.5, { generator: generator() }), 1 / 12],
    // Of a normal distribution cut at one deviation: 1 − 2 φ(1) / (2 Φ(1) − 1).
    ['truncNormal', (t) => init.truncNormal(t, { std: 2, a: -2, b: 2, generator: generator() }), 4 * 0.2911251],
  ])('%s has its variance, and mean 0', (_, fill, variance) => {
    using tensor = make();
    expect(fill(tensor)).toBe(tensor);
    const found = moments(tensor);
    expect(found.variance / variance).toBeCloseTo(1, 1); // 24 000 values: a deviation of 0.009
    expect(Math.abs(found.mean)).toBeLessThan(5 * Math.sqrt(variance / 24_000));
    if (_.includes('iform')) expect(found.largest / Math.sqrt(3 * variance)).toBeLessThanOrEqual(1 + 1e-6);
    if (_ === 'truncNormal') expect(found.largest).toBeLessThanOrEqual(2);
  });

  it('constant, zeros, ones', () => {
    using tensor = ops.zeros([3]);
    expect(numbers(init.constant(tensor, 2.5))).toEqual([2.5, 2.5, 2.5]);
    expect(numbers(init.ones(tensor))).toEqual([1, 1, 1]);
    expect(numbers(init.zeros(tensor))).toEqual([0, 0, 0]);
  });

  it('draws in the order of the indices, whatever the layout', () => {
    using plain = ops.empty([3, 5, 2, 2]);
    using interleaved = ops.empty([3, 5, 2, 2], { memoryFormat: 'channels_last' });
    const [a, b] = [plain, interleaved].map((tensor) => numbers(init.normal(tensor, 0, 1, { generator: generator() })));
    expect(a).toEqual(b);
  });

  it('keeps the gradient out of it, and the parameter a leaf', () => {
    using layer = new nn.Linear(2, 2);
    init.ones(layer.weight);
    expect(layer.weight.grad).toBeNull();
    ops.sum(layer.forward(ops.ones([1, 2]))).backward();
    expect(numbers(layer.weight.grad as Tensor)).toEqual([1, 1, 1, 1]);
  });

  it('refuses a tensor without fans, unknown options and wrong values', () => {
    expect(() => init.kaimingNormal(ops.zeros([3]))).toThrow(code('ERR_SHAPE'));
    expect(() => init.kaimingNormal(make(), { mode: 'fan' as never })).toThrow(code('ERR_OPTION'));
    expect(() => init.xavierNormal(make(), { gian: 1 } as never)).toThrow(code('ERR_OPTION'));
    expect(() => init.truncNormal(make(), { std: 0 })).toThrow(code('ERR_OPTION'));
    expect(() => init.normal(make(), 0, -1)).toThrow();
  });
});

describe('Generator', () => {
  it('gives the same numbers from the same seed, and goes on', () => {
    const draw = (generator: Generator) => numbers(ops.normal_(ops.empty([20]), 0, 1, { generator }));
    const [one, same, other] = [new Generator(1), new Generator(1), new Generator(2)];
    const first = draw(one);
    expect(draw(same)).toEqual(first);
    expect(draw(other)).not.toEqual(first);
    const second = draw(one);
    expect(second).not.toEqual(first);
    expect(draw(same)).toEqual(second);
  });

  it("must be there: the process's own is never used", () => {
    expect(() => ops.normal_(ops.empty([2]), 0, 1, {} as never)).toThrow(code('ERR_OPTION'));
    expect(() => ops.uniform_(ops.empty([2]), 0, 1, { generator: 7 as never })).toThrow(code('ERR_OPTION'));
    expect(() => new Generator(-1)).toThrow(code('ERR_OPTION'));
  });

  it('is shared by layers that are given none, and seeded by manualSeed()', () => {
    const weights = () => numbers(new nn.Linear(4, 4).weight);
    manualSeed(5);
    const [first, second] = [weights(), weights()];
    expect(second).not.toEqual(first);
    manualSeed(5);
    expect([weights(), weights()]).toEqual([first, second]);
    expect(numbers(new nn.Linear(4, 4, { generator: new Generator(5) }).weight)).toEqual(first);
  });

  it('draws PyTorch’s numbers', () => {
    // torch.manual_seed(0); torch.nn.Linear(2, 2).weight
    const { weight } = new nn.Linear(2, 2, { generator: new Generator(0) });
    const expected = [-0.0053, 0.3793, -0.582, -0.5204];
    for (const [i, value] of numbers(weight).entries()) expect(value).toBeCloseTo(expected[i] as number, 4);
  });
});
