import { describe, expect, it } from 'vitest';
import { DecodeQueue, decodeSlots } from '../../lib/data/decode-queue.ts';

describe('decodeSlots', () => {
  it.each([
    [undefined, 2],
    ['4', 2],
    ['16', 14],
    ['3', 1],
    ['2', 1],
    ['1', 1],
    ['0', 1],
    ['-5', 1],
    ['nonsense', 1],
    ['9999', 1022],
  ])('of a pool of %s is %i', (size, slots) => {
    expect(decodeSlots(size)).toBe(slots);
  });
});

describe('DecodeQueue', () => {
  it('runs as many jobs as it has slots, interactive ones before the bulk that waits', async () => {
    const queue = new DecodeQueue(() => 2);
    const order: string[] = [];
    let running = 0;
    const job = (name: string) => async (): Promise<string> => {
      running++;
      expect(running).toBeLessThanOrEqual(2);
      order.push(name);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running--;
      return name;
    };
    const bulk = ['b1', 'b2', 'b3', 'b4'].map((name) => queue.run('bulk', job(name)));
    const interactive = ['i1', 'i2'].map((name) => queue.run('interactive', job(name)));
    expect(await Promise.all([...bulk, ...interactive])).toEqual(['b1', 'b2', 'b3', 'b4', 'i1', 'i2']);
    expect(order).toEqual(['b1', 'b2', 'i1', 'i2', 'b3', 'b4']);
  });

  it('frees the slot of a job that fails', async () => {
    const queue = new DecodeQueue(() => 1);
    const failing = queue.run('bulk', async () => {
      throw new Error('no');
    });
    const next = queue.run('bulk', async () => 'yes');
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('yes');
    expect(await queue.run('interactive', async () => 'free')).toBe('free');
  });
});
