import { describe, expect, test } from 'vitest';
import { supConLoss, supConLossWithStats } from '../../lib/losses/sup-con.ts';
import { autocast } from '../../lib/tensor/modes.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';
import { formulaFeatures, gradientOf } from './oracle.ts';

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

describe('blocks', () => {
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

describe('a handle', () => {
  test('knows shape, dtype and requiresGrad at once', () => {
    const x = tensor(golden, { dtype: 'bfloat16', requiresGrad: true });
    const { loss, validAnchors } = supConLossWithStats(x, { labels });
    expect([loss.shape, loss.dtype, loss.requiresGrad]).toEqual([[], 'float32', true]);
    expect([validAnchors.shape, validAnchors.dtype, validAnchors.requiresGrad]).toEqual([[], 'int64', false]);
    expect(supConLoss(double(golden)).dtype).toBe('float64');
    expect(supConLoss(double(golden)).requiresGrad).toBe(false);
  });

  test('is the only one that a call leaves', async () => {
    const x = tensor(golden);
    await collect();
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
    const pair = [false, true, false, true];
    expect(supConLoss(tensor(golden), { labels: tensor(pair) }).itemSync()).toBe(
      supConLoss(tensor(golden), { labels: pair.map(Number) }).itemSync(),
    );
  });

  test('is computed in float32 under autocast', () => {
    const x = tensor(formulaFeatures(9, 2, 5));
    expect(autocast('bfloat16', () => supConLoss(x)).itemSync()).toBe(supConLoss(x).itemSync());
    const gradients = [true, false].map((isCast) => {
      const leaf = tensor(formulaFeatures(9, 2, 5), { requiresGrad: true });
      const step = () => supConLoss(leaf).backward();
      if (isCast) autocast('bfloat16', step);
      else step();
      return gradientOf(leaf);
    });
    expect(gradients[0]).toEqual(gradients[1]);
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
    for (const temperature of [1e-300, 1e-39, 1e300])
      throwing(
        () => supConLoss(x, { temperature }),
        'ERR_OPTION',
        /temperature and its inverse must be finite in float32/,
      );
    throwing(() => supConLoss(x, { variant: 'output' as never }), 'ERR_OPTION', /variant must be one of/);
    throwing(() => supConLoss(x, { anchors: 'one' as never }), 'ERR_OPTION', /anchors must be one of/);
    throwing(() => supConLoss(x, { noPositives: 'skip' as never }), 'ERR_OPTION', /noPositives must be one of/);
    throwing(() => supConLoss(x, { lossScale: Number.NaN }), 'ERR_OPTION', /lossScale must be a finite number/);
    throwing(() => supConLoss(x, { normalize: 1 as never }), 'ERR_OPTION', /normalize must be true or false/);
    throwing(() => supConLoss(x, { block: 0 }), 'ERR_OPTION', /block must be an integer >= 1/);
    throwing(() => supConLoss(x, { labels: [0.5, 1, 2, 3] }), 'ERR_OPTION', /labels\[0\] must be an integer/);
    throwing(
      () =>
        supConLoss(x, {
          labels: [
            [0, 2],
            [1, 0],
            [1, 1],
            [0, 0],
          ],
        }),
      'ERR_OPTION',
      /labels\[0\] must hold/,
    );
    throwing(() => supConLoss(x, { labels: [[0, 1], [1]] }), 'ERR_SHAPE', /nested arrays of equal sizes/);
    throwing(() => supConLoss(x, { denominators: 'none' as never }), 'ERR_OPTION', /denominators must be one of/);
    throwing(() => supConLoss(x, { maxPositives: 0 }), 'ERR_OPTION', /maxPositives must be an integer >= 1/);
    throwing(() => supConLoss(x, { seed: -1 }), 'ERR_OPTION', /seed must be an integer >= 0/);
    const hard = (hardNegatives: object) => () => supConLoss(x, { hardNegatives });
    throwing(hard({ concentration: -1 }), 'ERR_OPTION', /hardNegatives.concentration must be a finite number >= 0/);
    throwing(hard({ classPrior: 1 }), 'ERR_OPTION', /hardNegatives.classPrior must be a finite number >= 0/);
    throwing(hard({ beta: 1 }), 'ERR_OPTION', /hardNegatives: unknown option 'beta'/);
    throwing(() => supConLoss(x, { labels: 'abcd' as never }), 'ERR_DTYPE', /labels must be integers/);
    throwing(() => supConLoss([1] as never), 'ERR_DTYPE', /features must be a Tensor/);
  });

  test('labels below 0, when the loss is read: a class is meant, or none', async () => {
    const refused = { code: 'ERR_OPTION', message: expect.stringMatching(/labels must be integers >= 0, got -1/) };
    for (const negative of [[0, -1, 0, -1], tensor([0, -1, 0, -1], { dtype: 'int64' })])
      await expect(supConLoss(x, { labels: negative }).item()).rejects.toMatchObject(refused);
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
    throwing(() => supConLoss(x, { labels: [[0, 1]] }), 'ERR_SHAPE', /labels must have shape \(batch, classes\)/);
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
    await rejecting({ temperature: tensor(1e-39) }, 'ERR_OPTION', /its inverse must be finite in float32, got 1e-39/);
    await rejecting({ temperature: tensor(Number.NaN) }, 'ERR_OPTION', /temperature must be a finite number > 0/);
    await rejecting({ mask: [...mask.slice(1), [1, 1, -1, 1]] }, 'ERR_OPTION', /mask must hold finite weights >= 0/);
    await rejecting({ mask: [...mask.slice(1), [1, NaN, 1, 1]] }, 'ERR_OPTION', /mask must hold finite weights >= 0/);
    const negative = tensor([...mask.slice(1), [1, 1, -1, 1]], { dtype: 'int64' });
    await rejecting({ mask: negative }, 'ERR_OPTION', /mask must hold finite weights >= 0, got values from -1 to 1/);
    const alone = supConLoss(tensor([[[1, 2]]]), { noPositives: 'error' });
    await expect(alone.item()).rejects.toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
    const sets = tensor([[0, 1], [1, 2], [0, 0], [1, 1]]); // biome-ignore format: rows
    await rejecting({ labels: sets }, 'ERR_OPTION', /labels of two dimensions must hold 0 and 1 only/);
    const one = supConLoss(tensor([[[1, 2]], [[2, 1]], [[1, 1]]]), { labels: [0, 0, 1], noPositives: 'error' });
    await expect(one.item()).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(/1 of 3 anchors have no positive/) }),
    );
  });
});
