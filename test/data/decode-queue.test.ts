import { describe, expect, it, vi } from 'vitest';
import { DecodeQueue, decodeSlots } from '../../lib/data/decode-queue.ts';

describe('decodeSlots', () => {
  it.each([
    [undefined, 64, 2],
    ['4', 64, 2],
    ['16', 64, 14],
    ['3', 64, 1],
    ['2', 64, 1],
    ['1', 64, 1],
    ['0', 64, 1],
    ['-5', 64, 1],
    ['nonsense', 64, 1],
    ['9999', 4096, 1022],
    ['16', 8, 8],
    [undefined, 1, 1],
  ])('of a pool of %s and %i cores is %i', (size, cores, slots) => {
    expect(decodeSlots(size, cores)).toBe(slots);
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
    const bulk = ['b1', 'b2', 'b3', 'b4'].map((name) => queue.run({ priority: 'bulk' }, job(name)));
    const interactive = ['i1', 'i2'].map((name) => queue.run({ priority: 'interactive' }, job(name)));
    expect(await Promise.all([...bulk, ...interactive])).toEqual(['b1', 'b2', 'b3', 'b4', 'i1', 'i2']);
    expect(order).toEqual(['b1', 'b2', 'i1', 'i2', 'b3', 'b4']);
  });

  it('frees the slot of a job that fails', async () => {
    const queue = new DecodeQueue(() => 1);
    const failing = queue.run({ priority: 'bulk' }, async () => {
      throw new Error('no');
    });
    const next = queue.run({ priority: 'bulk' }, async () => 'yes');
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('yes');
    expect(await queue.run({ priority: 'interactive' }, async () => 'free')).toBe('free');
  });

  /** A job that ends when it is told to. */
  function held(queue: DecodeQueue, cost: number, signal?: AbortSignal) {
    let end = (): void => {};
    const started = vi.fn();
    const ended = queue.run({ priority: 'bulk', cost, signal }, () => {
      started();
      return new Promise<void>((resolve) => {
        end = resolve;
      });
    });
    return { started, ended, end: () => end() };
  }
  /** Everything that promises can do by themselves. */
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('keeps costs together below its capacity; what is larger runs alone, and nobody passes it', async () => {
    const queue = new DecodeQueue(() => 10);
    const [six, four, giant, one] = [6, 4, 25, 1].map((cost) => held(queue, cost)) as [
      ReturnType<typeof held>,
      ReturnType<typeof held>,
      ReturnType<typeof held>,
      ReturnType<typeof held>,
    ];
    const running = async () => {
      await settled();
      return [six, four, giant, one].map(({ started }) => started.mock.calls.length);
    };
    expect(await running()).toEqual([1, 1, 0, 0]);
    six.end();
    expect(await running()).toEqual([1, 1, 0, 0]);
    four.end();
    expect(await running()).toEqual([1, 1, 1, 0]);
    giant.end();
    expect(await running()).toEqual([1, 1, 1, 1]);
    one.end();
    await Promise.all([six, four, giant, one].map(({ ended }) => ended));
  });

  it('lets go of a job whose signal fires while it waits, and goes on with those behind it', async () => {
    const queue = new DecodeQueue(() => 10);
    const first = held(queue, 6);
    const controller = new AbortController();
    const large = held(queue, 8, controller.signal);
    const behind = held(queue, 4);
    await settled();
    expect([large.started.mock.calls.length, behind.started.mock.calls.length]).toEqual([0, 0]);
    controller.abort(new Error('gone'));
    await expect(large.ended).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: { message: 'gone' } });
    await settled();
    expect([large.started.mock.calls.length, behind.started.mock.calls.length]).toEqual([0, 1]);
    first.end();
    behind.end();
    await Promise.all([first.ended, behind.ended]);
    await expect(held(queue, 1, AbortSignal.abort()).ended).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });
});
