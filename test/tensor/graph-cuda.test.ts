/** A recording as graphs of its device: what it computes is what the operations compute, to the bit. */
import { setImmediate } from 'node:timers/promises';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { Linear } from '../../lib/nn/linear.ts';
import { SGD } from '../../lib/optim/sgd.ts';
import { setBackends } from '../../lib/tensor/backends.ts';
import { type Compiled, compile } from '../../lib/tensor/compile.ts';
import { Generator } from '../../lib/tensor/generator.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import { noGrad, onInteractiveStream } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';
import { describeWithGraphs } from '../device/describe-on-device.ts';
import { holdCaptures, launchesIn, takeLog, device as there, untilHeld, waitsOfStreams } from '../device/device.ts';

const rows = (seed: number): Tensor => ops.randn([4, 8], { seed, device: there });

/** Of the last used recording, once its calls are done. */
const graphOf = async (compiled: Pick<Compiled<never, unknown>, 'recordings'>) => {
  await sync();
  return compiled.recordings().at(-1)?.graph;
};

/** Undefined on a GPU, which does not tell. */
async function launchesOf(call: () => unknown): Promise<number | undefined> {
  await sync();
  takeLog();
  call();
  await sync();
  return launchesIn(takeLog());
}

describeWithGraphs(() => {
  beforeEach(() => void takeLog());

  it('arguments and tensors from outside change; results are those of the operations, and stay', async () => {
    const weight = rows(0);
    const fn = (x: Tensor, y: Tensor) => [x.mul(weight).add(y).relu(), x.sub(y).square().sum()] as const;
    const [plain, graph] = [compile(fn), compile(fn, { graph: true })];
    const kept: [Tensor, Tensor][] = [];
    for (let i = 1; i <= 5; i++) {
      noGrad(() => weight.add_(0.5));
      const [x, y] = [rows(i), rows(10 + i)];
      const [expected, actual] = [plain(x, y), graph(x, y)];
      for (const [j, each] of actual.entries()) kept.push([each, expected[j] as Tensor]);
      expect(await graphOf(graph)).toEqual({ state: i < 3 ? 'warming up' : 'captured' });
    }
    for (const [actual, expected] of kept) expect(await actual.data()).toEqual(await expected.data());
    const log = takeLog();
    expect(log?.races ?? []).toEqual([]);
    expect(waitsOfStreams(log)).toEqual([]);
    const [x, y] = [rows(1), rows(2)];
    // The graph, and two results out of it. (Copies into it are counted apart.)
    expect([3, undefined]).toContain(await launchesOf(() => graph(x, y)));
    expect((await launchesOf(() => plain(x, y))) ?? 6).toBeGreaterThan(5);
    expect(graph.inspect()).toMatch(/\ngraph captured$/);
    expect(plain.inspect()).not.toMatch(/\ngraph/);
  });

  /** A layer, and a step of it that is given its learning rate. */
  function training(graph: boolean) {
    const layer = new Linear(8, 3, { generator: new Generator(1) }).to(there);
    const optimizer = new SGD(layer.namedParameters(), { lr: 1, momentum: 0.9 });
    const step = compile(
      (x: Tensor, classes: Tensor, rate: Tensor) => {
        optimizer.zeroGrad();
        const loss = ops.crossEntropyLoss(layer.forward(x), classes);
        loss.backward();
        optimizer.step({ lr: rate });
        return loss.detach();
      },
      { graph },
    );
    return { layer, step };
  }
  const classes = () => tensor(Int32Array.of(0, 2, 1, 2), { device: there }).to('int64');

  it('a step of an optimizer: its learning rate is followed, and weights are the same', async () => {
    const [plain, graph] = [training(false), training(true)];
    for (let i = 0; i < 8; i++) {
      const losses = [plain, graph].map(({ step }) => step(rows(i), classes(), 0.5 / (i + 1)));
      expect(await losses[1]?.item()).toBe(await losses[0]?.item());
    }
    expect(await graphOf(graph.step)).toEqual({ state: 'captured' });
    for (const [name, weight] of graph.layer.stateDict())
      expect(await weight.data()).toEqual(await plain.layer.stateDict().get(name)?.data());
    expect(await graph.layer.weight.grad?.data()).toEqual(await plain.layer.weight.grad?.data());
    expect(takeLog()?.races ?? []).toEqual([]);
  });

  it.each(['all', 'negatives'])(
    'a loss in blocks, denominators of %s: bits are those of the operations',
    async (denominators) => {
      const fn = (z: Tensor, labels: Tensor) => internal.contrastiveLoss(z, { labels, denominators, block: 5 })[0];
      const [plain, graph] = [compile(fn), compile(fn, { graph: true })];
      for (let i = 0; i < 5; i++) {
        const z = ops.randn([12, 2, 8], { seed: i, device: there });
        const labels = () =>
          tensor(
            Int32Array.from({ length: 12 }, (_, n) => (n * (i + 1)) % 4),
            { device: there },
          );
        const [expected, actual] = [plain(z, labels()), graph(z, labels())];
        expect(await actual.item()).toBe(await expected.item());
      }
      expect(await graphOf(graph)).toEqual({ state: 'captured' });
    },
  );

  it('a parameter that moved is captured where it then is', async () => {
    const [plain, graph] = [training(false), training(true)];
    for (let i = 0; i < 9; i++) {
      if (i === 4)
        for (const { layer } of [plain, graph]) {
          await sync();
          layer.to('cpu');
          layer.to(there);
        }
      const losses = [plain, graph].map(({ step }) => step(rows(i), classes(), 0.1));
      expect(await losses[1]?.item()).toBe(await losses[0]?.item());
      const state = (await graphOf(graph.step))?.state;
      expect([i, state]).toEqual([i, i < 2 || i === 4 || i === 5 ? 'warming up' : 'captured']);
    }
    expect(takeLog()?.races ?? []).toEqual([]);
  });

  it('gradients from before the call are added to where they lie', async () => {
    const layer = new Linear(8, 3, { generator: new Generator(1) }).to(there);
    const add = compile((x: Tensor) => layer.forward(x).sum().backward(), { graph: true });
    const states: unknown[] = [];
    const sums: unknown[] = [];
    const sum = async () => {
      add(rows(0));
      states.push((await graphOf(add))?.state);
      sums.push(await layer.bias?.grad?.data());
    };
    for (let i = 0; i < 5; i++) await sum();
    for (const parameter of layer.parameters()) parameter.zeroGrad();
    for (let i = 0; i < 4; i++) await sum();
    expect(sums).toEqual([1, 2, 3, 4, 5, 1, 2, 3, 4].map((calls) => new Float32Array(3).fill(4 * calls)));
    const three = ['warming up', 'warming up', 'captured'];
    expect(states).toEqual([...three, 'captured', 'captured', ...three, 'captured']);
    expect(takeLog()?.races ?? []).toEqual([]);
  });

  it('gradients that lie elsewhere at each call are no graph', async () => {
    const layer = new Linear(8, 3, { generator: new Generator(1) }).to(there);
    const add = compile((x: Tensor) => layer.forward(x).sum().backward(), { graph: true });
    for (let i = 0; i < 15; i++) {
      if (i % 3 === 0) for (const parameter of layer.parameters()) parameter.zeroGrad();
      add(rows(0));
      expect(await layer.bias?.grad?.data()).toEqual(new Float32Array(3).fill(4 * ((i % 3) + 1)));
    }
    expect(await graphOf(add)).toMatchObject({
      state: 'not possible',
      reason: expect.stringMatching(/every few calls something changes: .* gradients lie/),
    });
  });

  it('gradients from before the call that nothing in it uses are no obstacle', async () => {
    const layer = new Linear(8, 3, { generator: new Generator(1) }).to(there);
    layer.forward(rows(0)).sum().backward();
    const count = ops.zeros([1], { device: there });
    const pass = compile(
      (x: Tensor) =>
        noGrad(() => {
          count.add_(1);
          return layer.forward(x);
        }),
      { graph: true },
    );
    for (let i = 0; i < 5; i++)
      expect(await pass(rows(i)).data()).toEqual(await noGrad(() => layer.forward(rows(i))).data());
    expect(await graphOf(pass)).toEqual({ state: 'captured' });
    expect(await count.item()).toBe(5);
    expect(await layer.bias?.grad?.data()).toEqual(Float32Array.of(4, 4, 4));
  });

  it('gradients through a shape that depends on data are no graph', async () => {
    const making = (graph: boolean) => {
      const layer = new Linear(8, 3, { generator: new Generator(1) }).to(there);
      const optimizer = new SGD(layer.namedParameters(), { lr: 1 });
      const step = compile(
        (x: Tensor, mask: Tensor) => {
          optimizer.zeroGrad();
          layer.forward(x).maskedSelect(mask).square().sum().backward();
        },
        { graph },
      );
      return { layer, step };
    };
    const [plain, graph] = [making(false), making(true)];
    for (let i = 0; i < 5; i++) {
      const mask = ops.randn([4, 3], { seed: i, device: there }).gt(0);
      for (const { step } of [plain, graph]) step(rows(i), mask);
      expect(await graph.layer.weight.grad?.data()).toEqual(await plain.layer.weight.grad?.data());
    }
    expect(await graphOf(graph.step)).toMatchObject({
      state: 'not possible',
      reason: expect.stringMatching(/depends on data, and gradients are made there, at .*graph-cuda/),
    });
  });

  const refused: [string, (x: Tensor) => unknown, RegExp][] = [
    [
      'a shape that depends on data',
      (x) => ops.nonzero(x),
      /^aten::nonzero has a result .* depends on data, at .*graph-cuda/,
    ],
    [
      'a number of the host under autograd',
      (x) => ops.dropout(x.mul(factor)).sum().backward(),
      /^dropout takes .* CPU, between .* gradients, at .*graph-cuda/,
    ],
    ['an argument that is changed', (x) => x.add_(1), /changes an argument in place/],
    [
      'a view of an argument that is changed between graphs',
      (x) => {
        const view = x.reshape([-1]);
        x.mul_(half);
        return view.sum();
      },
      /^a view of an argument is used beside operations that change something/,
    ],
    [
      'a value that an operation waits for',
      (x) => internal.contrastiveLoss(x.reshape([2, 2, 8]), { noPositives: 'error' })[0],
      /not permitted (while a stream is captured: item|when stream is capturing).*, at .*graph-cuda/s,
    ],
  ];
  let factor: Tensor;
  let half: Tensor; // of the host
  beforeAll(() => {
    half = tensor(0.5);
    factor = ops.ones([8], { device: there });
    factor.requiresGrad = true;
  });
  it.each(refused)('%s: the operations run, and the reason is said', async (_, fn, reason) => {
    const [plain, graph] = [compile(fn), compile(fn, { graph: true })];
    for (let i = 0; i < 4; i++) {
      const [a, b] = [rows(i), rows(i)];
      const [expected, actual] = [plain(a), graph(b)] as Tensor[];
      expect(await actual?.data()).toEqual(await expected?.data());
      expect(await b.data()).toEqual(await a.data());
    }
    const found = await graphOf(graph);
    expect(found?.state).toBe('not possible');
    expect(found?.reason).toMatch(reason);
    expect(takeLog()?.races ?? []).toEqual([]);
  });

  it('random draws without a gradient are fresh at each call, between graphs', async () => {
    const graph = compile((x: Tensor) => ops.dropout(x.abs().add(1), { p: 0.5 }).add(1), { graph: true });
    const seen = new Set<string>();
    for (let i = 0; i < 6; i++) seen.add(String(await graph(rows(0)).data()));
    expect(seen.size).toBe(6);
    expect(await graphOf(graph)).toEqual({ state: 'captured' });
  });

  it('an abort ends a call, and the next one is as ever', async () => {
    const graph = compile((x: Tensor) => x.mul(2).add(1), { graph: true });
    const isAbort = expect.objectContaining({ code: 'ERR_ABORTED' });
    const large = ops.zeros([1200, 1200]);
    // The third call would take the graph down, the fifth would replay it.
    for (const state of ['warming up', 'captured', 'captured']) {
      expect(() => graph.abortable(AbortSignal.abort(), rows(0))).toThrow(isAbort);
      const controller = new AbortController();
      large.matmul(large).matmul(large).dispose(); // keeps the stream busy until the signal has fired
      const late = graph.abortable(controller.signal, rows(0));
      controller.abort();
      await expect(late.data()).rejects.toEqual(isAbort);
      expect(await graph(rows(1)).data()).toEqual(await rows(1).mul(2).add(1).data());
      expect((await graphOf(graph))?.state).toBe(state);
    }
  });

  it('each recording has its own, and dispose() frees them', async () => {
    await collect(); // graphs of earlier tests
    const before = takeLog()?.graphs ?? 0;
    const graph = compile((x: Tensor) => x.mul(2).add(1), { graph: true });
    for (let i = 0; i < 4; i++)
      for (const x of [rows(i), ops.randn([3], { seed: i, device: there })])
        expect(await graph(x).data()).toEqual(await x.mul(2).add(1).data());
    expect(graph.recordings().map((each) => each.graph?.state)).toEqual(['captured', 'captured']);
    expect([before + 2, undefined]).toContain(takeLog()?.graphs);
    const last = graph(rows(0));
    graph.dispose();
    await sync();
    expect([before, undefined]).toContain(takeLog()?.graphs);
    expect(await last.data()).toEqual(await rows(0).mul(2).add(1).data());
  });

  it('calls of another stream run the operations', async () => {
    const graph = compile((x: Tensor) => x.mul(2).add(1), { graph: true });
    for (let i = 0; i < 4; i++) await graph(rows(i)).data();
    const made = onInteractiveStream(() => graph(rows(5)));
    expect(await onInteractiveStream(() => made.data())).toEqual(await rows(5).mul(2).add(1).data());
    expect(takeLog()?.races ?? []).toEqual([]);
  });

  it('for inference: weights that change are folded anew', async () => {
    const encoder = resnet18({ stem: 'cifar', width: 4, inChannels: 1, seed: 1 }).to(there).eval();
    const [plain, graph] = [false, true].map((graph) => compile(encoder, { inference: true, graph })) as [
      Compiled<[Tensor], Tensor>,
      Compiled<[Tensor], Tensor>,
    ];
    for (let i = 0; i < 9; i++) {
      if (i === 4) noGrad(() => encoder.conv1.weight.mul_(0.5));
      const images = ops.randn([2, 1, 8, 8], { seed: i, device: there });
      expect(await graph(images).data()).toEqual(await plain(images).data());
      const state = (await graphOf(graph))?.state;
      expect([i, state]).toEqual([i, i < 2 || i === 4 || i === 5 ? 'warming up' : 'captured']);
    }
    expect(takeLog()?.races ?? []).toEqual([]);
  });

  it('changes between graphs what a graph has made, and a graph what was made between', async () => {
    const fn = (x: Tensor) =>
      noGrad(() => {
        const y = x.add(1);
        y.mul_(half);
        y.add_(1);
        return y;
      });
    const [plain, graph] = [compile(fn), compile(fn, { graph: true })];
    for (let i = 0; i < 5; i++) expect(await graph(rows(i)).data()).toEqual(await plain(rows(i)).data());
    expect(await graphOf(graph)).toEqual({ state: 'captured' });
    expect(takeLog()?.races ?? []).toEqual([]);
  });

  it.each([
    ['a gradient that was made between calls', (layer: Linear) => (x: Tensor, _: Tensor) => [x, layer.weight] as const],
    ['that of an argument', () => (x: Tensor, weight: Tensor) => [x, weight] as const],
  ])('%s is dropped by each', async (_, used) => {
    const layer = new Linear(8, 3, { generator: new Generator(1) }).to(there);
    const optimizer = new SGD(layer.namedParameters(), { lr: 1 });
    const begin = compile(
      (x: Tensor, given: Tensor) => {
        optimizer.zeroGrad();
        return noGrad(() => used(layer)(x, given).map((each) => each.mul(2)));
      },
      { graph: true },
    );
    for (let i = 0; i < 7; i++) {
      begin(rows(i), layer.weight);
      // The call that takes it down meets no gradient.
      if (i < 3) continue;
      layer
        .forward(ops.ones([4, 8], { device: there }))
        .sum()
        .backward();
      expect(await layer.weight.grad?.data()).toEqual(new Float32Array(24).fill(4));
      expect(await layer.bias?.grad?.data()).toEqual(Float32Array.of(4, 4, 4));
    }
    expect(await graphOf(begin)).toEqual({ state: 'captured' });
  });

  it('statistics that a spoilt graph would have kept are kept by the operations', async () => {
    const statistics = [ops.zeros([2], { device: there })];
    const before = statistics.map((each) => noGrad(() => each.clone()));
    const status = tensor(0n, { device: there });
    const step = compile(
      (x: Tensor) =>
        noGrad(() => {
          const begun = internal.beginStep_(statistics, before, status);
          const [loss] = internal.contrastiveLoss(x.reshape([2, 2, 8]), { noPositives: 'error' }); // which is waited for
          statistics[0]?.add_(1);
          return [loss, internal.endStep_([], statistics, before, begun)];
        }),
      { graph: true },
    );
    for (let i = 0; i < 5; i++) {
      step(rows(i));
      expect([...((await before[0]?.data()) ?? [])]).toEqual([i, i]);
    }
    expect(await graphOf(step)).toMatchObject({ state: 'not possible', reason: expect.stringContaining('captur') });
  });

  it('how libraries of the device compute is that of the last setBackends()', async () => {
    const graph = compile((x: Tensor) => x.matmul(rows(0).t()), { graph: true });
    const stateAfter = async (calls: number) => {
      for (let i = 0; i < calls; i++) graph(rows(i));
      return (await graphOf(graph))?.state;
    };
    try {
      expect(await stateAfter(3)).toBe('captured');
      setBackends({ matmulPrecision: 'high' });
      expect(await stateAfter(1)).toBe('warming up');
      expect(await stateAfter(8)).toBe('captured');
      setBackends({ cudnnDeterministic: true });
      expect(await stateAfter(1)).toBe('warming up');
    } finally {
      setBackends({ matmulPrecision: 'highest', cudnnDeterministic: false });
    }
  });

  it('memory that was read into is let go of while a graph is taken down, and freed later', async () => {
    const graph = compile((x: Tensor) => x.mul(2).add(1), { graph: true });
    for (let i = 0; i < 2; i++) await graph(rows(i)).data();
    const read = rows(2).data();
    holdCaptures(true);
    try {
      const made = graph(rows(3));
      untilHeld();
      await read;
      await setImmediate(); // its last holder has gone
      holdCaptures(false);
      expect(await made.data()).toEqual(await rows(3).mul(2).add(1).data());
    } finally {
      holdCaptures(false);
    }
    expect(takeLog()?.races ?? []).toEqual([]);
    const left = async () => {
      await sync();
      await onInteractiveStream(() => sync()); // of earlier tests
      return takeLog()?.pinned ?? 0;
    };
    await expect.poll(left).toBe(0);
  });
});
