import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { linearProbe } from '../../lib/evaluate/linear-probe.ts';
import { Probe, type ProbeSettings } from '../../lib/evaluate/probe-training.ts';
import { loadAddon } from '../../lib/native/addon.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import { tidy } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { memory, sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/evaluate/${name}.json`, import.meta.url), 'utf8'));

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

describe('the steps of the probe', () => {
  interface Stored {
    rate: number;
    weight: number[];
    bias: number[];
    predictions: number[];
  }
  const stored: Stored[] = fixture('linear-probe');
  const labels = Int32Array.from({ length: 23 }, (_, i) => (i * i + Math.floor(i / 3)) % 3);
  const settings = (options: Partial<ProbeSettings>): ProbeSettings => ({
    classes: 3,
    epochs: 6,
    batch: 5,
    seed: 11,
    signal: undefined,
    onSteps: () => {},
    ...options,
  });
  const train = (rates: number[], options: Partial<ProbeSettings> = {}) =>
    Probe.train(tensor(features(23, 1)), labels, rates, settings(options));

  test("are those of PyTorch's Linear, SGD and schedule", async () => {
    for (const expected of stored) {
      using probe = await train([expected.rate]);
      const { weight, bias } = await probe.coefficients();
      expected.weight.forEach((w, i) => {
        expect(weight[i]).toBeCloseTo(w, 5);
      });
      expected.bias.forEach((b, i) => {
        expect(bias[i]).toBeCloseTo(b, 5);
      });
      const { classes } = await probe.predict(tensor(features(7, 200)), new Int32Array(7), undefined);
      expect(numbers(classes[0] as Int32Array)).toEqual(expected.predictions);
    }
  });

  test('of several rates side by side are those of each by itself', async () => {
    using both = await train([0.05, 0.5]);
    const { classes } = await both.predict(tensor(features(7, 200)), new Int32Array(7), undefined);
    expect(classes.map((row) => numbers(row))).toEqual(stored.map(({ predictions }) => predictions));
  });

  test('end at the optimum that scikit-learn finds', async () => {
    const best: { probabilities: number[]; predictions: number[] } = fixture('softmax-regression');
    const many = features(60, 2);
    const classes = many.map((_, i) => {
      const sines = [0, 1, 2].map((d) => Math.sin(2 + 3 * i + 5 * d));
      return (sines.indexOf(Math.max(...sines)) + (i % 4 === 3 ? 1 : 0)) % 3;
    });
    const [known, judged] = [features(60, 2), features(7, 200)];
    const result = await linearProbe(
      { features: tensor(known), labels: classes },
      { features: tensor(judged), labels: best.predictions },
      { learningRates: [0.5], epochs: 4000, batchSize: 60 },
    );
    expect(result.accuracy).toBe(1);
    judged.forEach((row, i) => {
      const logits = [0, 1, 2].map((c) =>
        row.reduce((sum, x, d) => sum + x * (result.weight[4 * c + d] as number), result.bias[c] as number),
      );
      const total = logits.reduce((sum, l) => sum + Math.exp(l), 0);
      for (const [c, logit] of logits.entries())
        expect(Math.abs(Math.exp(logit) / total - (best.probabilities[3 * i + c] as number))).toBeLessThan(2e-4);
    });
  });

  test('do not depend on how many a job has', () => {
    const inputs = tensor(features(23, 1).map((row) => row.map((x) => x / 10)));
    const classes = tensor(labels, { dtype: 'int64' });
    const start = ops.zeros([2, 3, 4]);
    const run = (parts: readonly number[]) => {
      let [weights, velocity] = [start, start];
      let step = 0;
      for (const count of parts) {
        const range = { step, count, total: 30, batch: 5, seed: 2 ** 40 + 3 };
        [weights, velocity] = internal.probeSteps(weights, velocity, inputs, classes, tensor([0.05, 0.5]), range);
        step += count;
      }
      return numbers(weights.dataSync());
    };
    expect(run([7, 1, 12, 10])).toEqual(run([30]));
  });

  test('begin down the gradient of the mean cross entropy, by finite differences', async () => {
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
    using probe = await train([0.1], { epochs: 1, batch: 23 });
    const { weight } = await probe.coefficients();
    for (let c = 0; c < 3; c++)
      for (let d = 0; d < 4; d++) {
        const at = (h: number) =>
          crossEntropy([0, 1, 2].map((row) => [0, 1, 2, 3].map((col) => (row === c && col === d ? h : 0))));
        const slope = (at(1e-4) - at(-1e-4)) / 2e-4;
        expect((weight[c * 4 + d] as number) * (std[d] as number)).toBeCloseTo(-0.1 * slope, 6);
      }
  });

  test('are the same for the same seed; another seed, another order', async () => {
    const run = async (seed: number) => {
      using probe = await train([0.5], { epochs: 3, batch: 4, seed });
      return numbers((await probe.coefficients()).weight);
    };
    expect(await run(5)).toEqual(await run(5));
    expect(await run(5)).not.toEqual(await run(6));
  });

  test('give a constant feature no weight', async () => {
    const constant = tensor([
      [1, 0.1],
      [2, 0.1],
      [3, 0.1],
    ]);
    using probe = await Probe.train(constant, Int32Array.of(0, 1, 1), [1], settings({ classes: 2, epochs: 20 }));
    const [a, b, c, d] = (await probe.coefficients()).weight;
    expect([b, d].map((w) => Math.abs(w as number) < 1e-3)).toEqual([true, true]);
    expect(c as number).toBeGreaterThan(a as number);
  });

  test('refuse what does not fit, by its code', async () => {
    const code = (wanted: string) => expect.objectContaining({ code: wanted });
    const inputs = tensor(features(23, 1));
    const classes = tensor(labels, { dtype: 'int64' });
    const weights = ops.zeros([1, 3, 4]);
    const range = { step: 0, count: 1, total: 2 };
    const steps = (changed: object, tensors: { weights?: Tensor; rates?: Tensor; labels?: Tensor } = {}) =>
      internal.probeSteps(
        tensors.weights ?? weights,
        weights,
        inputs,
        tensors.labels ?? classes,
        tensors.rates ?? tensor([0.1]),
        { ...range, ...changed },
      );
    expect(() => steps({ batch: 0 })).toThrow(code('ERR_OPTION'));
    expect(() => steps({ count: 3 })).toThrow(code('ERR_OPTION'));
    expect(() => steps({ step: -1 })).toThrow(code('ERR_OPTION'));
    expect(() => steps({}, { weights: ops.zeros([1, 3, 5]) })).toThrow(code('ERR_SHAPE'));
    expect(() => steps({}, { weights: ops.zeros([1, 2, 4]) })).toThrow(code('ERR_SHAPE'));
    expect(() => steps({}, { weights: weights.to('float64') })).toThrow(code('ERR_DTYPE'));
    expect(() => steps({}, { rates: tensor([0.1, 0.2]) })).toThrow(code('ERR_SHAPE'));
    await expect(steps({}, { labels: classes.add(1) })[0].data()).rejects.toThrow(code('ERR_DATA'));
    expect(() => internal.probeScale(tensor([1, 2]))).toThrow(code('ERR_SHAPE'));
    expect(() => internal.probeInputs(inputs, ops.zeros([3]), ops.ones([3]))).toThrow(code('ERR_SHAPE'));
    expect(() => internal.probeLogits(weights, inputs.narrow(1, 0, 3))).toThrow(code('ERR_SHAPE'));
  });
});

describe('linearProbe', () => {
  test('separates what a line separates, chooses a rate, and leaves nothing behind', async () => {
    const [train, test] = [corners(90, 1.2), corners(30, 1.2, 1)];
    await collect();
    const before = memory().tensors;
    const result = await linearProbe(train, test, { epochs: 30, batchSize: 16 });
    expect(memory().tensors).toBe(before);
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

  test('returns the classifier for features as they are', async () => {
    const [train, test] = [corners(90, 3), corners(30, 3, 1)];
    const { weight, bias, predictions } = await linearProbe(train, test, { epochs: 10 });
    expect([weight.length, bias.length]).toEqual([6, 3]);
    const rows = test.features.dataSync() as Float32Array;
    const scores = (i: number) =>
      [0, 1, 2].map(
        (c) =>
          (weight[2 * c] as number) * (rows[2 * i] as number) +
          (weight[2 * c + 1] as number) * (rows[2 * i + 1] as number) +
          (bias[c] as number),
      );
    const named = test.labels.map((_, i) => scores(i).indexOf(Math.max(...scores(i))));
    expect(numbers(predictions)).toEqual(named);
  });

  test('top-5 where there are more than five classes; an unknown class is never right', async () => {
    const classes = 7;
    const labels = Array.from({ length: 70 }, (_, i) => i % classes);
    const set = {
      features: tensor(labels.map((c, i) => [0, 1, 2, 3].map((d) => Math.sin(2 * c + d) + 0.3 * Math.sin(i + d)))),
      labels,
    };
    const result = await linearProbe(set, set, { learningRates: [0.1], epochs: 5 });
    const rows = set.features.dataSync() as Float32Array;
    const isTopFive = labels.map((label, i) => {
      const logits = Array.from({ length: classes }, (_, c) =>
        [0, 1, 2, 3].reduce(
          (sum, d) => sum + (rows[4 * i + d] as number) * (result.weight[4 * c + d] as number),
          result.bias[c] as number,
        ),
      );
      return logits.filter((other) => other > (logits[label] as number)).length < 5;
    });
    expect(result.top5).toBeCloseTo(isTopFive.filter(Boolean).length / 70, 12);
    expect(result.top5).toBeGreaterThan(result.accuracy);
    const unknown = await linearProbe(
      set,
      { ...set, labels: labels.map(() => 9) },
      { learningRates: [0.1], epochs: 1 },
    );
    expect([unknown.accuracy, unknown.top5, unknown.unknown, result.unknown]).toEqual([0, 0, 1, 0]);
    expect(await linearProbe(corners(6, 1), corners(6, 1), { learningRates: [0.3] })).not.toHaveProperty('top5');
  });

  test('labels of any size cost what their number does', async () => {
    const set = corners(60, 1);
    const named = [5, 2 ** 30, 2 ** 31 - 1];
    const options = { learningRates: [0.3], epochs: 20 };
    const plain = await linearProbe(set, set, options);
    const large = { ...set, labels: (set.labels as number[]).map((label) => named[label] as number) };
    const result = await linearProbe(large, large, options);
    expect([Array.from(result.classes), Array.from(plain.classes)]).toEqual([named, [0, 1, 2]]);
    expect(Array.from(result.predictions)).toEqual(Array.from(plain.predictions, (label) => named[label]));
    expect([result.accuracy, result.weight]).toEqual([plain.accuracy, plain.weight]);
  });

  test('tells its progress: steps of the candidates, then of the chosen one', async () => {
    const seen: number[][] = [];
    const settings = { epochs: 200, batchSize: 16, learningRates: [0.1, 0.3] };
    await linearProbe(corners(90, 1), corners(30, 1), {
      ...settings,
      onProgress: (done, total) => seen.push([done, total]),
    });
    const total = 200 * Math.ceil(81 / 16) + 200 * Math.ceil(90 / 16);
    expect(seen.length).toBeGreaterThan(5);
    expect(seen.every(([done, all], i) => all === total && (done as number) > (seen[i - 1]?.[0] ?? 0))).toBe(true);
    expect(seen.at(-1)).toEqual([total, total]);
  });

  test('stops when its signal fires: at once, with little left to compute, and nothing left behind', async () => {
    const [train, test] = [corners(3000, 1), corners(30, 1)];
    await sync();
    await collect();
    const before = memory().tensors;
    const controller = new AbortController();
    let jobs = 0;
    const onProgress = (): void => {
      if (++jobs === 3) controller.abort(new Error('enough'));
    };
    // A million epochs would take hours.
    const probe = linearProbe(train, test, { epochs: 1e6, signal: controller.signal, onProgress });
    await expect(probe).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: { message: 'enough' } });
    expect(loadAddon().depth()).toBeLessThanOrEqual(3);
    await sync();
    expect(jobs).toBe(3);
    expect(memory().tensors).toBe(before);
    await expect(linearProbe(train, test, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });

  test('an abort inside a tidy() that ends leaves other work alone', async () => {
    const controller = new AbortController();
    const aborted = tidy(() =>
      linearProbe(corners(300, 1), corners(30, 1), {
        epochs: 1e6,
        signal: controller.signal,
        onProgress: () => controller.abort(),
      }),
    );
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await sync();
    expect((await linearProbe(corners(90, 1), corners(30, 1), { epochs: 30 })).accuracy).toBe(1);
  });

  test('lets other work of the compute thread pass between its jobs', async () => {
    const controller = new AbortController();
    const probe = linearProbe(corners(3000, 1), corners(30, 1), { epochs: 1e6, signal: controller.signal });
    probe.catch(() => {});
    expect(await tensor([20, 22]).sum().item()).toBe(42);
    controller.abort();
    await expect(probe).rejects.toMatchObject({ code: 'ERR_ABORTED' });
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
    const none = { features: set.features.narrow(0, 0, 0), labels: [] };
    await expect(linearProbe(set, none)).rejects.toMatchObject({ code: 'ERR_SHAPE' });
    await failing({ learningRates: [1] }, 'ERR_SHAPE', /train must have shape.*at least one value/, none);
    await failing({ onProgress: true }, 'ERR_OPTION', /onProgress must be a function/);
    const hollow = { features: tensor([[1, Number.NaN]]), labels: [0] };
    const code = (wanted: string, message: RegExp) => ({ code: wanted, message: expect.stringMatching(message) });
    await expect(linearProbe(set, hollow)).rejects.toMatchObject(code('ERR_DATA', /test must be finite/));
    await expect(linearProbe(hollow, set, { learningRates: [1] })).rejects.toMatchObject(
      code('ERR_DATA', /train must be finite/),
    );
  });
});
