import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { linearProbe } from '../../lib/evaluate/linear-probe.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import { tensor } from '../../lib/tensor/tensor.ts';

const numbers = (values: ArrayLike<number | bigint>) => Array.from(values as ArrayLike<number>, Number);

/** As test/fixtures/make_evaluate.py fills them. */
const features = (rows: number, start: number) =>
  Array.from({ length: rows }, (_, i) => [0, 1, 2, 3].map((d) => 3 * d + (d + 1) * Math.sin(start + 3 * i + 5 * d)));

/** Points around three corners of a square, each class in its own. */
function corners(count: number, spread: number, start = 0) {
  const centres = [
    [0, 0],
    [4, 0],
    [0, 4],
  ];
  const labels = Array.from({ length: count }, (_, i) => i % 3);
  const points = labels.map((label, i) =>
    (centres[label] as number[]).map((c, d) => c + spread * Math.sin(start + 12.9898 * i + 78.233 * d) + 100 * d),
  );
  return { features: tensor(points), labels };
}

describe('the native probe', () => {
  interface Stored {
    rate: number;
    weight: number[];
    bias: number[];
    predictions: number[];
  }
  const stored: Stored[] = JSON.parse(
    readFileSync(new URL('../fixtures/evaluate/linear-probe.json', import.meta.url), 'utf8'),
  );
  const labels = Array.from({ length: 23 }, (_, i) => (i * i + Math.floor(i / 3)) % 3);
  const probe = (settings: { epochs?: number; batch?: number; seed?: number }, rates = [0.05, 0.5]) =>
    ops.linearProbe(
      tensor(features(23, 1)),
      tensor(labels, { dtype: 'int64' }),
      tensor(features(7, 200)),
      tensor(rates),
      { classes: 3, ...settings },
    );

  test("is what PyTorch's Linear, SGD and schedule give, for both rates at once", () => {
    const [weights, biases, predictions] = probe({ epochs: 6, batch: 5, seed: 11 });
    expect([weights.shape, biases.shape, predictions.shape]).toEqual([
      [2, 3, 4],
      [2, 3],
      [2, 7],
    ]);
    const flat = { weights: numbers(weights.dataSync()), biases: numbers(biases.dataSync()) };
    stored.forEach((expected, rate) => {
      expected.weight.forEach((w, i) => {
        expect(flat.weights[rate * 12 + i]).toBeCloseTo(w, 5);
      });
      expected.bias.forEach((b, i) => {
        expect(flat.biases[rate * 3 + i]).toBeCloseTo(b, 5);
      });
    });
    expect(numbers(predictions.dataSync())).toEqual(stored.flatMap((s) => s.predictions));
  });

  test('the first step goes down the gradient of the mean cross entropy, by finite differences', () => {
    const data = features(23, 1);
    const column = (d: number) => data.map((row) => row[d] as number);
    const mean = [0, 1, 2, 3].map((d) => column(d).reduce((a, b) => a + b, 0) / 23);
    const std = mean.map((m, d) => Math.sqrt(column(d).reduce((a, x) => a + (x - m) ** 2, 0) / 23));
    /** Mean cross entropy of weights that act on standardised features. */
    const crossEntropy = (w: number[][]) =>
      data.reduce((sum, row, i) => {
        const x = row.map((value, d) => (value - (mean[d] as number)) / (std[d] as number));
        const logits = w.map((weights) => weights.reduce((acc, v, d) => acc + v * (x[d] as number), 0));
        const logSum = Math.log(logits.reduce((acc, l) => acc + Math.exp(l), 0));
        return sum + (logSum - (logits[labels[i] as number] as number)) / 23;
      }, 0);
    const weights = numbers(probe({ epochs: 1, batch: 23 }, [0.1])[0].dataSync());
    for (let c = 0; c < 3; c++)
      for (let d = 0; d < 4; d++) {
        const at = (h: number) =>
          crossEntropy([0, 1, 2].map((row) => [0, 1, 2, 3].map((col) => (row === c && col === d ? h : 0))));
        const slope = (at(1e-4) - at(-1e-4)) / 2e-4;
        expect((weights[c * 4 + d] as number) * (std[d] as number)).toBeCloseTo(-0.1 * slope, 6);
      }
  });

  test('same seed, same bits; another seed, another order', () => {
    const run = (seed: number) => numbers(probe({ epochs: 3, batch: 4, seed })[0].dataSync());
    expect(run(5)).toEqual(run(5));
    expect(run(5)).not.toEqual(run(6));
  });

  test('a constant feature has no weight and does no harm', () => {
    const [weights] = ops.linearProbe(
      tensor([
        [1, 0.1],
        [2, 0.1],
        [3, 0.1],
      ]),
      tensor([0, 1, 1], { dtype: 'int64' }),
      tensor([[1, 0.1]]),
      tensor([1]),
      { classes: 2, epochs: 20 },
    );
    const [a, b, c, d] = numbers(weights.dataSync());
    expect([b, d].map((w) => Math.abs(w as number) < 1e-3)).toEqual([true, true]);
    expect(c as number).toBeGreaterThan(a as number);
  });

  test('errors', () => {
    const code = (wanted: string) => expect.objectContaining({ code: wanted });
    expect(() => probe({ epochs: 0 })).toThrow(code('ERR_OPTION'));
    expect(() => probe({ batch: 0 })).toThrow(code('ERR_OPTION'));
    expect(() => probe({}, [])).toThrow(code('ERR_SHAPE'));
  });
});

describe('linearProbe', () => {
  test('separates what a line separates, chooses a rate, and leaves nothing behind', async () => {
    const [train, test] = [corners(90, 1.2), corners(30, 1.2, 1)];
    const before = memory().tensors;
    const result = await linearProbe(train, test, { epochs: 30, batchSize: 16 });
    expect(memory().tensors).toBeLessThanOrEqual(before);
    expect(result.accuracy).toBe(1);
    expect(result.validationAccuracy).toBe(1);
    expect(numbers(result.predictions)).toEqual(test.labels);
    expect([0.003, 0.01, 0.03, 0.1, 0.3, 1]).toContain(result.learningRate);
  });

  test('chooses by validation rows: a rate that diverges loses, and of equals the lowest wins', async () => {
    const chosen = async (learningRates: number[]) =>
      (await linearProbe(corners(90, 1.2), corners(30, 1.2, 1), { epochs: 20, learningRates })).learningRate;
    expect(await chosen([1e30, 0.1])).toBe(0.1);
    expect(await chosen([0.1, 0.05, 0.2])).toBe(0.05);
  });

  test('with one rate nothing is held out', async () => {
    const result = await linearProbe(corners(6, 1), corners(6, 1), { learningRates: [0.3], epochs: 50 });
    expect([result.learningRate, result.validationAccuracy, result.accuracy]).toEqual([0.3, Number.NaN, 1]);
  });

  test('the same seed gives the same result', async () => {
    const run = () => linearProbe(corners(60, 3), corners(30, 3, 1), { epochs: 3, seed: 9 });
    expect(await run()).toEqual(await run());
  });

  test('errors', async () => {
    const set = corners(6, 1);
    const failing = async (options: object, code: string, message: RegExp, train = set) =>
      expect(linearProbe(train, set, options)).rejects.toThrow(
        expect.objectContaining({ code, message: expect.stringMatching(message) }),
      );
    await failing({ epoch: 3 }, 'ERR_OPTION', /did you mean 'epochs'/);
    await failing({ epochs: 0 }, 'ERR_OPTION', /epochs must be an integer >= 1/);
    await failing({ batchSize: 0 }, 'ERR_OPTION', /batchSize must be/);
    await failing({ learningRates: [] }, 'ERR_OPTION', /learningRates must be an array of at least one/);
    await failing({ learningRates: [0.1, 0] }, 'ERR_OPTION', /learningRates\[1\] must be a finite number > 0/);
    await failing({ validation: 0 }, 'ERR_OPTION', /validation must be/);
    await failing({ validation: 1 }, 'ERR_DATA', /leaves none to train on/);
    await failing({ seed: -1 }, 'ERR_OPTION', /seed must be/);
    await failing({}, 'ERR_SHAPE', /train.labels must have one label/, { ...set, labels: [0] });
    const wide = {
      features: tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]),
      labels: [0, 1],
    };
    await failing({}, 'ERR_SHAPE', /test must have the dim of train/, wide);
  });
});
