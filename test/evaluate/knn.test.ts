import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { knnClassify, nearestNeighbours } from '../../lib/evaluate/knn.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { memory, sync } from '../../lib/tensor/runtime.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';

const cosine = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, d) => sum + x * (b[d] as number), 0) / (Math.hypot(...a) * Math.hypot(...b));

/** Wu et al. 2018: the k nearest by cosine vote exp(s/T). */
function votes(query: readonly number[], bank: readonly number[][], labels: readonly number[], k: number, T: number) {
  const shares = new Map<number, number>();
  bank
    .map((row, i) => ({ s: cosine(query, row), label: labels[i] as number }))
    .sort((x, y) => y.s - x.s)
    .slice(0, k)
    .forEach(({ s, label }) => {
      shares.set(label, (shares.get(label) ?? 0) + Math.exp(s / T));
    });
  const total = [...shares.values()].reduce((sum, v) => sum + v, 0);
  return new Map([...shares].map(([label, v]) => [label, v / total]));
}

/** Rows that are never parallel, so that no two similarities are equal. */
const rows = (count: number, start: number) =>
  Array.from({ length: count }, (_, i) => [0, 1, 2, 3].map((d) => Math.sin(start + 1.7 * i + 2.3 * d * d + i * d)));

describe('knnClassify', () => {
  test('agrees with a brute-force vote, in every block size', () => {
    fc.assert(
      fc.property(
        fc.record({
          queries: fc.integer({ min: 1, max: 9 }),
          bank: fc.integer({ min: 1, max: 12 }),
          classes: fc.integer({ min: 1, max: 4 }),
          k: fc.integer({ min: 1, max: 12 }),
          temperature: fc.constantFrom(0.01, 0.1, 2),
          start: fc.integer({ min: 0, max: 1000 }),
          block: fc.integer({ min: 0, max: 10 }),
        }),
        ({ queries, bank, classes, k: wanted, temperature, start, block }) => {
          const k = Math.min(wanted, bank);
          const [query, known] = [rows(queries, start), rows(bank, start + 0.5)];
          const labels = known.map((_, i) => (i * i + start) % classes);
          const [predictions, scores] = internal.knnClassify(
            tensor(query, { dtype: 'float64' }),
            tensor(known, { dtype: 'float64' }),
            tensor(labels, { dtype: 'int64' }),
            { classes, k, temperature, block },
          );
          const shares = scores.dataSync() as Float32Array;
          const predicted = Array.from(predictions.dataSync() as BigInt64Array, Number);
          query.forEach((row, i) => {
            const expected = votes(row, known, labels, k, temperature);
            for (let c = 0; c < classes; c++)
              expect(Math.abs((shares[i * classes + c] as number) - (expected.get(c) ?? 0))).toBeLessThan(1e-3);
            const best = Math.max(...expected.values());
            expect(best - (expected.get(predicted[i] as number) ?? 0)).toBeLessThan(1e-3);
          });
        },
      ),
      { numRuns: 150, seed: 3 },
    );
  });

  test('accuracy, with labels of any form, and nothing left behind', async () => {
    const train = {
      features: tensor([
        [1, 0],
        [0.9, 0.1],
        [0, 1],
        [0.1, 0.9],
      ]),
      labels: [0, 0, 5, 5],
    };
    const test = {
      features: tensor([
        [2, 0.1],
        [0.1, 7],
        [1, 0],
      ]),
      labels: Int32Array.of(0, 5, 5),
    };
    await collect();
    const before = memory().tensors;
    const { accuracy, predictions } = await knnClassify(train, test, { k: 2 });
    expect(Array.from(predictions)).toEqual([0, 5, 0]);
    expect(accuracy).toBeCloseTo(2 / 3, 12);
    expect(memory().tensors).toBe(before);
    const labels = tensor([0, 0, 5, 5], { dtype: 'int64' });
    const again = await knnClassify({ ...train, labels }, { ...test, labels: BigInt64Array.of(0n, 5n, 0n) }, { k: 1 });
    expect(again.accuracy).toBe(1);
  });

  test('the confidence of a prediction is its share of the votes', async () => {
    const [query, bank] = [rows(7, 1), rows(11, 9)];
    const labels = bank.map((_, i) => (i * i) % 3);
    const known = { features: tensor(bank), labels };
    const asked = { features: tensor(query), labels: query.map(() => 0) };
    const { predictions, confidences } = await knnClassify(known, asked, { k: 5, temperature: 0.5 });
    for (const [i, row] of query.entries()) {
      const expected = votes(row, bank, labels, 5, 0.5).get(predictions[i] as number) ?? 0;
      expect(Math.abs((confidences[i] as number) - expected)).toBeLessThan(1e-4);
    }
  });

  test('labels of any size cost what their number does, and classes that training lacks are counted', async () => {
    const [far, farther] = [2 ** 31 - 2, 2 ** 31 - 1];
    const train = {
      features: tensor([
        [1, 0],
        [0, 1],
        [1, 0.1],
      ]),
      labels: [far, 7, farther],
    };
    const test = {
      features: tensor([
        [1, 0],
        [0, 1],
        [1, 0.1],
        [0, 2],
      ]),
      labels: [far, 7, 3, 3],
    };
    const { accuracy, predictions, unknown, confidences, ...rest } = await knnClassify(train, test, { k: 1 });
    expect([accuracy, Array.from(predictions), unknown, rest]).toEqual([0.5, [far, 7, farther, 7], 0.5, {}]);
    expect(Array.from(confidences)).toEqual([1, 1, 1, 1]);
  });

  test('top-5 where there are more than five classes: a class without votes is never among them', async () => {
    const bank = rows(24, 3);
    const labels = bank.map((_, i) => (7 * i + Math.floor(i / 3)) % 8);
    const query = rows(40, 60);
    const wanted = query.map((_, i) => i % 8);
    const { accuracy, top5 } = await knnClassify(
      { features: tensor(bank), labels },
      { features: tensor(query), labels: wanted },
      { k: 9, temperature: 0.5 },
    );
    const hits = (most: number) =>
      query.filter((row, i) => {
        const shares = votes(row, bank, labels, 9, 0.5);
        const own = shares.get(wanted[i] as number) ?? 0;
        return own > 0 && [...shares.values()].filter((share) => share > own).length < most;
      }).length;
    expect([accuracy, top5]).toEqual([hits(1) / 40, hits(5) / 40]);
    const two = { features: tensor(rows(2, 3)), labels: [0, 1] };
    expect(await knnClassify(two, two, { k: 1 })).not.toHaveProperty('top5');
  });

  test('goes by blocks of rows, tells them, and stops between them', async () => {
    const bank = { features: ops.randn([40_000, 256], { seed: 1 }), labels: new Int32Array(40_000) };
    const queries = { features: ops.randn([700, 256], { seed: 2 }), labels: new Int32Array(700) };
    const seen: number[][] = [];
    const whole = await knnClassify(bank, queries, { onProgress: (done, total) => seen.push([done, total]) });
    expect(whole.accuracy).toBe(1);
    expect(seen.length).toBeGreaterThan(3);
    expect(seen.at(-1)).toEqual([700, 700]);
    await sync();
    await collect();
    const before = memory().tensors;
    const controller = new AbortController();
    const stopped = { signal: controller.signal, onProgress: () => controller.abort() };
    await expect(knnClassify(bank, queries, stopped)).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await sync();
    await new Promise(setImmediate); // the reads of blocks that were under way have resolved
    expect(memory().tensors).toBe(before);
    const other = new AbortController();
    const search = { k: 1, signal: other.signal, onProgress: () => other.abort() };
    await expect(nearestNeighbours(queries.features, bank.features, search)).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    await expect(knnClassify(bank, queries, { onProgress: 1 as never })).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });

  test('many votes beat one near one when T is large, and not when it is small', async () => {
    const train = {
      features: tensor([
        [1, 0],
        [1, 1],
        [1, 1.1],
      ]),
      labels: [0, 1, 1],
    };
    const test = { features: tensor([[1, 0.05]]), labels: [0] };
    expect((await knnClassify(train, test, { k: 3, temperature: 10 })).accuracy).toBe(0);
    expect((await knnClassify(train, test, { k: 3, temperature: 0.01 })).accuracy).toBe(1);
  });

  test('errors', async () => {
    const two = {
      features: tensor([
        [1, 0],
        [0, 1],
      ]),
      labels: [0, 1],
    };
    const failing = async (promise: Promise<unknown>, code: string, message: RegExp) =>
      expect(promise).rejects.toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    await failing(knnClassify(two, two), 'ERR_OPTION', /k must be from 1 to the 2 rows of the bank, got 20/);
    await failing(knnClassify(two, two, { K: 1 } as never), 'ERR_OPTION', /did you mean 'k'/);
    await failing(knnClassify(two, two, { k: 1, temperature: 0 }), 'ERR_OPTION', /temperature must be/);
    await failing(
      knnClassify(two, two, { k: 1, temperature: 1e-40 }),
      'ERR_OPTION',
      /temperature and its inverse must be finite in float32, got 1e-40 \(number\)/,
    );
    await failing(knnClassify({ ...two, labels: [0] }, two, { k: 1 }), 'ERR_SHAPE', /train.labels must have one label/);
    await failing(
      knnClassify({ ...two, labels: [0, -1] }, two, { k: 1 }),
      'ERR_DATA',
      /train.labels must be integers >= 0/,
    );
    await failing(knnClassify({ ...two, labels: 'ab' as never }, two, { k: 1 }), 'ERR_DTYPE', /train.labels must be/);
    await failing(
      knnClassify({ labels: [0, 1] } as never, two, { k: 1 }),
      'ERR_DTYPE',
      /train.features must be a Tensor/,
    );
    const wide = { features: tensor([[1, 0, 0]]), labels: [0] };
    await failing(knnClassify(two, wide, { k: 1 }), 'ERR_SHAPE', /bank must have the dim of features/);
    const none = { features: two.features.narrow(0, 0, 0), labels: [] };
    await failing(
      knnClassify(two, none, { k: 1 }),
      'ERR_SHAPE',
      /test must have shape.*at least one value, got \[0,2\]/,
    );
    await failing(knnClassify(none, two, { k: 1 }), 'ERR_SHAPE', /bank must have shape.*at least one value/);
    const flat = { features: tensor([1, 0]), labels: [0, 1] };
    await failing(knnClassify(flat, two, { k: 1 }), 'ERR_SHAPE', /bank must have shape \(rows, dim\)/);
    const nan = {
      features: tensor([
        [Number.NaN, 0],
        [0, 1],
      ]),
      labels: [0, 1],
    };
    await failing(knnClassify(two, nan, { k: 1 }), 'ERR_DATA', /features must be finite/);
    const integer = {
      features: tensor(
        [
          [1, 0],
          [0, 1],
        ],
        { dtype: 'int64' },
      ),
      labels: [0, 1],
    };
    await failing(knnClassify(integer, two, { k: 1 }), 'ERR_DTYPE', /bank must be floating/);
  });

  test('native checks of labels and settings', async () => {
    const x = tensor([
      [1, 0],
      [0, 1],
    ]);
    const y = tensor([0, 1], { dtype: 'int64' });
    const native = (labels: typeof y, settings: Parameters<typeof internal.knnClassify>[3]) =>
      internal.knnClassify(x, x, labels, settings)[0].data();
    const code = (wanted: string) => expect.objectContaining({ code: wanted });
    await expect(native(y, { classes: 1, k: 1 })).rejects.toThrow(code('ERR_DATA'));
    expect(() => native(tensor([0], { dtype: 'int64' }), { classes: 2, k: 1 })).toThrow(code('ERR_SHAPE'));
    expect(() => native(tensor([0, 1]), { classes: 2, k: 1 })).toThrow(code('ERR_DTYPE'));
    expect(() => native(y, { classes: 0, k: 1 })).toThrow(code('ERR_OPTION'));
    expect(() => native(y, { classes: 2, k: 1, block: -1 })).toThrow(code('ERR_OPTION'));
    expect(() => native(y, { classes: 2, k: 1, temperature: -1 })).toThrow(code('ERR_OPTION'));
    const doubles = x.to('float64');
    expect(() => internal.nearestNeighbours(doubles, doubles, { k: 1, unit: true })).toThrow(code('ERR_DTYPE'));
    expect(() => internal.unitBank(y)).toThrow(code('ERR_SHAPE'));
  });
});

describe('nearestNeighbours', () => {
  test('are those of the largest cosine, nearest first', async () => {
    const [query, bank] = [rows(5, 3), rows(9, 40)];
    const { indices, similarities } = await nearestNeighbours(tensor(query), tensor(bank), { k: 4 });
    query.forEach((row, i) => {
      const ranked = bank.map((other, j) => ({ j, s: cosine(row, other) })).sort((a, b) => b.s - a.s);
      expect(Array.from(indices[i] ?? [])).toEqual(ranked.slice(0, 4).map(({ j }) => j));
      ranked.slice(0, 4).forEach(({ s }, n) => {
        expect(similarities[i]?.[n]).toBeCloseTo(s, 5);
      });
    });
  });

  test('of a set in itself begin with the row', async () => {
    const x = tensor(rows(6, 3));
    const { indices } = await nearestNeighbours(x, x, { k: 1 });
    expect(indices.map((row) => row[0])).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('leave the row itself out when asked, behind equal rows and many of them too', async () => {
    const x = tensor([...rows(3, 3), ...new Array(5).fill([1, 2, 3, 4])]);
    const { indices, similarities } = await nearestNeighbours(x, x, { k: 2, excludeSelf: true });
    indices.forEach((found, i) => {
      expect(found).toHaveLength(2);
      expect(Array.from(found)).not.toContain(i);
      if (i >= 3) {
        expect(Array.from(found).every((j) => j >= 3)).toBe(true);
        for (const s of similarities[i] ?? []) expect(s).toBeCloseTo(1, 5);
      }
    });
    const all = await nearestNeighbours(x, x, { k: 7, excludeSelf: true });
    expect(all.indices.map((found) => Array.from(found).sort((a, b) => a - b))).toEqual(
      Array.from({ length: 8 }, (_, i) => [0, 1, 2, 3, 4, 5, 6, 7].filter((j) => j !== i)),
    );
    const failing = (bank: typeof x, k: number, code: string) =>
      expect(nearestNeighbours(x, bank, { k, excludeSelf: true })).rejects.toMatchObject({ code });
    await failing(x, 8, 'ERR_OPTION');
    await failing(tensor(rows(3, 1)), 1, 'ERR_SHAPE');
    await expect(nearestNeighbours(x, x, { k: 1, excludeSelf: 1 as never })).rejects.toMatchObject({
      code: 'ERR_OPTION',
    });
  });

  test('in a bank that was made of unit length once are the same', () => {
    const [x, bank] = [tensor(rows(5, 3)), tensor(rows(9, 40))];
    const [found] = internal.nearestNeighbours(x, bank, { k: 4 });
    const [again] = internal.nearestNeighbours(x, internal.unitBank(bank), { k: 4, unit: true });
    expect(again.dataSync()).toEqual(found.dataSync());
  });

  test('shape and dtype are known at once', () => {
    const [indices, similarities] = internal.nearestNeighbours(tensor(rows(5, 3)), tensor(rows(9, 40)), { k: 2 });
    expect([indices.shape, indices.dtype]).toEqual([[5, 2], 'int64']);
    expect([similarities.shape, similarities.dtype]).toEqual([[5, 2], 'float32']);
  });

  test('errors', async () => {
    const x = tensor(rows(2, 3));
    await expect(nearestNeighbours(x, x, { n: 1 } as never)).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_OPTION' }),
    );
    await expect(nearestNeighbours(x.narrow(0, 0, 0), x, { k: 1 })).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_SHAPE' }),
    );
    await expect(nearestNeighbours(x, x, { k: 3 })).rejects.toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });
});
