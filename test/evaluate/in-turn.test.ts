import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { inTurn, partsOf, soonDone } from '../../lib/evaluate/in-turn.ts';

describe('inTurn', () => {
  test('gives results in order, with two jobs enqueued at once and no more', async () => {
    let open = 0;
    let most = 0;
    const enqueue = async (job: number): Promise<number> => {
      most = Math.max(most, ++open);
      for (let i = 0; i < 5 - job; i++) await turn(); // later ones are over sooner
      open--;
      return 10 * job;
    };
    const results: number[] = [];
    for await (const result of inTurn([0, 1, 2, 3, 4], enqueue, undefined)) results.push(result);
    expect([results, most]).toEqual([[0, 10, 20, 30, 40], 2]);
  });

  test('rejects as soon as the signal fires, though a job never ends, and enqueues nothing further', async () => {
    const controller = new AbortController();
    const enqueued: number[] = [];
    const enqueue = (job: number): Promise<number> => {
      enqueued.push(job);
      return new Promise(() => {});
    };
    const whole = (async () => {
      for await (const _ of inTurn([0, 1, 2, 3], enqueue, controller.signal)) throw new Error('a result?');
    })();
    await turn();
    controller.abort('enough');
    await expect(whole).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: 'enough' });
    await turn();
    expect(enqueued).toEqual([0, 1]);
  });

  test('gives no result after an abort by who takes them, be it the last', async () => {
    for (const last of [1, 2, 3]) {
      const controller = new AbortController();
      const taken: number[] = [];
      const whole = (async () => {
        for await (const result of inTurn([1, 2, 3], async (job) => job, controller.signal)) {
          taken.push(result);
          if (result === last) controller.abort();
        }
      })();
      await expect(whole).rejects.toMatchObject({ code: 'ERR_ABORTED' });
      expect(taken).toEqual([1, 2, 3].slice(0, last));
    }
  });

  test('passes a failure on at its turn; one behind it is no unhandled rejection', async () => {
    const enqueue = async (job: number): Promise<number> => {
      if (job > 0) throw new Error(`job ${job}`);
      return job;
    };
    const results: number[] = [];
    const whole = (async () => {
      for await (const result of inTurn([0, 1, 2], enqueue, undefined)) results.push(result);
    })();
    await expect(whole).rejects.toThrow('job 1');
    expect(results).toEqual([0]);
  });

  test('of nothing is nothing', async () => {
    for await (const _ of inTurn([], async () => 1, undefined)) throw new Error('a result?');
  });
});

test('parts cover everything once', () => {
  expect(partsOf(7, 3)).toEqual([
    { begin: 0, size: 3 },
    { begin: 3, size: 3 },
    { begin: 6, size: 1 },
  ]);
  expect(partsOf(0, 3)).toEqual([]);
});

test('a job has as many things as its budget allows, and one at least', () => {
  expect([soonDone(10, 100, 50), soonDone(1, 100, 50), soonDone(1000, 100, 50)]).toEqual([10, 50, 1]);
});
