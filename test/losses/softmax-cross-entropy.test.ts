import { describe, expect, it } from 'vitest';
import * as internal from '../../lib/tensor/internal-ops.ts';
import { autocast } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { tensor } from '../../lib/tensor/tensor.ts';

const [batch, views, classes] = [4, 2, 3];
const logits = Array.from({ length: batch * views * classes }, (_, i) => 3 * Math.sin(1 + 2.3 * i + 0.1 * i * i));
const labels = [2, 0, 1, 2];
const made = (values: readonly number[], dtype: 'float32' | 'float64' = 'float64') =>
  tensor(values, { shape: [batch, views, classes], dtype });
const integers = tensor(labels, { dtype: 'int64' });

/** The mean over rows of −Σ_c q_c log softmax(z)_c, and its gradient. */
function oracle(z: readonly number[], smoothing: number): { loss: number; gradient: number[] } {
  const rows = batch * views;
  let loss = 0;
  const gradient: number[] = [];
  for (let row = 0; row < rows; row++) {
    const values = z.slice(row * classes, (row + 1) * classes);
    const top = Math.max(...values);
    const total = values.reduce((sum, v) => sum + Math.exp(v - top), 0);
    for (let c = 0; c < classes; c++) {
      const logShare = (values[c] as number) - top - Math.log(total);
      const target = (labels[Math.floor(row / views)] === c ? 1 - smoothing : 0) + smoothing / classes;
      loss -= (target * logShare) / rows;
      gradient.push((Math.exp(logShare) - target) / rows);
    }
  }
  return { loss, gradient };
}

describe('softmaxCrossEntropy', () => {
  it.each([0, 0.1, 1])('is the plain sum, and so is its gradient, at smoothing %d', async (labelSmoothing) => {
    const x = made(logits);
    x.requiresGrad = true;
    const loss = internal.softmaxCrossEntropy(x, integers, { labelSmoothing });
    loss.backward();
    const expected = oracle(logits, labelSmoothing);
    expect([loss.shape, loss.dtype]).toEqual([[], 'float64']);
    expect(await loss.item()).toBeCloseTo(expected.loss, 12);
    const gradient = Array.from(x.grad?.dataSync() ?? [], Number);
    gradient.forEach((value, i) => {
      expect(value).toBeCloseTo(expected.gradient[i] as number, 12);
    });
  });

  it('has a gradient that finite differences confirm', async () => {
    const x = made(logits);
    x.requiresGrad = true;
    internal.softmaxCrossEntropy(x, integers, { labelSmoothing: 0.2 }).backward();
    const gradient = Array.from(x.grad?.dataSync() ?? [], Number);
    const at = (i: number, h: number) =>
      internal
        .softmaxCrossEntropy(made(logits.map((v, j) => (i === j ? v + h : v))), integers, { labelSmoothing: 0.2 })
        .item();
    for (const i of [0, 7, 23])
      expect(((await at(i, 1e-5)) - (await at(i, -1e-5))) / 2e-5).toBeCloseTo(gradient[i] as number, 8);
  });

  it('computes in float32 at least: bfloat16 logits, autocast, and logits that overflow exp', async () => {
    const low = internal.softmaxCrossEntropy(made(logits, 'float32').to('bfloat16'), integers);
    expect([low.dtype, Math.abs((await low.item()) - oracle(logits, 0).loss) < 0.02]).toEqual(['float32', true]);
    const inside = autocast('bfloat16', () => internal.softmaxCrossEntropy(made(logits, 'float32'), integers));
    expect(await inside.item()).toBeCloseTo(oracle(logits, 0).loss, 5);
    const large = internal.softmaxCrossEntropy(
      made(
        logits.map((v) => 1000 * v),
        'float32',
      ),
      integers,
    );
    expect(
      Math.abs(
        (await large.item()) /
          oracle(
            logits.map((v) => 1000 * v),
            0,
          ).loss -
          1,
      ),
    ).toBeLessThan(1e-5);
    const hollow = internal.softmaxCrossEntropy(made(logits.with(5, Number.NaN)), integers);
    expect(await hollow.item()).toBeNaN();
  });

  it('of one class is 0', async () => {
    const one = internal.softmaxCrossEntropy(ops.randn([3, 1, 1]), tensor([0, 0, 0], { dtype: 'int64' }));
    expect(await one.item()).toBe(0);
  });

  it('refuses what does not fit, by its code', async () => {
    const code = (wanted: string) => expect.objectContaining({ code: wanted });
    const x = made(logits, 'float32');
    expect(() => internal.softmaxCrossEntropy(ops.randn([4, 3]), integers)).toThrow(code('ERR_SHAPE'));
    expect(() => internal.softmaxCrossEntropy(ops.randn([0, 1, 3]), integers)).toThrow(code('ERR_SHAPE'));
    expect(() => internal.softmaxCrossEntropy(x, tensor([0], { dtype: 'int64' }))).toThrow(code('ERR_SHAPE'));
    expect(() => internal.softmaxCrossEntropy(x, tensor([0, 1, 2, 0]))).toThrow(code('ERR_DTYPE'));
    expect(() => internal.softmaxCrossEntropy(x.to('int64'), integers)).toThrow(code('ERR_DTYPE'));
    expect(() => internal.softmaxCrossEntropy(x, integers, { labelSmoothing: 1.1 })).toThrow(code('ERR_OPTION'));
    for (const wrong of [integers.add(1), integers.sub(1)])
      await expect(internal.softmaxCrossEntropy(x, wrong).item()).rejects.toThrow(code('ERR_DATA'));
  });
});
