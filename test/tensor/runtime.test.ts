import { afterEach, describe, expect, it } from 'vitest';
import { loadAddon } from '../../lib/native/addon.ts';
import { tidy } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { devices, memory, setThreads, sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { alive, collect } from '../collect.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('memory()', () => {
  it('counts handles and bytes; views, in-place results and no-ops add nothing', async () => {
    await collect();
    const before = alive();
    const x = ops.zeros([10, 10]);
    const handles = [
      x,
      x.t(),
      x.reshape([100]),
      x.select(0, 1),
      x.add_(1),
      x.contiguous(),
      x.to('float32'),
      x.detach(),
    ];
    expect(alive()).toEqual({ tensors: before.tensors + handles.length, bytes: before.bytes + 400 });
    const copy = x.clone();
    const half = x.to('bfloat16');
    expect(memory().bytes).toBe(before.bytes + 400 + 400 + 200);
    for (const t of [...handles, copy, half]) t.dispose();
    expect(alive()).toEqual(before);
  });

  it('returns to where it was when the garbage is collected', async () => {
    await collect();
    const before = alive();
    const work = async (): Promise<void> => {
      const w = ops.randn([32, 32]);
      w.requiresGrad = true;
      for (let i = 0; i < 50; i++) ops.randn([8, 32]).matmul(w).relu().square().mean().backward();
      await w.grad?.data();
    };
    await work();
    expect(memory().tensors).toBeGreaterThan(before.tensors + 200);
    await collect();
    expect(alive()).toEqual(before);
  });

  it('does not keep what a failed job was made from', async () => {
    await collect();
    const before = memory().tensors;
    const work = async (): Promise<void> => {
      const failed = tensor([1])
        .indexSelect(0, tensor([9n]))
        .add(1);
      await expect(failed.data()).rejects.toThrow(code('ERR_OPTION'));
    };
    await work();
    await collect();
    expect(memory().tensors).toBe(before);
  });
});

describe('resident memory', () => {
  const megabytes = () => process.memoryUsage().rss / 2 ** 20;
  const w = ops.ones([1024]);
  w.requiresGrad = true;
  /** Makes 16 MB of intermediate results. */
  const step = (): Tensor => {
    const loss = ops.ones([1024, 1024]).mul(w).relu().square().mean();
    loss.backward();
    w.detach().sub_((w.grad as Tensor).mul(1e-3));
    w.zeroGrad();
    return loss;
  };

  it('stays flat in a loop with tidy()', { timeout: 120_000 }, async () => {
    const loop = async (steps: number): Promise<void> => {
      for (let i = 0; i < steps; i++) await tidy(async () => step().item());
    };
    await loop(20);
    const before = megabytes();
    await loop(100); // makes 1.6 GB
    expect(megabytes() - before).toBeLessThan(100);
  });

  it('stays bounded without: the garbage collector knows what a handle holds', { timeout: 120_000 }, async () => {
    const loop = async (steps: number): Promise<void> => {
      for (let i = 0; i < steps; i++) await step().item();
    };
    await loop(20);
    const before = megabytes();
    await loop(150); // makes 2.4 GB
    expect(megabytes() - before).toBeLessThan(1000);
  });
});

describe('back-pressure', () => {
  it('blocks past the depth of the queue, and loses nothing', { timeout: 60_000 }, async () => {
    const x = tensor([0]);
    let deepest = 0;
    tidy(() => {
      for (let i = 0; i < 10_000; i++) {
        x.add_(1);
        if (i % 100 === 0) deepest = Math.max(deepest, loadAddon().depth());
      }
    });
    expect(deepest).toBeLessThanOrEqual(4097);
    expect(await x.item()).toBe(10_000);
    expect(loadAddon().depth()).toBeLessThanOrEqual(1); // sync()'s own job may still be ending
  });
});

describe('sync()', () => {
  it('resolves when everything before it has run', async () => {
    const x = ops.randn([600, 600]);
    const y = x.matmul(x).matmul(x);
    await sync();
    expect(loadAddon().depth()).toBeLessThanOrEqual(1); // as above
    expect(y.dataSync().length).toBe(360_000);
  });
});

describe('setThreads()', () => {
  const threads = loadAddon().info().threads;
  afterEach(() => setThreads(threads));

  it('sets the size of the team', async () => {
    setThreads(2);
    expect(loadAddon().info().threads).toBe(2);
    expect(
      await ops
        .ones([300, 300])
        .matmul(ops.ones([300, 300]))
        .sum()
        .item(),
    ).toBe(300 ** 3);
  });

  it.each([0, -1, 1.5, Number.NaN, '2', 10_000])('refuses %j', (value) => {
    expect(() => setThreads(value as number)).toThrow(code('ERR_OPTION'));
  });
});

describe('devices()', () => {
  it('has the CPU first', () => {
    expect(devices()[0]).toBe('cpu');
  });
});
