import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import type { Dataset, LoadedSample } from '../../lib/data/dataset.ts';
import { DataLoader, type DataLoaderOptions } from '../../lib/data/loader.ts';
import { DataError } from '../../lib/errors.ts';

const countTo = (length: number): Dataset =>
  arrayDataset(
    new Uint8Array(length).map((_, i) => i),
    { shape: [length, 1, 1, 1] },
  );

/** A data set whose samples come late, out of order, and that counts what is pending. */
function slow(length: number, delay: (index: number) => number = (index) => (index * 7) % 3) {
  const seen = { pending: 0, most: 0, asked: [] as number[] };
  const dataset: Dataset = {
    name: 'slow',
    length,
    async get(index) {
      seen.asked.push(index);
      seen.most = Math.max(seen.most, ++seen.pending);
      await sleep(delay(index));
      seen.pending--;
      return { pixels: Uint8Array.of(index), height: 1, width: 1, channels: 1, id: index };
    },
  };
  return { dataset, seen };
}

const ids = (samples: readonly LoadedSample[]): number[] => samples.map(({ id }) => id);

async function collect<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

const idsOf = async (loader: DataLoader, epoch: number, startStep = 0): Promise<number[][]> =>
  (await collect(loader.epoch(epoch, { startStep }))).map(({ samples }) => ids(samples));

describe('DataLoader', () => {
  it('gives every sample once, in order, the last batch short', async () => {
    const loader = new DataLoader(countTo(7), { batchSize: 3 });
    expect(loader.length).toBe(3);
    const batches = await collect(loader.epoch(4));
    expect(batches.map(({ samples, epoch, step }) => [ids(samples), epoch, step])).toEqual([
      [[0, 1, 2], 4, 0],
      [[3, 4, 5], 4, 1],
      [[6], 4, 2],
    ]);
  });

  it('drops a short last batch', async () => {
    expect(await idsOf(new DataLoader(countTo(7), { batchSize: 3, dropLast: true }), 0)).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
  });

  it('shuffles by seed and epoch, whatever the prefetch, the concurrency and the speed of the data', async () => {
    const reference = await idsOf(new DataLoader(countTo(20), { batchSize: 6, shuffle: true, seed: 3 }), 2);
    expect(reference.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    for (const prefetch of [0, 1, 5])
      for (const concurrency of [1, 4])
        expect(
          await idsOf(
            new DataLoader(slow(20).dataset, { batchSize: 6, shuffle: true, seed: 3, prefetch, concurrency }),
            2,
          ),
        ).toEqual(reference);
    const other = { batchSize: 6, shuffle: true };
    expect(await idsOf(new DataLoader(countTo(20), { ...other, seed: 4 }), 2)).not.toEqual(reference);
    expect(await idsOf(new DataLoader(countTo(20), { ...other, seed: 3 }), 3)).not.toEqual(reference);
  });

  it('resumes at any step with the same rest of the epoch', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(),
        async (n, size, seed) => {
          const loader = new DataLoader(countTo(n), { batchSize: size, shuffle: true, seed });
          const whole = await idsOf(loader, 1);
          for (let step = 0; step <= loader.length; step++)
            expect(await idsOf(loader, 1, step)).toEqual(whole.slice(step));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('gives what the transform makes', async () => {
    const loader = new DataLoader(countTo(4), {
      batchSize: 2,
      transform: async (samples, epoch) => samples.reduce((sum, { id }) => sum + id, 100 * epoch),
    });
    const sums: number[] = await collect(loader.epoch(2));
    expect(sums).toEqual([201, 205]);
  });

  it('bounds how many reads are pending, over all batches', async () => {
    const { dataset, seen } = slow(40, () => 1);
    await collect(new DataLoader(dataset, { batchSize: 4, prefetch: 4, concurrency: 6 }).epoch(0));
    expect(seen.most).toBe(6);
    expect(seen.asked).toEqual(Array.from({ length: 40 }, (_, i) => i)); // earlier batches first
  });

  it('prepares as many batches ahead as told, and no more', async () => {
    for (const prefetch of [0, 1, 3]) {
      const { dataset, seen } = slow(40, () => 0);
      const batches = new DataLoader(dataset, { batchSize: 2, prefetch }).epoch(0);
      expect(seen.asked).toHaveLength(0);
      await batches.next();
      await sleep(20);
      expect(seen.asked).toHaveLength(2 * (1 + prefetch));
      await batches.return();
    }
  });
});

describe('leaving early', () => {
  it('stops reading', async () => {
    const { dataset, seen } = slow(1000, () => 1);
    for await (const { step } of new DataLoader(dataset, { batchSize: 4, concurrency: 2 }).epoch(0))
      if (step === 2) break;
    const asked = seen.asked.length;
    await sleep(30);
    expect(seen.asked.length).toBeLessThanOrEqual(asked + 1);
    expect(seen.pending).toBe(0);
  });

  it('discards what was prepared, in flight or ready, and nothing that was given', async () => {
    const live = new Set<number>();
    const options: DataLoaderOptions<number> = {
      batchSize: 1,
      prefetch: 3,
      transform: async ([sample]) => {
        const { id } = sample as LoadedSample;
        live.add(id);
        if (id === 3) await sleep(20);
        return id;
      },
      discard: (id) => live.delete(id),
    };
    for await (const id of new DataLoader(countTo(9), options).epoch(0)) if (id === 1) break;
    await sleep(40);
    expect([...live]).toEqual([0, 1]);
  });

  it('disposes what has Symbol.dispose', async () => {
    const dispose = vi.fn();
    const loader = new DataLoader(countTo(9), {
      batchSize: 1,
      prefetch: 2,
      transform: () => ({ [Symbol.dispose]: dispose }),
    });
    for await (const _ of loader.epoch(0)) break;
    await sleep(5);
    expect(dispose).toHaveBeenCalledTimes(2);
  });

  it('raises no unhandled rejection from batches that nobody waits for', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const dataset: Dataset = {
      ...slow(9).dataset,
      get: async (index) => {
        if (index > 1) throw new Error('late');
        return { pixels: Uint8Array.of(0), height: 1, width: 1, channels: 1, id: index };
      },
    };
    for await (const _ of new DataLoader(dataset, { batchSize: 1 }).epoch(0)) break;
    await sleep(10);
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});

describe('a signal', () => {
  it('ends the epoch with an AbortError that has its reason, at once', async () => {
    const hanging: Dataset = { name: 'hanging', length: 3, get: () => new Promise(() => {}) };
    const controller = new AbortController();
    const pending = new DataLoader(hanging, { batchSize: 1 }).epoch(0, { signal: controller.signal }).next();
    setTimeout(() => controller.abort('enough'), 10);
    await expect(pending).rejects.toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError', cause: 'enough' });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('is heard between batches, and stops reading while the consumer is busy', async () => {
    const controller = new AbortController();
    const { dataset, seen } = slow(100, () => 2);
    const batches = new DataLoader(dataset, { batchSize: 4, concurrency: 1, prefetch: 5 }).epoch(0, {
      signal: controller.signal,
    });
    await batches.next();
    controller.abort();
    await sleep(20);
    expect(seen.asked.length).toBeLessThan(8);
    await expect(batches.next()).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(await batches.next()).toEqual({ done: true, value: undefined });
  });

  it('that has fired already refuses the epoch', () => {
    expect(() => new DataLoader(countTo(3), { batchSize: 1 }).epoch(0, { signal: AbortSignal.abort() })).toThrow(
      expect.objectContaining({ code: 'ERR_ABORTED' }),
    );
  });

  it('leaves no listeners after a whole epoch', async () => {
    const { signal } = new AbortController();
    await collect(new DataLoader(slow(30).dataset, { batchSize: 3 }).epoch(0, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('errors', () => {
  const failing = (error: unknown, sync = false): Dataset => ({
    name: 'mine',
    length: 6,
    get(index) {
      if (index === 3) {
        if (sync) throw error;
        return Promise.reject(error);
      }
      return { pixels: Uint8Array.of(0), height: 1, width: 1, channels: 1, id: index };
    },
  });

  it.each([true, false])(
    'of a sample come after the batches before it, with the index and the cause (sync: %s)',
    async (sync) => {
      const cause = new DataError('photo.jpg: cannot be decoded');
      const given: number[] = [];
      const run = async () => {
        for await (const { step } of new DataLoader(failing(cause, sync), { batchSize: 2 }).epoch(0)) given.push(step);
      };
      await expect(run()).rejects.toMatchObject({
        code: 'ERR_DATA',
        message: 'mine: sample 3: photo.jpg: cannot be decoded',
        cause,
      });
      expect(given).toEqual([0]);
    },
  );

  it('may be anything that was thrown', async () => {
    await expect(collect(new DataLoader(failing('oh'), { batchSize: 2 }).epoch(0))).rejects.toMatchObject({
      message: 'mine: sample 3: oh',
      cause: 'oh',
    });
  });

  it('name a sample of a wrong shape once', async () => {
    const wrong: Dataset = {
      ...failing(0),
      get: (id) => ({ pixels: new Uint8Array(2), height: 1, width: 1, channels: 1, id }),
    };
    await expect(collect(new DataLoader(wrong, { batchSize: 2 }).epoch(0))).rejects.toMatchObject({
      code: 'ERR_SHAPE',
      message: 'mine: sample 0: pixels must hold 1 × 1 × 1 = 1 values, got 2',
    });
    const nothing = { ...failing(0), get: () => undefined } as unknown as Dataset;
    await expect(collect(new DataLoader(nothing, { batchSize: 2 }).epoch(0))).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringContaining('got undefined'),
    });
  });

  it('of a transform come as they are', async () => {
    const error = new RangeError('mine');
    const transform = () => {
      throw error;
    };
    await expect(collect(new DataLoader(countTo(2), { batchSize: 1, transform }).epoch(0))).rejects.toBe(error);
  });

  it.each<[string, unknown, object, string, RegExp]>([
    ['no data set', {}, { batchSize: 1 }, 'ERR_DATA', /dataset\.name must be/],
    ['an empty one', { name: 'e', length: 0, get: () => {} }, { batchSize: 1 }, 'ERR_DATA', /e: the data set is empty/],
    ['no batch size', countTo(3), {}, 'ERR_OPTION', /batchSize must be an integer >= 1, got undefined/],
    ['a batch size of 0', countTo(3), { batchSize: 0 }, 'ERR_OPTION', /batchSize must be/],
    ['a negative seed', countTo(3), { batchSize: 1, seed: -1 }, 'ERR_OPTION', /seed must be/],
    ['shuffle in words', countTo(3), { batchSize: 1, shuffle: 'yes' }, 'ERR_OPTION', /shuffle must be true or false/],
    ['dropLast in words', countTo(3), { batchSize: 1, dropLast: 1 }, 'ERR_OPTION', /dropLast must be true or false/],
    ['half a prefetch', countTo(3), { batchSize: 1, prefetch: 0.5 }, 'ERR_OPTION', /prefetch must be/],
    ['no concurrency', countTo(3), { batchSize: 1, concurrency: 0 }, 'ERR_OPTION', /concurrency must be/],
    [
      'a transform that is none',
      countTo(3),
      { batchSize: 1, transform: 3 },
      'ERR_OPTION',
      /transform must be a function/,
    ],
    ['a discard that is none', countTo(3), { batchSize: 1, discard: 3 }, 'ERR_OPTION', /discard must be a function/],
    ['an unknown option', countTo(3), { batchsize: 1 }, 'ERR_OPTION', /did you mean 'batchSize'/],
    ['no full batch', countTo(3), { batchSize: 4, dropLast: true }, 'ERR_OPTION', /at most the 3 samples of array/],
  ])('refuse %s', (_, dataset, options, code, message) => {
    expect(() => new DataLoader(dataset as Dataset, options as DataLoaderOptions<unknown>)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('refuse a signal that is none', () => {
    const loader = new DataLoader(countTo(3), { batchSize: 1 });
    expect(() => loader.epoch(0, { signal: {} as AbortSignal })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(/signal must be an AbortSignal/) }),
    );
  });

  it.each<[number, object, RegExp]>([
    [-1, {}, /epoch must be/],
    [0, { startStep: 4 }, /startStep must be an integer >= 0 and <= 3, got 4/],
    [0, { start: 1 }, /unknown option 'start'/],
  ])('refuse epoch %s with %j', (epoch, options, message) => {
    expect(() => new DataLoader(countTo(3), { batchSize: 1 }).epoch(epoch, options)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(message) }),
    );
  });
});
