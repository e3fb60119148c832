/** That computing does not hold up the event loop; how little it does is measured in bench/event-loop.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import * as ops from '../lib/tensor/ops.ts';

describe('the event loop', () => {
  it('turns while tensors are computed', async () => {
    const x = ops.randn([1024, 1024]);
    await x.ready();
    let turns = 0;
    let done = false;
    const ticking = (async () => {
      for (; !done; turns++) await sleep(1);
    })();
    let y = x;
    for (let i = 0; i < 20; i++) y = y.matmul(x).mul(0.03); // far longer than a few turns
    expect(Number.isFinite(await y.sum().item())).toBe(true);
    done = true;
    await ticking;
    expect(turns).toBeGreaterThan(5);
  });

  it('does not wait for an operation when it is enqueued', async () => {
    const x = ops.randn([1024, 1024]);
    await x.ready();
    const y = x.matmul(x).matmul(x).matmul(x);
    const state = await Promise.race([y.ready().then(() => 'computed'), sleep(0).then(() => 'still computing')]);
    expect(state).toBe('still computing');
    await y.ready();
  });
});
