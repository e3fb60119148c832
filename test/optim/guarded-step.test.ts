/** What surrounds an update: nothing that is not finite is kept, nothing of a step that failed, and nothing behind it. */
import { describe, expect, it } from 'vitest';
import { AdamW } from '../../lib/optim/adam.ts';
import { LARS } from '../../lib/optim/lars.ts';
import { makeOptimizer, type Optimizer, type OptimizerSpec } from '../../lib/optim/optimizer.ts';
import { SGD } from '../../lib/optim/sgd.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const numbers = (value: Tensor): number[] => Array.from(value.dataSync(), Number);
const leaf = (values: readonly number[]) => tensor(values, { requiresGrad: true });
const status = (code = 0) => tensor(BigInt(code));
const scalar = (value: number) => tensor(value, { dtype: 'float64' });
const failing = () => tensor([1, 2]).indexSelect(0, tensor([5], { dtype: 'int64' }));
const thrown = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

/** Gives a parameter a gradient, beside what it has. */
const pull = (parameter: Tensor, gradient: readonly number[]) =>
  ops.sum(ops.mul(parameter, tensor(gradient))).backward();

/** One guarded update; the status after it, and all that it may have changed. */
function guarded(optimizer: Optimizer, lr: number) {
  const code = optimizer.stepIfFinite(optimizer.ratesAt(lr, 0), status()).itemSync();
  const values = [...optimizer.parameters, ...optimizer.stateDict().values()].map(numbers);
  return { code, values };
}

describe('a guarded update', () => {
  const specs: OptimizerSpec[] = [
    { name: 'sgd', lr: 1, momentum: 0.9 },
    { name: 'adam', lr: 1, clipNorm: 0.5 },
    { name: 'adamw', lr: 1 },
    { name: 'lars', lr: 1, form: 'lightly', clipValue: 0.7 },
  ];

  it.each(specs)('does what step() does: %o', (spec) => {
    const [plain, checked] = [leaf([1, -2, 3]), leaf([1, -2, 3])];
    using first = makeOptimizer(spec, [plain]);
    using second = makeOptimizer(spec, [checked]);
    for (const lr of [0.1, 0.2]) {
      for (const parameter of [plain, checked]) pull(parameter, [0.5, 1, -1]);
      first.step({ lr });
      expect(guarded(second, lr).code).toBe(0);
    }
    expect(numbers(checked)).toEqual(numbers(plain));
  });

  it.each(specs)('leaves all as it was at a gradient, or at weights, that are not finite: %o', (spec) => {
    const w = leaf([1, 2]);
    using optimizer = makeOptimizer(spec, [w]);
    pull(w, [1, 1]);
    const { values } = guarded(optimizer, 0.1);
    pull(w, [1, Number.NaN]);
    expect(guarded(optimizer, 0.1)).toEqual({ code: 3, values });
    optimizer.zeroGrad();
    pull(w, [3e38, 1]);
    expect(guarded(optimizer, 1e300)).toEqual({ code: 4, values });
  });

  it('tells the norm of the gradient as it was before it was clipped', () => {
    const [a, b, without] = [leaf([1, 1]), tensor([[1]], { requiresGrad: true }), leaf([1])];
    using optimizer = new SGD([a, b, without], { lr: 1, clipNorm: 1 });
    pull(a, [2, 3]);
    pull(b, [6]);
    expect(guarded(optimizer, 1).code).toBe(0);
    expect(optimizer.gradientNorm.itemSync()).toBeCloseTo(7, 6);
    const clipped = [2, 3, 6].map((x) => x / (7 + 1e-6));
    [...numbers(a.grad as Tensor), ...numbers(b.grad as Tensor)].forEach((x, i) => {
      expect(x).toBeCloseTo(clipped[i] as number, 6);
    });
    optimizer.zeroGrad();
    pull(a, [0.3, 0.4]);
    expect(guarded(optimizer, 1).code).toBe(0);
    expect(optimizer.gradientNorm.itemSync()).toBeCloseTo(0.5, 7);
    expect(numbers(a.grad as Tensor)).toEqual([0.3, 0.4].map(Math.fround)); // short enough
    optimizer.zeroGrad();
    expect(guarded(optimizer, 1).code).toBe(0);
    expect(optimizer.gradientNorm.itemSync()).toBe(0);
  });

  it('clips what is large and finite, though its norm is no float32; what is infinite is refused', () => {
    const w = leaf([1, 1]);
    using optimizer = new SGD([w], { lr: 1, clipNorm: 5 });
    pull(w, [3e38, 3e38]);
    expect(guarded(optimizer, 1).code).toBe(0);
    expect(optimizer.gradientNorm.itemSync() / (3e38 * Math.SQRT2)).toBeCloseTo(1, 6);
    expect(numbers(w)[0]).toBeCloseTo(1 - 5 / Math.SQRT2, 5);

    const v = leaf([1, 1]);
    using other = new SGD([v], { lr: 1, clipValue: 0.5 });
    pull(v, [Number.POSITIVE_INFINITY, 1]);
    expect(guarded(other, 1)).toEqual({ code: 3, values: [[1, 1]] });
    expect(numbers(v.grad as Tensor)).toEqual([Number.POSITIVE_INFINITY, 1]);
    other.step({ lr: 1 }); // as in PyTorch, which looks at nothing
    expect(numbers(v)).toEqual([0.5, 0.5]);
  });

  it('refuses a parameter with gaps in memory, whose numbers the kernels would miss', () => {
    const column = tensor([
      [1, 2],
      [3, 4],
    ])
      .select(1, 0)
      .detach();
    column.requiresGrad = true;
    using optimizer = new SGD([column], { lr: 1 });
    column.sum().backward();
    expect(() => optimizer.step()).toThrow(
      thrown('ERR_OPTION', /parameters must lie in memory without gaps, got strides \[2\]/),
    );
  });

  it('does nothing where the step is refused already', () => {
    const w = leaf([1, 2]);
    using optimizer = new SGD([w], { lr: 1 });
    pull(w, [1, 1]);
    expect(optimizer.stepIfFinite(optimizer.ratesAt(1, 0), status(1)).itemSync()).toBe(1);
    expect(numbers(w)).toEqual([1, 2]);
  });

  it('AdamW without an epsilon: 0/0 is refused, at the first gradient of a parameter too', () => {
    const [a, b] = [leaf([1]), leaf([2])];
    using optimizer = new AdamW([a, b], { lr: 0.1, eps: 0 });
    pull(a, [1]);
    const { code, values } = guarded(optimizer, 0.1);
    expect(code).toBe(0);
    expect(values[0]?.[0]).toBeCloseTo(0.899, 6); // 1 − 0.1·(0.01 + 1)
    pull(b, [0]);
    expect(guarded(optimizer, 0.1)).toEqual({ code: 4, values });
  });

  it('looks at a parameter before its first gradient: it may be large', () => {
    const [a, b] = [leaf([1]), leaf([3e38])];
    using optimizer = new SGD([a, b], { lr: 1, weightDecay: 100 });
    pull(a, [1]);
    const { code, values } = guarded(optimizer, 0.001);
    expect(code).toBe(0);
    pull(b, [1]);
    expect(guarded(optimizer, 0.1)).toEqual({ code: 4, values });
  });

  it.each<[string, () => Optimizer]>([
    ['SGD', () => new SGD([leaf([1e-6])], { lr: 1, weightDecay: 1e38, momentum: 0.9 })],
    ['AdamW', () => new AdamW([leaf([1e-6])], { lr: 1, weightDecay: 1e38 })],
    ['LARS', () => new LARS([tensor([[1e-6]], { requiresGrad: true })], { lr: 1, trustCoefficient: 1e38 })],
    [
      'a group',
      () => {
        const parameters = new Map([['w', leaf([1e-6])]]);
        return new SGD(parameters, {
          lr: 1,
          momentum: 0.9,
          groups: [{ match: 'w', lrFactor: 1e19, weightDecay: 1e19 }],
        });
      },
    ],
  ])('%s with factors that overflow small numbers', (_, make) => {
    using optimizer = make();
    const [w] = optimizer.parameters as [Tensor];
    for (const before of [1, 2, 3, 4, 5, 6]) {
      const values = [w, ...optimizer.stateDict().values()].map(numbers);
      ops.sum(w).backward();
      const made = guarded(optimizer, 1);
      expect(made.values.flat().every(Number.isFinite), `step ${before}`).toBe(true);
      if (made.code === 4) expect(made.values).toEqual(values);
    }
    expect(guarded(optimizer, 1).code).toBe(4);
  });

  it('knows nothing of a state that was loaded', () => {
    const w = leaf([1]);
    using optimizer = new SGD([w], { lr: 1, momentum: 0.9 });
    pull(w, [1]);
    expect(guarded(optimizer, 1).code).toBe(0);
    optimizer.loadStateDict(new Map([['0.momentum_buffer', tensor([3.4e38])]]));
    const before = numbers(w);
    expect(guarded(optimizer, 100).code).toBe(4);
    expect(numbers(w)).toEqual(before);
  });
});

describe('the status of a step', () => {
  /** Statistics that a forward pass moves, and a weight with a gradient. */
  function setUp() {
    const statistics = [tensor([1, 2]), tensor(3n)];
    const before = statistics.map((value) => value.clone());
    const own = status();
    const weight = leaf([1]);
    const begin = (options = {}) => internal.beginStep_(statistics, before, own, options);
    const move = () => statistics.map((value) => value.add_(1).dispose());
    const end = (from: Tensor, options = {}) =>
      internal.endStep_([weight], statistics, before, from, options).itemSync();
    return { own, weight, begin, move, end, values: () => statistics.map(numbers) };
  }

  it('is 0 between steps that were done', () => {
    const { begin, move, end, values } = setUp();
    for (const moved of [2, 3]) {
      const under = begin();
      expect(under.itemSync()).toBe(-1);
      move();
      expect(end(under)).toBe(0);
      expect(values()).toEqual([[moved, moved + 1], [moved + 2]]);
    }
  });

  it('puts statistics back and drops gradients where something is not finite; later steps change nothing', () => {
    const { weight, begin, move, end, values } = setUp();
    pull(weight, [1]);
    const kept = begin();
    move();
    const refused = internal.refuseNonFinite_([tensor([1, Number.NaN])], kept, { reason: 2 });
    expect(internal.refuseNonFinite_([tensor([Number.NaN])], refused, { reason: 1 }).itemSync()).toBe(2); // the first counts
    expect(end(refused)).toBe(2);
    expect(values()).toEqual([[1, 2], [3]]);
    expect(() => (weight.grad as Tensor).dataSync()).toThrow(thrown('ERR_AUTOGRAD', /no gradient/));

    const behind = begin();
    move();
    internal.guardedBackward_(ops.sum(weight), behind);
    expect(end(behind)).toBe(5);
    expect(values()).toEqual([[1, 2], [3]]);
    expect(() => (weight.grad as Tensor).dataSync()).toThrow(thrown('ERR_AUTOGRAD', /no gradient/));
  });

  describe('of a step of several batches', () => {
    const further = { goesOn: true };

    it('adds up the gradients, and is 0 when the last one is done', () => {
      const { weight, begin, move, end, values } = setUp();
      const first = begin();
      move();
      pull(weight, [1]);
      expect(end(first, further)).toBe(-2);
      const second = begin(further);
      expect(second.itemSync()).toBe(-1);
      move();
      pull(weight, [2]);
      expect(end(second)).toBe(0);
      expect(numbers(weight.grad as Tensor)).toEqual([3]);
      expect(values()).toEqual([[3, 4], [5]]);
    });

    it('puts back what all of them moved where one is refused, and says why at the last', () => {
      const { weight, begin, move, end, values } = setUp();
      const first = begin();
      move();
      pull(weight, [1]);
      end(first, further);
      const second = begin(further);
      move();
      expect(end(internal.refuseNonFinite_([tensor([Number.NaN])], second, { reason: 1 }), further)).toBe(1);
      expect(values()).toEqual([[1, 2], [3]]);
      const last = begin(further);
      internal.guardedBackward_(ops.sum(weight), last);
      expect(end(last)).toBe(1);
      expect(() => (weight.grad as Tensor).dataSync()).toThrow(thrown('ERR_AUTOGRAD', /no gradient/));
      expect(end(begin())).toBe(5);
    });

    it('stops at the batch behind one that failed', () => {
      const { begin, move, end, values } = setUp();
      end(begin(), further);
      const broken = internal.refuseNonFinite_([failing()], begin(further), { reason: 1 });
      move();
      expect(() => end(broken, further)).toThrow(thrown('ERR_OPTION', /index/));
      expect(end(begin(further))).toBe(5);
      expect(values()).toEqual([[1, 2], [3]]);
    });

    it('is undone where no further batch comes, by hand or at the next step', () => {
      const byHand = setUp();
      byHand.end(byHand.begin(), further);
      byHand.move();
      expect(byHand.end(byHand.own, { failed: true })).toBe(5);
      expect(byHand.values()).toEqual([[1, 2], [3]]);
      const { begin, move, end, values } = setUp();
      const first = begin();
      move();
      end(first, further);
      expect(end(begin())).toBe(5);
      expect(values()).toEqual([[1, 2], [3]]);
    });
  });

  it('copies what has moved since it was copied last, and no constants', () => {
    const [moving, constant, normalized] = [tensor([1]), tensor([2]), ops.zeros([2])];
    // A copy is known by its version, which a constant's never leaves: the wrong copy of one stays.
    const before = [moving.clone(), tensor([7]), normalized.clone()];
    const own = status();
    const step = (reason: number, move: () => void) => {
      const under = internal.beginStep_([moving, constant, normalized], before, own);
      move();
      const judged = internal.refuseNonFinite_([tensor([reason === 0 ? 1 : Number.NaN])], under, { reason: 1 });
      internal.endStep_([], [moving, constant, normalized], before, judged).dispose();
    };
    step(0, () => moving.add_(1).dispose());
    step(0, () => {}); // nothing moves
    step(0, () => moving.add_(1).dispose());
    expect(before.map(numbers)).toEqual([[2], [7], [0, 0]]);
    const input = ops.randn([3, 2]);
    const statistics = { runningMean: normalized, runningVar: ops.ones([2]) };
    const norm = () => ops.batchNorm(input, { ...statistics, training: true, momentum: 0.1, eps: 1e-5 }).dispose();
    step(0, norm); // libtorch's own, which does not count the versions of what it moves
    const moved = numbers(normalized);
    expect(moved).not.toEqual([0, 0]);
    step(1, () => {
      moving.add_(1).dispose();
      norm();
    });
    expect([moving, constant, normalized].map(numbers)).toEqual([[3], [7], moved]);
  });

  it('takes integers and large numbers for finite', () => {
    const values = [tensor([2n ** 62n]), tensor([1e38, -1e38]), tensor([])];
    expect(internal.refuseNonFinite_(values, status(), { reason: 1 }).itemSync()).toBe(0);
  });

  it('is not handed on by an operation that fails; the next step puts back what that one moved', () => {
    const { begin, move, end, values } = setUp();
    const broken = internal.refuseNonFinite_([failing()], begin(), { reason: 1 });
    move();
    expect(() => end(broken)).toThrow(thrown('ERR_OPTION', /index/));
    const next = begin();
    expect(next.itemSync()).toBe(5);
    expect(values()).toEqual([[1, 2], [3]]);
  });

  it('ends by hand where no step follows one that failed', () => {
    const { own, begin, move, end, values } = setUp();
    begin();
    move();
    expect(end(own, { failed: true })).toBe(5);
    expect(values()).toEqual([[1, 2], [3]]);
    move();
    const { own: fine, end: endOfOther, values: ofOther } = setUp();
    expect(endOfOther(fine, { failed: true })).toBe(0); // it was done, or never began
    expect(ofOther()).toEqual([[1, 2], [3]]);
  });

  it('guards averages and the queue', () => {
    const average = tensor([1, 2]);
    const queue = [ops.zeros([2, 2]), status(), status()] as const;
    const [labels, ids] = [tensor([7n, 7n]), tensor([8n, 8n])];
    const push = (from: Tensor) =>
      internal.pushKeys_(queue[0], labels, ids, queue[1], tensor([[3, 4]]), { keyIds: tensor([9n]), status: from });
    internal.movingAverage_([average], [tensor([3, 4])], scalar(0.5), status(3));
    push(status(3));
    expect([average, queue[0], labels, ids, queue[1]].map(numbers)).toEqual([
      [1, 2],
      [0, 0, 0, 0],
      [7, 7],
      [8, 8],
      [0],
    ]);
    internal.movingAverage_([average], [tensor([3, 4])], scalar(0.5), status(-1));
    push(status(-1));
    expect(numbers(average)).toEqual([2, 3]);
    expect(numbers(queue[0]).map((x) => Math.fround(x))).toEqual([0.6, 0.8, 0, 0].map(Math.fround));
    expect([labels, ids, queue[1]].map(numbers)).toEqual([[-1, 7], [9, 8], [1]]);
  });
});

describe('errors', () => {
  const two = () => [tensor([1, 2]), tensor([3])];

  it.each<[string, () => unknown, string, RegExp]>([
    [
      'lists',
      () => internal.movingAverage_(two(), [tensor([1, 2])], scalar(0.5), status()),
      'ERR_SHAPE',
      /each of averages, 2/,
    ],
    [
      'shapes',
      () => internal.movingAverage_(two(), [tensor([1, 2]), tensor([3, 4])], scalar(0.5), status()),
      'ERR_SHAPE',
      /values\[1\] must have the shape of averages\[1\], \[1\], got \[2\]/,
    ],
    [
      'momentum',
      () => internal.movingAverage_(two(), two(), tensor([1, 2]), status()),
      'ERR_SHAPE',
      /momentum must have one/,
    ],
    ['a copy', () => internal.beginStep_(two(), [], status()), 'ERR_SHAPE', /before must hold/],
    ['a status of two', () => internal.beginStep_([], [], tensor([0n, 0n])), 'ERR_SHAPE', /status must be a scalar/],
    ['a floating status', () => internal.beginStep_([], [], tensor(0)), 'ERR_DTYPE', /status must be int64/],
    [
      'a reason of none',
      () => internal.refuseNonFinite_(two(), status(), { reason: 0 }),
      'ERR_OPTION',
      /reason must be/,
    ],
    [
      'a loss of two',
      () => internal.guardedBackward_(leaf([1, 2]), status()),
      'ERR_SHAPE',
      /loss must have one element/,
    ],
    [
      'a loss from nowhere',
      () => internal.guardedBackward_(tensor(1), status()),
      'ERR_AUTOGRAD',
      /must require a gradient/,
    ],
    [
      'a queue of nothing',
      () =>
        internal.pushKeys_(ops.zeros([0, 2]), status(), status(), status(), ops.zeros([1, 2]), {
          keyIds: status(),
          status: status(),
        }),
      'ERR_SHAPE',
      /features must have shape \(size, dim\)/,
    ],
  ])('%s', (_, run, code, message) => {
    expect(run).toThrow(thrown(code, message));
  });

  const one = { groups: [0], rateFactors: [1], weightDecays: [tensor(0, { dtype: 'float64' })] };
  const numbersOf = { ...one, momentum: 0.9, nesterov: false };
  it.each<[string, () => unknown, string, RegExp]>([
    [
      'no parameter',
      () => internal.sgd_([], [], scalar(1), { ...numbersOf, momentum: 0 }),
      'ERR_OPTION',
      /at least one/,
    ],
    [
      'no momenta',
      () => internal.sgd_([leaf([1])], [], scalar(1), numbersOf),
      'ERR_SHAPE',
      /must hold 1 tensors, 1 a parameter, got 0/,
    ],
    [
      'no gradients to clip',
      () => internal.clipGradients_([], scalar(0)),
      'ERR_OPTION',
      /there must be at least one parameter/,
    ],
    [
      'a norm of float32',
      () => internal.clipGradients_([leaf([1])], tensor(0)),
      'ERR_DTYPE',
      /norm must be a float64 scalar/,
    ],
    [
      'groups of too few',
      () => internal.sgd_([leaf([1]), leaf([1])], [tensor([0]), tensor([0])], scalar(1), numbersOf),
      'ERR_OPTION',
      /groups must have a number for each of 2 parameters, got 1/,
    ],
    [
      'a group that is none',
      () => internal.sgd_([leaf([1])], [tensor([0])], scalar(1), { ...numbersOf, groups: [1] }),
      'ERR_OPTION',
      /groups must be numbers of 1 groups, got 1/,
    ],
    [
      'factors without decays',
      () => internal.sgd_([leaf([1])], [tensor([0])], scalar(1), { ...numbersOf, weightDecays: [] }),
      'ERR_SHAPE',
      /weight_decays must have a number for each of 1 groups, got 0/,
    ],
    [
      'trust for no group',
      () => {
        const options = { ...numbersOf, trustCoefficients: [], rateInMomentum: true, separateNorms: false };
        return internal.lars_([leaf([1])], [tensor([0])], scalar(1), options);
      },
      'ERR_OPTION',
      /trust_coefficients must have a number for each of 1 groups, got 0/,
    ],
    [
      'too few',
      () => internal.sgd_([leaf([1]), leaf([1])], [tensor([0])], scalar(1), numbersOf),
      'ERR_SHAPE',
      /must hold 2 tensors, 1 a parameter, got 1/,
    ],
    [
      'another shape',
      () => internal.sgd_([leaf([1])], [tensor([0, 0])], scalar(1), numbersOf),
      'ERR_SHAPE',
      /its shape, \[1\]/,
    ],
    [
      'two rates',
      () => internal.sgd_([leaf([1])], [tensor([0])], tensor([1, 1]), numbersOf),
      'ERR_SHAPE',
      /learning_rate/,
    ],
    [
      'a status alone',
      () => internal.sgd_([leaf([1])], [tensor([0])], scalar(1), { ...numbersOf, status: status() }),
      'ERR_OPTION',
      /go together/,
    ],
    [
      'a float32 norm',
      () =>
        internal.sgd_([leaf([1])], [tensor([0])], scalar(1), {
          ...numbersOf,
          status: status(),
          gradientNorm: scalar(1),
          largest: tensor(1),
        }),
      'ERR_DTYPE',
      /largest must be a float64 scalar/,
    ],
  ])('of an update: %s', (_, run, code, message) => {
    expect(run).toThrow(thrown(code, message));
  });

  it('of an operation in place reach sync(), though nobody looks at its result', async () => {
    ops.zeros([1]).copy_(failing()).dispose();
    await expect(sync()).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await sync();
  });
});
