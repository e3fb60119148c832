import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  autocast,
  enableGrad,
  isGradEnabled,
  noGrad,
  onInteractiveStream,
  outsideTidy,
  tidy,
  withoutModes,
} from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { memory, sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const parameter = () => tensor([1, 2], { requiresGrad: true });

describe('noGrad', () => {
  it('records nothing inside, at once and in the queue', async () => {
    const x = parameter();
    const y = noGrad(() => x.mul(2));
    expect(y.requiresGrad).toBe(false);
    expect(() => y.sum().backward()).toThrow(code('ERR_AUTOGRAD'));
    expect(await y.data()).toEqual(Float32Array.of(2, 4));
    expect(x.mul(2).requiresGrad).toBe(true);
  });

  it('returns what the function returns, passes on what it throws, and nests', () => {
    expect(noGrad(() => 5)).toBe(5);
    expect(() =>
      noGrad(() => {
        throw new RangeError('mine');
      }),
    ).toThrow(RangeError);
    expect(isGradEnabled()).toBe(true);
    noGrad(() => {
      expect(isGradEnabled()).toBe(false);
      expect(enableGrad(() => [isGradEnabled(), parameter().mul(2).requiresGrad])).toEqual([true, true]);
      expect(noGrad(isGradEnabled)).toBe(false);
      expect(isGradEnabled()).toBe(false);
    });
  });

  it('holds over awaits, and does not leak into what runs between them', async () => {
    const x = parameter();
    const seen: Record<string, boolean[]> = { quiet: [], loud: [], half: [] };
    const request = async (name: string) => {
      for (let i = 0; i < 5; i++) {
        const y = x.mul(i);
        (seen[name] as boolean[]).push(y.requiresGrad, isGradEnabled());
        await y.data();
        await sleep(1);
      }
    };
    await Promise.all([
      noGrad(() => request('quiet')),
      request('loud'),
      noGrad(() => autocast('bfloat16', () => enableGrad(() => request('half')))),
    ]);
    expect(new Set(seen.quiet)).toEqual(new Set([false]));
    expect(new Set(seen.loud)).toEqual(new Set([true]));
    expect(new Set(seen.half)).toEqual(new Set([true]));
    expect(isGradEnabled()).toBe(true);
  });
});

describe('autocast', () => {
  const product = () => ops.ones([2, 2]).matmul(ops.ones([2, 2]));

  it('computes matrix products in the lower precision, and nothing else', async () => {
    const y = autocast('bfloat16', product);
    expect(y.dtype).toBe('bfloat16');
    expect(await y.ready().then((t) => t.dtype)).toBe('bfloat16');
    expect(autocast('float16', product).dtype).toBe('float16');
    expect(autocast('bfloat16', () => ops.ones([2]).add(1)).dtype).toBe('float32');
    expect(
      autocast('bfloat16', () => ops.ones([2, 2], { dtype: 'float64' }).matmul(ops.ones([2, 2], { dtype: 'float64' })))
        .dtype,
    ).toBe('float64');
    expect(product().dtype).toBe('float32');
  });

  it('nests: the inner dtype counts', () => {
    autocast('float16', () => {
      expect(autocast('bfloat16', product).dtype).toBe('bfloat16');
      expect(product().dtype).toBe('float16');
    });
  });

  it('gives gradients in the dtype of the parameter', async () => {
    const w = ops.ones([2, 2]);
    w.requiresGrad = true;
    autocast('bfloat16', () => ops.ones([3, 2]).matmul(w))
      .sum()
      .backward();
    expect([w.grad?.dtype, await w.grad?.data()]).toEqual(['float32', Float32Array.of(3, 3, 3, 3)]);
  });

  it('does not leak over awaits', async () => {
    const dtypes: string[] = [];
    const request = async () => {
      for (let i = 0; i < 3; i++) {
        const y = product();
        await y.ready();
        dtypes.push(y.dtype);
        await sleep(1);
      }
    };
    await Promise.all([autocast('bfloat16', request), request(), autocast('float16', request)]);
    expect(dtypes.sort()).toEqual([
      'bfloat16',
      'bfloat16',
      'bfloat16',
      'float16',
      'float16',
      'float16',
      'float32',
      'float32',
      'float32',
    ]);
  });

  it('refuses another dtype', () => {
    expect(() => autocast('int8' as never, product)).toThrow(code('ERR_OPTION'));
  });
});

describe('the interactive stream', () => {
  it('does not wait for the bulk stream', async () => {
    const x = ops.randn([1500, 1500]);
    await x.ready();
    let y = x;
    for (let i = 0; i < 10; i++) y = y.matmul(x).mul(0.02);
    let bulkDone = false;
    const bulk = y.data().then(() => {
      bulkDone = true;
    });
    expect(await onInteractiveStream(() => tensor([1, 2]).sum().item())).toBe(3);
    expect(bulkDone).toBe(false);
    await bulk;
  });

  it('waits for tensors of the bulk stream that it needs', async () => {
    const x = ops
      .randn([500, 500])
      .matmul(ops.randn([500, 500]))
      .mul(0)
      .sum();
    expect(await onInteractiveStream(() => x.add(1).item())).toBe(1);
    expect(await x.add(onInteractiveStream(() => x.add(2))).item()).toBe(2);
  });

  it('keeps failures of backward() to itself', async () => {
    const fail = () => {
      const y = parameter().square().sum();
      y.backward();
      y.backward();
    };
    fail();
    expect(await onInteractiveStream(() => tensor(1).item())).toBe(1);
    await expect(sync()).rejects.toThrow(code('ERR_AUTOGRAD'));
    onInteractiveStream(fail);
    await sync();
    await expect(onInteractiveStream(sync)).rejects.toThrow(code('ERR_AUTOGRAD'));
  });
});

describe('tidy', () => {
  it('disposes what it made, but for what it returns', async () => {
    await collect();
    const before = memory().tensors;
    const inner: Tensor[] = [];
    const kept = tidy(() => {
      const x = tensor([1, 2]);
      const y = x.add(1);
      inner.push(x, y);
      return { list: [y.mul(2)], nothing: null, data: new Float32Array(3) };
    });
    expect(inner.every((t) => t.isDisposed)).toBe(true);
    expect(memory().tensors).toBe(before + 1);
    expect(await kept.list[0]?.data()).toEqual(Float32Array.of(4, 6));
    kept.list[0]?.dispose();
    expect(memory().tensors).toBe(before);
  });

  it('leaves tensors from outside alone', () => {
    const x = tensor([1]);
    tidy(() => x.add(1));
    expect(x.isDisposed).toBe(false);
  });

  it('passes what it returns to the tidy around it', async () => {
    await collect();
    const before = memory().tensors;
    let kept: Tensor | undefined;
    tidy(() => {
      kept = tidy(() => tensor([1]).add(1));
      expect(kept.isDisposed).toBe(false);
    });
    expect(kept?.isDisposed).toBe(true);
    expect(memory().tensors).toBe(before);
  });

  it('works for async functions, side by side', async () => {
    await collect();
    const before = memory().tensors;
    const work = (n: number) =>
      tidy(async () => {
        const x = tensor([n]);
        await sleep(n);
        const y = x.mul(2);
        await y.data();
        return y.add(1);
      });
    const results = await Promise.all([work(3), work(1), work(2)]);
    expect(memory().tensors).toBe(before + 3);
    expect(await Promise.all(results.map((t) => t.item()))).toEqual([7, 3, 5]);
    for (const t of results) t.dispose();
  });

  it('disposes when the function throws or rejects', async () => {
    await collect();
    const before = memory().tensors;
    expect(() =>
      tidy(() => {
        tensor([1]).add(tensor([1, 2, 3]).reshape([4]));
      }),
    ).toThrow(code('ERR_SHAPE'));
    await expect(
      tidy(async () => {
        const x = tensor([1]);
        await sleep(1);
        x.reshape([2]);
      }),
    ).rejects.toThrow(code('ERR_SHAPE'));
    expect(memory().tensors).toBe(before);
  });

  it('collects gradients that are read in it', async () => {
    const x = parameter();
    x.sum().backward();
    await collect();
    const before = memory().tensors;
    tidy(() => x.grad?.add(1));
    expect(memory().tensors).toBe(before + 1);
  });

  it('does not hold on to what outlives it', async () => {
    let late: Promise<Tensor> | undefined;
    tidy(() => {
      late = sleep(1).then(() => tensor([1]));
    });
    expect((await (late as Promise<Tensor>)).isDisposed).toBe(false);
  });

  it('can return what refers to itself', () => {
    const result = tidy(() => {
      const loop: { self?: unknown; t: Tensor } = { t: tensor([1]) };
      loop.self = loop;
      return loop;
    });
    expect(result.t.isDisposed).toBe(false);
  });
});

describe('stepping out of the modes', () => {
  it('outsideTidy keeps the modes, withoutModes keeps nothing', () => {
    const made: Tensor[] = [];
    noGrad(() =>
      tidy(() => {
        made.push(outsideTidy(() => parameter().mul(2)));
        made.push(withoutModes(() => parameter().mul(2)));
      }),
    );
    expect(made.map((t) => [t.isDisposed, t.requiresGrad])).toEqual([
      [false, false],
      [false, true],
    ]);
  });
});
