import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StateError } from '../../lib/errors.ts';
import { Batcher } from '../../lib/serve/batcher.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const later = <T>(ms: number, value: T): Promise<T> => new Promise((resolve) => setTimeout(() => resolve(value), ms));

/** Doubles its items in `ms`, and keeps the batches that it saw. */
function doubling({ maxBatch = 4, maxWaitMs = 5, ms = 10 } = {}) {
  const batches: number[][] = [];
  const batcher = new Batcher<number, number>({
    maxBatch,
    maxWaitMs,
    run: async (items) => {
      batches.push([...items]);
      await later(ms, undefined);
      return items.map((item) => 2 * item);
    },
  });
  return { batcher, batches };
}

describe('Batcher', () => {
  it('starts a lone request at once', async () => {
    const { batcher, batches } = doubling({ maxWaitMs: 1000 });
    const result = batcher.submit(async () => 3);
    await vi.advanceTimersByTimeAsync(0);
    expect(batches).toEqual([[3]]);
    expect(batcher.pending).toBe(1);
    await vi.advanceTimersByTimeAsync(10);
    expect(await result).toBe(6);
    expect(batcher.pending).toBe(0);
  });

  it('answers concurrent requests in batches of at most maxBatch, in their order', async () => {
    const { batcher, batches } = doubling();
    const results = Promise.all([1, 2, 3, 4, 5, 6].map((item) => batcher.submit(async () => item)));
    await vi.advanceTimersByTimeAsync(20);
    expect(await results).toEqual([2, 4, 6, 8, 10, 12]);
    expect(batches).toEqual([
      [1, 2, 3, 4],
      [5, 6],
    ]);
  });

  it('waits for requests that are being prepared, but no longer than maxWaitMs', async () => {
    const { batcher, batches } = doubling({ maxWaitMs: 5 });
    const results = Promise.all([
      batcher.submit(() => later(1, 1)),
      batcher.submit(() => later(4, 2)),
      batcher.submit(() => later(100, 3)),
    ]);
    await vi.advanceTimersByTimeAsync(5);
    expect(batches).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(batches).toEqual([[1, 2]]);
    await vi.advanceTimersByTimeAsync(200);
    expect(await results).toEqual([2, 4, 6]);
    expect(batches).toEqual([[1, 2], [3]]);
  });

  it('gathers what arrives while a batch runs', async () => {
    const { batcher, batches } = doubling({ ms: 10 });
    const results = [batcher.submit(async () => 1)];
    await vi.advanceTimersByTimeAsync(2);
    results.push(batcher.submit(async () => 2));
    await vi.advanceTimersByTimeAsync(2);
    results.push(batcher.submit(async () => 3));
    await vi.advanceTimersByTimeAsync(30);
    expect(await Promise.all(results)).toEqual([2, 4, 6]);
    expect(batches).toEqual([[1], [2, 3]]);
  });

  it('rejects the request that could not be prepared, alone', async () => {
    const { batcher, batches } = doubling();
    const results = Promise.allSettled([
      batcher.submit(async () => 1),
      batcher.submit(() => Promise.reject(new Error('bad image'))),
      batcher.submit(async () => 3),
    ]);
    await vi.advanceTimersByTimeAsync(10);
    expect(await results).toMatchObject([
      { value: 2 },
      { status: 'rejected', reason: { message: 'bad image' } },
      { value: 6 },
    ]);
    expect(batches).toEqual([[1, 3]]);
  });

  it('rejects every request of a batch that failed, and goes on', async () => {
    const run = vi.fn<(items: readonly number[]) => Promise<number[]>>();
    run.mockRejectedValueOnce(new Error('out of memory')).mockImplementation(async (items) => [...items]);
    const batcher = new Batcher({ maxBatch: 4, maxWaitMs: 5, run });
    const first = await Promise.allSettled([batcher.submit(async () => 1), batcher.submit(async () => 2)]);
    expect(first.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await batcher.submit(async () => 3)).toBe(3);
  });

  it('lets go of an aborted request, wherever it is', async () => {
    const { batcher, batches } = doubling();
    const controllers = [0, 1, 2].map(() => new AbortController());
    const results = Promise.allSettled([
      batcher.submit(async () => 0, controllers[0]?.signal), // will be running
      batcher.submit(() => later(1, 1), controllers[1]?.signal), // will wait
      batcher.submit(() => later(50, 2), controllers[2]?.signal), // is being prepared
      batcher.submit(() => later(1, 3)),
    ]);
    await vi.advanceTimersByTimeAsync(7);
    expect(batches.length).toBe(1);
    for (const controller of controllers) controller.abort('gone');
    await vi.advanceTimersByTimeAsync(60);
    const aborted = { status: 'rejected', reason: { code: 'ERR_ABORTED', name: 'AbortError', cause: 'gone' } };
    expect(await results).toMatchObject([aborted, aborted, aborted, { value: 6 }]);
    expect(batcher.pending).toBe(0);
  });

  it('tells the preparation that its item was dropped, and counts it until it has ended', async () => {
    const { batcher, batches } = doubling();
    const controller = new AbortController();
    const heard: AbortSignal[] = [];
    const stubborn = batcher.submit((dropped) => {
      heard.push(dropped);
      return later(50, 1); // goes on to its end
    }, controller.signal);
    const obedient = batcher.submit((dropped) => {
      heard.push(dropped);
      return new Promise((_, reject) => dropped.addEventListener('abort', () => reject(dropped.reason)));
    }, controller.signal);
    expect(heard.map(({ aborted }) => aborted)).toEqual([false, false]);
    controller.abort();
    const results = await Promise.allSettled([stubborn, obedient]);
    expect(results).toMatchObject([{ reason: { code: 'ERR_ABORTED' } }, { reason: { code: 'ERR_ABORTED' } }]);
    expect(heard.map(({ aborted }) => aborted)).toEqual([true, true]);
    await vi.advanceTimersByTimeAsync(49);
    expect(batcher.pending).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect([batcher.pending, batches]).toEqual([0, []]);
  });

  it('counts the items of a batch under way, heard or not', async () => {
    const { batcher } = doubling({ ms: 10 });
    const controller = new AbortController();
    const result = batcher.submit(async () => 1, controller.signal);
    await vi.advanceTimersByTimeAsync(0);
    controller.abort();
    await expect(result).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(batcher.pending).toBe(1);
    await vi.advanceTimersByTimeAsync(10);
    expect(batcher.pending).toBe(0);
  });

  it('never prepares for a signal that has fired', async () => {
    const { batcher } = doubling();
    const prepare = vi.fn(async () => 1);
    await expect(batcher.submit(prepare, AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(prepare).not.toHaveBeenCalled();
  });

  it('puts one listener on a signal that many requests share, and takes it off', async () => {
    const { batcher } = doubling();
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, 'addEventListener');
    const remove = vi.spyOn(signal, 'removeEventListener');
    const results = Promise.all(Array.from({ length: 20 }, (_, i) => batcher.submit(async () => i, signal)));
    await vi.advanceTimersByTimeAsync(100);
    expect((await results)[19]).toBe(38);
    expect([add.mock.calls.length, remove.mock.calls.length]).toEqual([1, 1]);
  });

  it('does not hold a ready request back for one that was aborted while being prepared', async () => {
    const { batcher, batches } = doubling({ maxWaitMs: 1000 });
    const controller = new AbortController();
    const slow = batcher.submit(() => later(5000, 1), controller.signal);
    const quick = batcher.submit(async () => 2);
    await vi.advanceTimersByTimeAsync(1);
    expect(batches).toEqual([]);
    controller.abort();
    await expect(slow).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(batches).toEqual([[2]]);
    await vi.advanceTimersByTimeAsync(10);
    expect(await quick).toBe(4);
  });

  it('close rejects what has no answer and what comes later, and waits for the batch under way', async () => {
    const { batcher, batches } = doubling({ ms: 10 });
    const results = Promise.allSettled([batcher.submit(async () => 1), batcher.submit(() => later(1000, 2))]);
    await vi.advanceTimersByTimeAsync(6);
    expect(batches).toEqual([[1]]);
    let closed = false;
    const closing = batcher.close(new StateError('closed')).then(() => {
      closed = true;
    });
    const rejected = { status: 'rejected', reason: { code: 'ERR_STATE' } };
    expect(await results).toMatchObject([rejected, rejected]);
    expect(closed).toBe(false);
    await vi.advanceTimersByTimeAsync(10);
    await closing;
    await expect(batcher.submit(async () => 3)).rejects.toMatchObject({ code: 'ERR_STATE' });
    await vi.advanceTimersByTimeAsync(2000);
    expect(batches).toEqual([[1]]);
  });
});
