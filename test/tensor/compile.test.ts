import { readFileSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AbortError, OptionError, ShapeError, StateError } from '../../lib/errors.ts';
import { compile } from '../../lib/tensor/compile.ts';
import { autocast, noGrad, onInteractiveStream, tidy } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { manualSeed } from '../../lib/tensor/random.ts';
import { madeAtEachCall } from '../../lib/tensor/recording.ts';
import { memory, sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';

const floats = (values: readonly number[], requiresGrad = false) => tensor(values, { dtype: 'float32', requiresGrad });

describe('compile', () => {
  it('gives what the function gives, at the first call and at later ones, and runs it once', async () => {
    let runs = 0;
    const fn = (x: Tensor, y: Tensor) => {
      runs++;
      return x.mul(y).add(1).sum();
    };
    using compiled = compile(fn);
    for (const values of [
      [1, 2],
      [3, 4],
      [-1, 0.5],
    ]) {
      const [x, y] = [floats(values), floats([2, -3])];
      expect(await compiled(x, y).item()).toBe((values[0] as number) * 2 - (values[1] as number) * 3 + 2);
    }
    expect(runs).toBe(1);
  });

  it('records again for another shape, dtype, mode, structure or constant', async () => {
    let runs = 0;
    using compiled = compile((options: { x: Tensor; scale?: boolean; list: readonly Tensor[] }) => {
      runs++;
      return { doubled: options.scale ? options.x.mul(2) : options.x, list: options.list.map((each) => each.add(1)) };
    });
    const x = floats([1, 2]);
    const call = async (options: Parameters<typeof compiled>[0]) => (await compiled(options).doubled.data()).length;
    await call({ x, list: [] });
    await call({ x, list: [] });
    expect(runs).toBe(1);
    await call({ x: floats([1, 2, 3]), list: [] });
    await call({ x: x.to('float64'), list: [] });
    await call({ x, list: [x] });
    await call({ x, list: [], scale: true });
    await noGrad(() => call({ x, list: [] }));
    await call({ x: floats([1, 2], true), list: [] });
    expect(runs).toBe(7);
    const { doubled, list } = compiled({ x, scale: true, list: [x, floats([5])] });
    expect(await doubled.toArray()).toEqual([2, 4]);
    expect(await Promise.all(list.map((each) => each.toArray()))).toEqual([[2, 3], [6]]);
  });

  it('reads captured tensors at each call', async () => {
    const weight = floats([1, 2]);
    using compiled = compile((x: Tensor) => x.mul(weight).sum());
    expect(await compiled(floats([1, 1])).item()).toBe(3);
    weight.mul_(10);
    expect(await compiled(floats([1, 1])).item()).toBe(30);
  });

  it('takes a number in the place of a tensor, and another one without recording again', async () => {
    let runs = 0;
    using compiled = compile((x: Tensor, { by }: { by: Tensor }) => {
      runs++;
      return x.mul(by);
    });
    expect(await compiled(floats([1, 2]), { by: 3 }).toArray()).toEqual([3, 6]);
    const result = compiled(floats([1, 2]), { by: 0.5 });
    expect(await result.toArray()).toEqual([0.5, 1]);
    expect(result.dtype).toBe('float32');
    expect(runs).toBe(1);
  });

  it('gives a list of its own at each call', () => {
    using compiled = compile((x: Tensor) => ({ x, shape: [1, 2] }));
    compiled(floats([1])).shape.push(9);
    expect(compiled(floats([1])).shape).toEqual([1, 2]);
  });

  it('takes a list of numbers as a constant', async () => {
    using compiled = compile((x: Tensor, { shape }: { shape: readonly number[] }) => x.reshape(shape));
    expect(compiled(floats([1, 2, 3, 4]), { shape: [2, 2] }).shape).toEqual([2, 2]);
    expect(compiled(floats([1, 2, 3, 4]), { shape: [4, 1] }).shape).toEqual([4, 1]);
    expect(compiled.recordings()).toHaveLength(2);
  });

  it('keeps gradients through its results, for inputs and for captured tensors', async () => {
    const weight = floats([2, 3], true);
    const fn = (x: Tensor) => x.mul(weight).square().sum();
    using compiled = compile(fn);
    for (const values of [
      [1, 2],
      [0.5, -1],
    ]) {
      const [x, y] = [floats(values, true), floats(values, true)];
      compiled(x).backward();
      const [ofX, ofWeight] = [await x.grad?.toArray(), await weight.grad?.toArray()];
      weight.zeroGrad();
      fn(y).backward();
      expect(ofX).toEqual(await y.grad?.toArray());
      expect(ofWeight).toEqual(await weight.grad?.toArray());
      weight.zeroGrad();
    }
    expect(compiled(floats([1, 1], true)).requiresGrad).toBe(true);
    expect(compiled(floats([1, 1])).requiresGrad).toBe(true);
    expect(noGrad(() => compiled(floats([1, 1]))).requiresGrad).toBe(false);
  });

  it('holds a whole training step: backward, an update in place, and gradients dropped', async () => {
    const make = () => floats([1, -2, 3], true);
    const step = (weight: Tensor) => (x: Tensor, rate: Tensor) => {
      const loss = x.mul(weight).square().sum();
      loss.backward();
      const gradient = weight.grad as Tensor;
      noGrad(() => weight.sub_(gradient.mul(rate)));
      weight.zeroGrad();
      return loss.detach();
    };
    const [eager, recorded] = [make(), make()];
    using compiled = compile(step(recorded));
    for (let i = 0; i < 5; i++) {
      const x = floats([1, 0.5, -0.25 * i]);
      const expected = await step(eager)(x, tensor(0.1 / (i + 1))).item();
      expect(await compiled(x, 0.1 / (i + 1)).item()).toBe(expected);
    }
    expect(await recorded.data()).toEqual(await eager.data());
    expect(await eager.data()).not.toEqual(await make().data());
  });

  it('knows views and operations in place', async () => {
    using compiled = compile((x: Tensor) => {
      const copy = x.clone();
      copy.narrow(0, 1, 2).mul_(10);
      return [copy, copy.select(0, 0)] as const;
    });
    for (const values of [
      [1, 2, 3],
      [4, 5, 6],
    ]) {
      const [all, first] = compiled(floats(values));
      expect(await all.toArray()).toEqual([values[0], ...values.slice(1).map((value) => value * 10)]);
      expect(await first.item()).toBe(values[0]);
    }
  });

  it('hands on what it was given or captured', async () => {
    const outside = floats([7]);
    using compiled = compile((x: Tensor) => ({ x, outside, name: 'same', size: 3 }));
    const given = floats([1]);
    const { x, name, size, ...rest } = compiled(given);
    given.mul_(5);
    expect([await x.item(), await rest.outside.item(), name, size]).toEqual([5, 7, 'same', 3]);
  });

  it('makes hidden inputs anew at each call', async () => {
    let made = 0;
    using compiled = compile((x: Tensor) =>
      x.add(madeAtEachCall(() => tensor(made++))).add(madeAtEachCall(() => tensor(made++ * 100))),
    );
    const first = await compiled(tensor(0)).item();
    const second = await compiled(tensor(0)).item();
    expect(made).toBeGreaterThanOrEqual(4);
    expect(second - first).toBe((await compiled(tensor(0)).item()) - second);
    expect(second).not.toBe(first);
  });

  it('draws fresh keys, the same ones as the function by itself', async () => {
    const fn = (x: Tensor) => ops.dropout(x).add(ops.dropout(x, { p: 0.2 }));
    const x = ops.ones([64]);
    manualSeed(5);
    const plain = [await fn(x).data(), await fn(x).data(), await fn(x).data()];
    using compiled = compile(fn);
    manualSeed(5);
    expect([await compiled(x).data(), await compiled(x).data(), await compiled(x).data()]).toEqual(plain);
    expect(plain[1]).not.toEqual(plain[0]);
    manualSeed(5);
    using inference = compile(fn, { inference: true });
    expect([await inference(x).data(), await inference(x).data()]).toEqual(plain.slice(0, 2));
  });

  it('takes lists of tensors with holes', async () => {
    using compiled = compile((x: Tensor, rows: Tensor) => x.index([undefined, rows]));
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const columns = (list: number[]) => compiled(x, tensor(list, { dtype: 'int64' })).toArray();
    expect([await columns([2, 0]), await columns([1, 1])]).toEqual([
      [
        [3, 1],
        [6, 4],
      ],
      [
        [2, 2],
        [5, 5],
      ],
    ]);
    expect(compiled.inspect()).toContain('aten::index.Tensor(%0, [undefined, %1])');
  });

  it('gives gradients as results, second ones too', async () => {
    using compiled = compile((x: Tensor) => {
      const [slope] = ops.grad([x.pow(3).sum()], [x], { createGraph: true }) as [Tensor];
      return [slope, ...ops.grad([slope.sum()], [x])];
    });
    for (const values of [
      [1, 2],
      [3, -1],
    ]) {
      const results = await Promise.all(compiled(floats(values, true)).map((each) => each.toArray()));
      expect(results).toEqual([values.map((v) => 3 * v * v), values.map((v) => 6 * v)]);
    }
  });

  it('replays under the modes of each operation', async () => {
    const weight = ops.randn([8, 8], { seed: 1 });
    const fn = (x: Tensor) =>
      autocast('bfloat16', () => x.matmul(weight))
        .to('float32')
        .matmul(weight);
    using compiled = compile(fn);
    const x = ops.randn([4, 8]);
    compiled(x);
    expect(await compiled(x).data()).toEqual(await fn(x).data());
    expect(autocast('bfloat16', () => compiled(x)).dtype).toBe('bfloat16');
  });

  it('inlines a compiled function in another', async () => {
    using inner = compile((x: Tensor, by: Tensor) => x.mul(by));
    using outer = compile((x: Tensor) => inner(inner(x, 2), 3));
    expect(await outer(tensor(1)).item()).toBe(6);
    expect(await outer(tensor(2)).item()).toBe(12);
    expect(inner.recordings()).toHaveLength(0);
  });

  it('serves both streams, and a worker', async () => {
    using compiled = compile((x: Tensor) => x.mul(2).sum());
    expect(await compiled(floats([1, 2])).item()).toBe(6);
    expect(await onInteractiveStream(() => compiled(floats([1, 5])).item())).toBe(12);
    expect(compiled.recordings()).toHaveLength(1);
    const index = JSON.stringify(new URL('../../lib/index.ts', import.meta.url).href);
    const start = `import('tsx/esm/api').then(async ({ register }) => {
      register(); // a worker's entry file is not transformed by --import tsx on Node 20
      const { compile, tensor } = await import(${index});
      const compiled = compile((x) => x.mul(x));
      for (const value of [3, 4]) require('worker_threads').parentPort.postMessage(await compiled(tensor(value)).item());
    });`;
    const worker = new Worker(start, { eval: true });
    const heard: number[] = [];
    worker.on('message', (value) => heard.push(value));
    await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
    expect(heard).toEqual([9, 16]);
  });
});

describe('a recording', () => {
  it('frees intermediate results at their last use', async () => {
    const size = 4 << 20; // 16 MB of float32
    const highWater = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
    using compiled = compile((x: Tensor) => {
      let y = x;
      for (let i = 0; i < 60; i++) y = y.add(1);
      return y.sum();
    });
    const x = ops.ones([size]);
    await compiled(x).item();
    writeFileSync('/proc/self/clear_refs', '5');
    const before = highWater();
    expect(await compiled(x).item()).toBe(size * 61);
    expect(highWater() - before).toBeLessThan(5 * 16); // 60 of them would be 960
  });

  it('leaves no tensors behind', async () => {
    const x = ops.ones([16]);
    await sync();
    await collect();
    const { tensors } = memory();
    const compiled = compile((y: Tensor) => ({ a: y.add(1).mul(tensor([2])), b: y }));
    for (let i = 0; i < 3; i++) tidy(() => void compiled(x));
    compiled.dispose();
    expect(memory().tensors).toBe(tensors);
    expect((await compiled(x).a.item) === undefined).toBe(false); // records again
  });

  it('reads as text: operations, shapes, and the lines that made them', () => {
    const weight = ops.ones([3, 2]);
    using compiled = compile((x: Tensor) => x.matmul(weight).relu());
    compiled(ops.ones([4, 3]));
    const text = compiled.inspect();
    expect(text).toMatch(/^inputs %0: float32\[4,3\]\ncaptured %1: float32\[3,2\]\n/);
    expect(text).toMatch(/%2: float32\[4,2\] = aten::matmul\(%0, %1\) +# .*compile\.test\.ts:\d+:\d+\n/);
    expect(text).toMatch(/%3: float32\[4,2\] = aten::relu\(%2\) .*\noutputs %3$/);
  });

  it('rejects with the stack of the operation that failed, and the call as cause', async () => {
    const index = (x: Tensor, at: Tensor) => x.add(1).indexSelect(0, at).mul(2);
    using compiled = compile(index);
    const x = floats([1, 2, 3]);
    expect(await compiled(x, tensor([2n])).toArray()).toEqual([8]);
    const error = await compiled(x, tensor([7n]))
      .data()
      .catch((reason: Error) => reason);
    if (!(error instanceof Error)) throw new Error('it must reject');
    expect(error.message).toMatch(/index out of range/);
    expect(error.stack).toMatch(/at index \(.*compile\.test\.ts/);
    expect((error.cause as Error).message).toMatch(/the call of the recording/);
    expect((error.cause as Error).stack).toMatch(/compile\.test\.ts/);
    expect(await compiled(x, tensor([0n])).toArray()).toEqual([4]); // it goes on
  });

  it('throws a wrong shape at its line, while it is recorded', () => {
    using compiled = compile((x: Tensor) => x.matmul(ops.ones([5, 2])));
    expect(() => compiled(ops.ones([4, 3]))).toThrow(ShapeError);
    expect(compiled.recordings()).toHaveLength(0);
    expect(compiled(ops.ones([4, 5])).shape).toEqual([4, 2]);
  });

  it.each([
    ['item()', (x: Tensor) => x.item()],
    ['itemSync()', (x: Tensor) => x.itemSync()],
    ['data()', (x: Tensor) => x.data()],
    ['dataSync()', (x: Tensor) => x.dataSync()],
    ['toArray()', (x: Tensor) => x.toArray()],
    ['ready()', (x: Tensor) => x.ready()],
  ])('refuses %s, with its line and what to do', (name, read) => {
    using compiled = compile((x: Tensor) => {
      read(x.sum());
      return x;
    });
    expect(() => compiled(floats([1]))).toThrow(StateError);
    expect(() => compiled(floats([1]))).toThrow(
      new RegExp(
        `^${name.replace(/[()]/g, '\\$&')} was called at .*compile\\.test\\.ts:\\d+:\\d+ while .* return the tensor`,
      ),
    );
  });

  it('refuses functions that wait, and values that are no plain data', () => {
    using waits = compile(async (x: Tensor) => x);
    expect(() => waits(floats([1]))).toThrow(/must not be asynchronous/);
    using odd = compile((x: Tensor, _: unknown) => x);
    expect(() => odd(floats([1]), new Map())).toThrow(OptionError);
    expect(() => odd(floats([1]), new Map())).toThrow(/arguments\[1\] must be a tensor.*Map/);
    using result = compile((x: Tensor) => ({ x, at: new Date() }));
    expect(() => result(floats([1]))).toThrow(/the result\.at must be/);
    expect(() => compile(5 as never)).toThrow(/fn must be a function or a module/);
    expect(() => compile(() => 1, { keys: 1 } as never)).toThrow(/did you mean 'key'/);
  });

  it('refuses a function that waits, and nothing of it is heard later', async () => {
    using waits = compile(async (x: Tensor) => (await x.sum().item()) + 1);
    expect(() => waits(floats([1]))).toThrow(/must not be asynchronous/);
    await new Promise((resolve) => setTimeout(resolve, 20)); // an unhandled rejection would fail the test run
  });

  it('does not use weights in a lower precision from before an update inside it', async () => {
    const make = () => floats([1, 2, 3, 4], true);
    const fn = (weight: Tensor) => (x: Tensor) =>
      autocast('bfloat16', () => {
        const product = () => x.matmul(weight.reshape([2, 2]));
        product().sum().backward();
        noGrad(() => weight.sub_((weight.grad as Tensor).mul(100)));
        weight.zeroGrad();
        return product().detach();
      });
    const [eager, recorded] = [make(), make()];
    using compiled = compile(fn(recorded));
    const x = ops.ones([2, 2]);
    for (let i = 0; i < 2; i++) expect(await compiled(x).data()).toEqual(await fn(eager)(x).data());
  });

  const requireGrad =
    (on: boolean) =>
    (w: Tensor): void => {
      w.requiresGrad = on;
    };
  it.each([
    ['requiresGrad = false', requireGrad(false), true],
    ['requiresGrad = true', requireGrad(true), false],
    ['mul_ by what needs one', (w: Tensor): void => void w.mul_(floats([2], true)), false],
  ] as const)('refuses to change whether a tensor from outside needs a gradient: %s', (_, change, before) => {
    const weight = floats([1], before);
    using compiled = compile((x: Tensor) => {
      change(weight);
      return x.mul(weight);
    });
    expect(() => compiled(floats([1]))).toThrow(/must not change whether a tensor from outside needs a gradient/);
    expect(weight.requiresGrad).toBe(before);
    using ofInput = compile((x: Tensor) => {
      change(x);
      return x.mul(2);
    });
    expect(() => ofInput(floats([1], before))).toThrow(StateError);
  });

  it('has no tensors that can be used outside of it', async () => {
    let kept: Tensor | undefined;
    using compiled = compile((x: Tensor) => {
      kept = x.add(1);
      return kept;
    });
    compiled(floats([1]));
    expect(() => (kept as Tensor).data()).toThrow(StateError);
    using other = compile((x: Tensor) => x.add(kept as Tensor));
    expect(() => other(floats([1]))).toThrow(StateError);
  });

  it('records again when its key changes', async () => {
    let factor = 2;
    using compiled = compile((x: Tensor) => x.mul(factor), { key: () => String(factor) });
    expect(await compiled(tensor(1)).item()).toBe(2);
    factor = 5;
    expect(await compiled(tensor(1)).item()).toBe(5);
  });
});

describe('the cache of recordings', () => {
  afterEach(() => vi.restoreAllMocks());

  it('is bounded, drops what was used least recently, and warns once', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    let runs = 0;
    using compiled = compile(
      function varying(x: Tensor) {
        runs++;
        return x.sum();
      },
      { maxRecordings: 2 },
    );
    const of = (n: number) => compiled(ops.ones([n])).item();
    expect([await of(1), await of(2), await of(1)]).toEqual([1, 2, 1]);
    expect([runs, warn.mock.calls.length]).toEqual([2, 0]);
    expect([await of(3), await of(1), await of(2)]).toEqual([3, 1, 2]);
    expect(runs).toBe(4); // 2 was dropped for 3
    expect(compiled.recordings()).toHaveLength(2);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toMatch(
      /'varying' was recorded for more than 2 kinds.*float32\[3,\].*float32\[1,\]/,
    );
  });
});

describe('abortable', () => {
  it('ends between two operations when the signal fires', async () => {
    const controller = new AbortController();
    const n = 600;
    const count = ops.zeros([1]);
    using compiled = compile((x: Tensor) => {
      let y = x;
      for (let i = 0; i < 400; i++) {
        y = y.matmul(x);
        count.add_(1);
      }
      return y.sum();
    });
    const x = ops.zeros([n, n]);
    compiled(ops.zeros([n, n])).dispose();
    expect(await count.item()).toBe(400);
    const result = compiled.abortable(controller.signal, x);
    setTimeout(() => controller.abort(), 20);
    await expect(result.data()).rejects.toBeInstanceOf(AbortError);
    expect(() => compiled.abortable(controller.signal, x)).toThrow(AbortError);
    expect(await count.item()).toBeLessThan(800);
  });

  it('rejects what the call gives, an argument that it would have changed too, and nothing of others', async () => {
    const controller = new AbortController();
    using compiled = compile((x: Tensor) => {
      for (let i = 0; i < 300; i++) x.add_(x.matmul(x));
      return x;
    });
    const x = ops.zeros([300, 300]);
    compiled(ops.zeros([300, 300])).dispose();
    await sync();
    const result = compiled.abortable(controller.signal, x);
    setTimeout(() => controller.abort(), 5);
    await expect(result.ready()).rejects.toBeInstanceOf(AbortError);
    expect(await ops.ones([1]).item()).toBe(1);
  });

  it('takes any number of calls for one signal', async () => {
    const controller = new AbortController();
    using compiled = compile((x: Tensor) => x.add(1));
    for (let i = 0; i < 20; i++) expect(await compiled.abortable(controller.signal, tensor(i)).item()).toBe(i + 1);
    expect(await compiled.abortable(undefined, tensor(1)).item()).toBe(2);
  });
});
