import { describe, expect, it } from 'vitest';
import { mapOrdered } from '../../lib/serve/ordered.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('mapOrdered', () => {
  it('keeps the order and the bound', async () => {
    let running = 0;
    let most = 0;
    const results: number[] = [];
    const work = async (item: number): Promise<number> => {
      most = Math.max(most, ++running);
      await pause(item % 2 === 0 ? 8 : 1);
      running--;
      return item * item;
    };
    for await (const result of mapOrdered([0, 1, 2, 3, 4, 5, 6], 3, work)) results.push(result);
    expect(results).toEqual([0, 1, 4, 9, 16, 25, 36]);
    expect(most).toBe(3);
  });

  it('yields nothing for nothing', async () => {
    for await (const _ of mapOrdered([], 3, async () => 1)) expect.unreachable();
  });

  it('rejects at the failed item and starts no more', async () => {
    const started: number[] = [];
    const work = async (item: number): Promise<number> => {
      started.push(item);
      await pause(item === 1 ? 1 : 5);
      if (item === 1 || item === 2) throw new Error(`item ${item}`);
      return item;
    };
    const results: number[] = [];
    await expect(async () => {
      for await (const result of mapOrdered([0, 1, 2, 3, 4, 5], 3, work)) results.push(result);
    }).rejects.toThrow('item 1');
    expect(results).toEqual([0]);
    expect(started).toEqual([0, 1, 2, 3]);
  });
});
