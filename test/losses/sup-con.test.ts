import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { supConLoss, supConLossWithStats } from '../../lib/losses/sup-con.ts';
import { autocast } from '../../lib/tensor/modes.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { type Case, formulaFeatures, gradientOf, oracle } from './oracle.ts';

const double = (data: number[][][], requiresGrad = false) => tensor(data, { dtype: 'float64', requiresGrad });
const golden = formulaFeatures(4, 2, 3);
const labels = [0, 1, 0, 2];

describe('golden values', () => {
  test.each([
    [5.037563464360989, { labels }],
    [3.74660663602317, { labels, variant: 'in' }],
    [5.315095955272277, { labels, anchors: 'first' }],
    [5.912491990816838, {}],
  ] as const)('%d', (expected, options) => {
    expect(supConLoss(double(golden), { temperature: 0.1, ...options }).itemSync()).toBeCloseTo(expected, 12);
    expect(supConLoss(tensor(golden), { temperature: 0.1, ...options }).itemSync()).toBeCloseTo(expected, 5);
  });
});

const coordinate = fc.integer({ min: -20, max: 20 }).map((n) => n / 7);
const cases: fc.Arbitrary<Case & { block: number }> = fc
  .record({
    batch: fc.integer({ min: 1, max: 6 }),
    views: fc.integer({ min: 1, max: 3 }),
    dim: fc.integer({ min: 1, max: 5 }),
    positives: fc.constantFrom('labels', 'mask', 'views'),
  })
  .chain(({ batch, views, dim, positives }) => {
    const arrayOf = <T>(value: fc.Arbitrary<T>, length: number) =>
      fc.array(value, { minLength: length, maxLength: length });
    const weight = fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0.01, max: 3, noNaN: true }));
    return fc.record({
      features: arrayOf(arrayOf(arrayOf(coordinate, dim), views), batch),
      labels: positives === 'labels' ? arrayOf(fc.integer({ min: -1, max: 2 }), batch) : fc.constant(undefined),
      mask: positives === 'mask' ? arrayOf(arrayOf(weight, batch), batch) : fc.constant(undefined),
      temperature: fc.constantFrom(0.005, 0.07, 0.5, 10),
      variant: fc.constantFrom('out' as const, 'in' as const),
      anchors: fc.constantFrom('all' as const, 'first' as const),
      noPositives: fc.constantFrom('ignore' as const, 'zero' as const),
      lossScale: fc.constantFrom(1, 0.25),
      normalize: fc.boolean(),
      block: fc.integer({ min: 1, max: 20 }),
    });
  });

const optionsOf = ({ features: _, labels, mask, ...rest }: Case & { block?: number }) => ({
  ...rest,
  ...(labels ? { labels } : {}),
  ...(mask ? { mask } : {}),
});

/** `features` with `step` added to the value at a flat index. */
function shifted(features: Case['features'], index: number, step: number): number[][][] {
  let position = 0;
  return features.map((views) => views.map((row) => row.map((x) => (position++ === index ? x + step : x))));
}

describe('against nested loops', () => {
  test('value and valid anchors, for every combination of options', () => {
    fc.assert(
      fc.property(cases, (c) => {
        const { loss, validAnchors } = supConLossWithStats(double(c.features as number[][][]), optionsOf(c));
        const expected = oracle(c);
        expect(Math.abs(loss.itemSync() - expected.loss)).toBeLessThan(1e-10 * (1 + Math.abs(expected.loss)));
        expect(validAnchors.itemSync()).toBe(expected.validAnchors);
      }),
      { numRuns: 400, seed: 1 },
    );
  });

  test('gradient in features and temperature, by finite differences', () => {
    fc.assert(
      fc.property(cases, (drawn) => {
        const c = { ...drawn, temperature: Math.max(0.5, drawn.temperature) };
        // Lengths where normalising is smooth.
        fc.pre(c.features.flat().every((row) => row.some((x) => Math.abs(x) > 0.5)));
        const x = double(c.features as number[][][], true);
        const temperature = tensor(c.temperature, { dtype: 'float64', requiresGrad: true });
        supConLoss(x, { ...optionsOf(c), temperature }).backward();
        const gradient = gradientOf(x);
        const h = 1e-5;
        const difference = (change: (h: number) => Case) =>
          (oracle(change(h)).loss - oracle(change(-h)).loss) / (2 * h);
        for (let index = 0; index < gradient.length; index++) {
          const expected = difference((step) => ({ ...c, features: shifted(c.features, index, step) }));
          expect(Math.abs((gradient[index] as number) - expected)).toBeLessThan(1e-6 * (1 + Math.abs(expected)));
        }
        const slope = difference((step) => ({ ...c, temperature: c.temperature + step }));
        expect(Math.abs((temperature.grad?.itemSync() as number) - slope)).toBeLessThan(1e-6 * (1 + Math.abs(slope)));
      }),
      { numRuns: 100, seed: 2 },
    );
  });

  test('float32 in several blocks of 512 agrees with one block of float64', () => {
    const features = formulaFeatures(700, 2, 8);
    const classes = Int32Array.from({ length: 700 }, (_, i) => (i * i) % 13);
    for (const variant of ['out', 'in'] as const) {
      const whole = supConLoss(double(features), { labels: classes, variant, block: 1400 }).itemSync();
      const blocks = supConLoss(tensor(features), { labels: classes, variant }).itemSync();
      expect(Math.abs(blocks - whole)).toBeLessThan(1e-5 * whole);
    }
  });
});

interface Stored {
  positives: 'labels' | 'mask' | 'views';
  variant: 'out' | 'in';
  anchors: 'all' | 'first';
  noPositives: 'ignore' | 'zero';
  temperature: number;
  normalize: boolean;
  loss: number;
  gradient: number[];
  temperatureGradient: number;
}

describe("PyTorch's autograd of the naive form", () => {
  const stored: Stored[] = JSON.parse(
    readFileSync(new URL('../fixtures/losses/gradients.json', import.meta.url), 'utf8'),
  );
  // As test/fixtures/make_losses.py fills them.
  const mask = Array.from({ length: 5 }, (_, i) =>
    Array.from({ length: 5 }, (_, j) => (i === 3 ? 0 : Math.max(0, Math.sin(2 + i + 4 * j)))),
  );

  test.each(stored)('$positives $variant $anchors $temperature', (c) => {
    const x = double(formulaFeatures(5, 2, 3), true);
    const temperature = tensor(c.temperature, { dtype: 'float64', requiresGrad: true });
    const { variant, anchors, noPositives, normalize } = c;
    const positives = { labels: { labels: [0, 1, 0, 2, 1] }, mask: { mask }, views: {} }[c.positives];
    const loss = supConLoss(x, { ...positives, temperature, variant, anchors, noPositives, normalize, block: 4 });
    expect(loss.itemSync()).toBeCloseTo(c.loss, 11);
    loss.backward();
    const gradient = gradientOf(x);
    c.gradient.forEach((expected, i) => {
      expect(gradient[i]).toBeCloseTo(expected, 9);
    });
    expect(temperature.grad?.itemSync()).toBeCloseTo(c.temperatureGradient, 9);
  });
});

describe('a handle', () => {
  test('knows shape, dtype and requiresGrad at once', () => {
    const x = tensor(golden, { dtype: 'bfloat16', requiresGrad: true });
    const { loss, validAnchors } = supConLossWithStats(x, { labels });
    expect([loss.shape, loss.dtype, loss.requiresGrad]).toEqual([[], 'float32', true]);
    expect([validAnchors.shape, validAnchors.dtype, validAnchors.requiresGrad]).toEqual([[], 'int64', false]);
    expect(supConLoss(double(golden)).dtype).toBe('float64');
    expect(supConLoss(double(golden)).requiresGrad).toBe(false);
  });

  test('is the only one that a call leaves', () => {
    const x = tensor(golden);
    const before = memory().tensors;
    const loss = supConLoss(x, { labels });
    expect(memory().tensors).toBe(before + 1);
    loss.dispose();
    expect(memory().tensors).toBe(before);
  });

  test('labels come as arrays, typed arrays and integer tensors', () => {
    const expected = supConLoss(tensor(golden), { labels }).itemSync();
    const forms = [Uint8Array.from(labels), Int32Array.from(labels), BigInt64Array.from(labels, BigInt)];
    for (const form of [...forms, tensor(labels, { dtype: 'int64' }), tensor(labels, { dtype: 'uint8' })])
      expect(supConLoss(tensor(golden), { labels: form }).itemSync()).toBe(expected);
  });

  test('is computed in float32 under autocast', () => {
    const x = tensor(formulaFeatures(9, 2, 5));
    expect(autocast('bfloat16', () => supConLoss(x)).itemSync()).toBe(supConLoss(x).itemSync());
  });

  test('a gradient of float16 features is float16', () => {
    const x = tensor(golden, { dtype: 'float16', requiresGrad: true });
    supConLoss(x, { labels }).backward();
    expect(x.grad?.dtype).toBe('float16');
    expect(gradientOf(x).every(Number.isFinite)).toBe(true);
  });
});

describe('errors', () => {
  const x = tensor(golden);
  const throwing = (fn: () => unknown, code: string, message: RegExp) =>
    expect(fn).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));

  test('options', () => {
    throwing(() => supConLoss(x, { temprature: 1 } as never), 'ERR_OPTION', /did you mean 'temperature'/);
    throwing(() => supConLoss(x, { labels, mask: tensor([[1]]) }), 'ERR_OPTION', /labels and mask/);
    throwing(() => supConLoss(x, { temperature: 0 }), 'ERR_OPTION', /temperature must be a finite number > 0/);
    throwing(() => supConLoss(x, { variant: 'output' as never }), 'ERR_OPTION', /variant must be one of/);
    throwing(() => supConLoss(x, { anchors: 'one' as never }), 'ERR_OPTION', /anchors must be one of/);
    throwing(() => supConLoss(x, { noPositives: 'skip' as never }), 'ERR_OPTION', /noPositives must be one of/);
    throwing(() => supConLoss(x, { lossScale: Number.NaN }), 'ERR_OPTION', /lossScale must be a finite number/);
    throwing(() => supConLoss(x, { normalize: 1 as never }), 'ERR_OPTION', /normalize must be true or false/);
    throwing(() => supConLoss(x, { block: 0 }), 'ERR_OPTION', /block must be an integer >= 1/);
    throwing(() => supConLoss(x, { labels: [0.5, 1, 2, 3] }), 'ERR_OPTION', /labels\[0\] must be an integer/);
    throwing(() => supConLoss(x, { labels: 'abcd' as never }), 'ERR_DTYPE', /labels must be integers/);
    throwing(() => supConLoss([1] as never), 'ERR_DTYPE', /features must be a Tensor/);
  });

  test('shapes and dtypes, at the call', () => {
    throwing(() => supConLoss(tensor([[1, 2]])), 'ERR_SHAPE', /\(batch, views, dim\), got \[1, 2\]/);
    throwing(() => supConLoss(tensor([], { shape: [0, 2, 3] })), 'ERR_SHAPE', /at least one value/);
    throwing(() => supConLoss(tensor(golden, { dtype: 'int64' })), 'ERR_DTYPE', /features must be floating/);
    throwing(
      () => supConLoss(x, { labels: [0, 1] }),
      'ERR_SHAPE',
      /labels must have shape \(batch\) = \[4\], got \[2\]/,
    );
    throwing(() => supConLoss(x, { labels: tensor([0, 1, 2, 3]) }), 'ERR_DTYPE', /labels must be integers/);
    throwing(() => supConLoss(x, { mask: [[1, 0]] }), 'ERR_SHAPE', /mask must have shape \(batch, batch\)/);
    throwing(() => supConLoss(x, { temperature: tensor([1, 2]) }), 'ERR_SHAPE', /temperature must have one element/);
    throwing(
      () => supConLoss(x, { temperature: tensor(1, { dtype: 'int64' }) }),
      'ERR_DTYPE',
      /temperature must be fl/,
    );
  });

  test('values, when the loss is read', async () => {
    const rejecting = (options: Parameters<typeof supConLoss>[1], code: string, message: RegExp) =>
      expect(supConLoss(x, options).item()).rejects.toThrow(
        expect.objectContaining({ code, message: expect.stringMatching(message) }),
      );
    const mask = Array.from({ length: 4 }, () => [1, 1, 1, 1]);
    await rejecting({ temperature: tensor(-1) }, 'ERR_OPTION', /temperature must be a finite number > 0, got -1/);
    await rejecting({ temperature: tensor(Number.NaN) }, 'ERR_OPTION', /temperature must be a finite number > 0/);
    await rejecting({ mask: [...mask.slice(1), [1, 1, -1, 1]] }, 'ERR_OPTION', /mask must hold finite weights >= 0/);
    await rejecting({ mask: [...mask.slice(1), [1, NaN, 1, 1]] }, 'ERR_OPTION', /mask must hold finite weights >= 0/);
    const one = supConLoss(tensor([[[1, 2]], [[2, 1]], [[1, 1]]]), { labels: [0, 0, 1], noPositives: 'error' });
    await expect(one.item()).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(/1 of 3 anchors have no positive/) }),
    );
  });
});
