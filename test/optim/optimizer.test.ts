import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { loadAddon } from '../../lib/native/addon.ts';
import { Adam, AdamW } from '../../lib/optim/adam.ts';
import { LARS } from '../../lib/optim/lars.ts';
import { makeOptimizer, type OptimizerSpec, type optimizers } from '../../lib/optim/optimizer.ts';
import { SGD } from '../../lib/optim/sgd.ts';
import { compile } from '../../lib/tensor/compile.ts';
import { add, mul, ones, square, sum } from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

interface Trajectory {
  name: keyof typeof optimizers;
  options: { lr: number };
  dtype: 'float32' | 'float64';
  final: Record<string, number[]>;
}

const trajectories = JSON.parse(
  readFileSync(new URL('../fixtures/optim/trajectories.json', import.meta.url), 'utf8'),
) as Trajectory[];

// The problem of test/fixtures/make_optim.py.
const shapes = { weight: [3, 4], kernel: [2, 3, 2, 2], bias: [5] } as const;
const steps = 6;
const rate = (step: number): number => (0.1 * (1 + step)) / steps;
const fill = (shape: readonly number[], phase: number): Float64Array =>
  Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.7 + phase));

const parametersOf = (dtype: 'float32' | 'float64'): Map<string, Tensor> =>
  new Map(
    Object.entries(shapes).map(([name, shape], i) => [
      name,
      tensor(fill(shape, i), { shape, dtype, requiresGrad: true }),
    ]),
  );

/** Gives every parameter the gradient of `step`; in step 2 the bias has none. */
function setGradients(parameters: ReadonlyMap<string, Tensor>, step: number): void {
  [...parameters].forEach(([name, parameter], i) => {
    if (step === 2 && name === 'bias') return;
    const gradient = tensor(fill(parameter.shape, 10 * step + 3 * i + 1), {
      shape: parameter.shape,
      dtype: parameter.dtype,
    });
    sum(mul(parameter, gradient)).backward();
  });
}

const numbers = (value: Tensor | undefined): number[] => Array.from((value as Tensor).dataSync(), Number);

function expectClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  expect(Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] as number))))).toBeLessThan(tolerance);
}

const caught = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

describe("PyTorch's trajectories", () => {
  for (const { name, options, dtype, final } of trajectories)
    it(`${name} ${JSON.stringify(options)}, ${dtype}`, () => {
      const parameters = parametersOf(dtype);
      using optimizer = makeOptimizer({ name, ...options } as OptimizerSpec, parameters);
      for (let step = 0; step < steps; step++) {
        optimizer.zeroGrad();
        setGradients(parameters, step);
        optimizer.step({ lr: rate(step) });
      }
      for (const [key, values] of Object.entries(final))
        expectClose(numbers(parameters.get(key)), values, dtype === 'float32' ? 1e-6 : 1e-12);
    });
});

describe('LARS', () => {
  it('takes the plain step where the weights or the gradient are zero', () => {
    const zero = tensor([[0, 0]], { requiresGrad: true });
    const still = tensor([[1, 2]], { requiresGrad: true });
    using optimizer = new LARS([zero, still], { lr: 0.5, momentum: 0, weightDecay: 0 });
    add(sum(mul(zero, tensor([[2, 4]]))), sum(mul(still, tensor([[0, 0]])))).backward();
    optimizer.step();
    expect(numbers(zero)).toEqual([-1, -2]);
    expect(numbers(still)).toEqual([1, 2]);
  });

  it("lightly's: weights of zeros take the plain step, and a gradient of zeros moves nothing", () => {
    const zero = tensor([[0, 0]], { requiresGrad: true });
    const still = tensor([[1, 2]], { requiresGrad: true });
    using optimizer = new LARS([zero, still], { lr: 0.5, momentum: 0, weightDecay: 0.1, form: 'lightly' });
    add(sum(mul(zero, tensor([[2, 4]]))), sum(mul(still, tensor([[0, 0]])))).backward();
    optimizer.step();
    expect(numbers(zero)).toEqual([-1, -2]);
    expect(numbers(still)).toEqual([1, 2]);
  });
});

describe('by hand', () => {
  it('trains a module: the loss falls', async () => {
    using head = projectionHead({ inFeatures: 3, outFeatures: 2 });
    using optimizer = new SGD(head.parameters(), { lr: 0.05, momentum: 0.5 });
    const losses: number[] = [];
    for (let step = 0; step < 20; step++) {
      optimizer.zeroGrad();
      const loss = sum(square(head.forward(ones([4, 3]))));
      loss.backward();
      optimizer.step();
      losses.push(await loss.item());
    }
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) * 0.1);
  });

  it('zeroGrad() drops the gradients', () => {
    const w = tensor([1, 2], { requiresGrad: true });
    using optimizer = new SGD([w], { lr: 1 });
    sum(w).backward();
    expect(numbers(w.grad ?? undefined)).toEqual([1, 1]);
    optimizer.zeroGrad();
    expect(w.grad).toBeNull();
    optimizer.step();
    expect(numbers(w)).toEqual([1, 2]);
    sum(w).backward();
    optimizer.step();
    expect(numbers(w)).toEqual([0, 1]);
  });

  it('waits for parameters that a queued operation still makes', () => {
    const w = ones([3]);
    w.requiresGrad = true;
    sum(ones([1])).dataSync(); // the change is queued
    using optimizer = new SGD([w], { lr: 1 });
    sum(w).backward();
    optimizer.step();
    expect(numbers(w)).toEqual([0, 0, 0]);
  });

  it('takes optimizer.lr as it is at each call of a compiled step', async () => {
    const weight = tensor([1], { dtype: 'float32', requiresGrad: true });
    const optimizer = new SGD([weight], { lr: 1 });
    using compiled = compile((x: Tensor) => {
      optimizer.zeroGrad();
      weight.mul(x).sum().backward();
      optimizer.step();
    });
    compiled(tensor(1));
    expect(await weight.item()).toBe(0);
    optimizer.lr = 0;
    compiled(tensor(1));
    expect(await weight.item()).toBe(0);
    optimizer.lr = 2;
    compiled(tensor(1));
    expect(await weight.item()).toBe(-2);
  });

  it('changes the weight decay with the progress, in a compiled step too', () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const ruled = tensor([4], { requiresGrad: true });
    using optimizer = new AdamW(new Map(Object.entries({ w, ruled })), {
      ...{ lr: 0.5, weightDecay: { from: 0.04, to: 0.4, schedule: 'cosine' } },
      groups: [{ match: 'ruled', weightDecay: { from: 0, to: 1, schedule: 'linear' } }],
    });
    using compiled = compile(() => {
      optimizer.zeroGrad();
      add(sum(w.mul(0)), sum(ruled.mul(0))).backward(); // gradients of zero: nothing moves but by the decay
      optimizer.step();
    });
    const expected = [1, 2, 4];
    for (const progress of [0, 0.25, 1]) {
      optimizer.progress = progress;
      compiled();
      const decay = 0.04 + (0.36 * (1 - Math.cos(Math.PI * progress))) / 2;
      for (const [i, own] of [decay, decay, progress].entries()) (expected[i] as number) *= 1 - 0.5 * own;
      expectClose([...numbers(w), ...numbers(ruled)], expected, 1e-6);
    }
    expect(caught(() => (optimizer.progress = 1.1))).toMatchObject({ code: 'ERR_OPTION' });
  });

  it('takes the learning rate as an argument of a compiled step', async () => {
    const [eager, recorded] = [0, 1].map(() => tensor([1, -2, 3], { dtype: 'float32', requiresGrad: true })) as [
      Tensor,
      Tensor,
    ];
    const stepOf = (weight: Tensor) => {
      const optimizer = new SGD([weight], { lr: 1, momentum: 0.9 });
      return (x: Tensor, lr: Tensor | number) => {
        optimizer.zeroGrad();
        const loss = weight.mul(x).square().sum();
        loss.backward();
        optimizer.step({ lr });
        return loss.detach();
      };
    };
    const plain = stepOf(eager);
    using compiled = compile(stepOf(recorded) as (x: Tensor, lr: Tensor) => Tensor);
    for (const lr of [0.1, 0.05, 0.01]) {
      const x = tensor([0.5, 1, 2], { dtype: 'float32' });
      expect(await compiled(x, lr).item()).toBe(await plain(x, lr).item());
    }
    expect(await recorded.data()).toEqual(await eager.data());
  });
});

describe('state', () => {
  const run = (
    optimizer: { zeroGrad(): void; step(): void },
    parameters: ReadonlyMap<string, Tensor>,
    from: number,
    to: number,
  ) => {
    for (let step = from; step < to; step++) {
      optimizer.zeroGrad();
      setGradients(parameters, step);
      optimizer.step();
    }
  };

  it.each<OptimizerSpec>([
    { name: 'sgd', lr: 0.1, momentum: 0.9 },
    { name: 'adam', lr: 0.1, weightDecay: 0.1, clipNorm: 1 },
    { name: 'adamw', lr: 0.1, groups: [{ match: 'bias', lrFactor: 2 }] },
    { name: 'lars', lr: 0.1 },
  ])('resumes where it was: %o', (spec) => {
    const whole = parametersOf('float32');
    using first = makeOptimizer(spec, whole);
    run(first, whole, 0, 3);
    const saved = new Map([...whole].map(([name, value]) => [name, value.dataSync().slice() as Float32Array]));
    const state = new Map(
      [...first.stateDict()].map(([name, value]) => [name, tensor(value.dataSync(), { shape: value.shape })]),
    );
    run(first, whole, 3, 6);

    const resumed = new Map(
      [...saved].map(([name, data]) => [
        name,
        tensor(data, { shape: shapes[name as keyof typeof shapes], requiresGrad: true }),
      ]),
    );
    using second = makeOptimizer(spec, resumed);
    second.loadStateDict(state);
    run(second, resumed, 3, 6);
    for (const [name, value] of whole) expect(numbers(resumed.get(name))).toEqual(numbers(value));
  });

  it('names its slots after the parameters', () => {
    using sgd = new SGD(parametersOf('float32'), { lr: 1, momentum: 0.9 });
    expect([...sgd.stateDict().keys()]).toEqual(['weight', 'kernel', 'bias'].map((name) => `${name}.momentum_buffer`));
    using plain = new SGD(parametersOf('float32'), { lr: 1 });
    expect(plain.stateDict().size).toBe(0);
    using adamw = new AdamW([tensor([1], { requiresGrad: true })], { lr: 1 });
    expect([...adamw.stateDict().keys()]).toEqual(['0.exp_avg', '0.exp_avg_sq', '0.step']);
  });

  it('refuses a state that does not fit', () => {
    using optimizer = new SGD(parametersOf('float32'), { lr: 1, momentum: 0.9 });
    const state = new Map(optimizer.stateDict());
    state.delete('bias.momentum_buffer');
    expect(caught(() => optimizer.loadStateDict(state))).toMatchObject({ code: 'ERR_STATE', message: /lacks 'bias/ });
    state.set('bias.momentum_buffer', ones([4]));
    expect(caught(() => optimizer.loadStateDict(state))).toMatchObject({
      code: 'ERR_SHAPE',
      message: /'bias.momentum_buffer' must have shape \[5\], got \[4\]/,
    });
    const extra = new Map([...optimizer.stateDict(), ['other.momentum_buffer', ones([5])]]);
    expect(caught(() => optimizer.loadStateDict(extra))).toMatchObject({
      code: 'ERR_STATE',
      message: /unknown.*other/,
    });
  });
});

describe('errors', () => {
  const w = tensor([1, 2], { requiresGrad: true });

  it.each<[object | null, RegExp]>([
    [null, /optimizer must be a name or { name, … }, got null/],
    [{ name: 'sgd', lr: 1, momentun: 0.9 }, /optimizer: unknown option 'momentun'; did you mean 'momentum'\?/],
    [{ name: 'sgd' }, /lr must be a finite number >= 0, got undefined/],
    [{ name: 'sgd', lr: -1 }, /lr must be a finite number >= 0/],
    [{ name: 'sgd', lr: 1, nesterov: true }, /nesterov needs a momentum above 0/],
    [{ name: 'sgd', lr: 1, momentum: -0.1 }, /momentum must be/],
    [{ name: 'sgd', lr: 1, clipNorm: 0 }, /clipNorm must be a finite number > 0/],
    [{ name: 'sgd', lr: 1, clipValue: -1 }, /clipValue must be a finite number > 0/],
    [{ name: 'sgd', lr: 1, clipNorm: 1, clipValue: 1 }, /clipNorm or clipValue, not both/],
    [{ name: 'adam', lr: 1, betas: 0.9 }, /betas must be an array of two numbers, got 0.9/],
    [{ name: 'adamw', lr: 1, betas: [0.9] }, /betas must be an array of two numbers, got an array of 1/],
    [{ name: 'adamw', lr: 1, betas: [0.9, 1] }, /betas\[1\] must be/],
    [{ name: 'adamw', lr: 1, eps: -1 }, /eps must be/],
    [{ name: 'lars', lr: 1, momentum: 0, nesterov: true }, /nesterov needs a momentum above 0/],
    [{ name: 'lars', lr: 1, trustCoefficient: 0 }, /trustCoefficient must be a finite number > 0/],
    [{ name: 'lars', lr: 1, excludeBiasAndNorm: 1 }, /excludeBiasAndNorm must be true or false/],
    [{ name: 'lars', lr: 1, form: 'apex' }, /form must be one of 'simclr', 'moco-v3', 'lightly'/],
    [{ name: 'adm', lr: 1 }, /optimizer.name must be one of 'sgd', 'adam', 'adamw', 'lars'.*did you mean 'adam'\?/],
  ])('refuses %o', (spec, message) => {
    expect(caught(() => makeOptimizer(spec as OptimizerSpec, [w]))).toMatchObject({ code: 'ERR_OPTION', message });
  });

  it('of Adam has a learning rate of 0.001 unless told otherwise, as PyTorch', () => {
    const made = [new Adam([w]), new AdamW([w]), makeOptimizer('adamw', [w]), makeOptimizer({ name: 'adam' }, [w])];
    expect(made.map(({ lr }) => lr)).toEqual([0.001, 0.001, 0.001, 0.001]);
    for (const optimizer of made) optimizer.dispose();
  });

  it("PyTorch's groups of parameters are answered with our rules", () => {
    const groups = [{ params: [w], lr: 1 }] as never;
    expect(caught(() => new SGD(groups, { lr: 1 }))).toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/got { params, … }; groups are rules by name: namedParameters\(\).*match/),
    });
  });

  it('is made while its parameter is still in the queue, and takes it when its turn comes', async () => {
    let busy = ones([256, 256]);
    for (let i = 0; i < 200; i++) busy = busy.matmul(busy).tanh();
    const parameter = add(busy.narrow(0, 0, 1), tensor([1])).detach();
    parameter.requiresGrad = true;
    using optimizer = new SGD([parameter], { lr: 1, momentum: 0.5 });
    expect(loadAddon().depth()).toBeGreaterThan(100);
    expect([...optimizer.stateDict()].map(([name, { shape }]) => [name, shape])).toEqual([
      ['0.momentum_buffer', [1, 256]],
    ]);
    sum(parameter).backward();
    const before = (await parameter.data())[0] as number;
    optimizer.step();
    expect((await parameter.data())[0]).toBeCloseTo(before - 1, 6);
    expect((await optimizer.stateDict().get('0.momentum_buffer')?.data())?.[0]).toBe(1);
  });

  it('fails with its parameter', async () => {
    const parameter = tensor([1, 2])
      .indexSelect(0, tensor([5], { dtype: 'int64' }))
      .detach();
    parameter.requiresGrad = true;
    using optimizer = new SGD([parameter], { lr: 1 });
    optimizer.step();
    await expect(sync()).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });

  it('refuses what is no parameter', () => {
    const make = (parameters: unknown) => caught(() => new SGD(parameters as Tensor[], { lr: 1 }));
    expect(make([])).toMatchObject({ code: 'ERR_OPTION' });
    expect(make(undefined)).toMatchObject({ code: 'ERR_OPTION' });
    expect(make([1])).toMatchObject({ code: 'ERR_OPTION', message: /'0' is 1 \(number\)/ });
    expect(make([tensor([1])])).toMatchObject({ code: 'ERR_AUTOGRAD' });
    expect(make([mul(w, w)])).toMatchObject({ code: 'ERR_AUTOGRAD', message: /leaf/ });
    expect(make([tensor([1], { dtype: 'int64' })])).toMatchObject({ code: 'ERR_DTYPE' });
  });

  it('refuses use after dispose(), and a wrong rate', async () => {
    const optimizer = new SGD([w], { lr: 1 });
    expect(caught(() => optimizer.step({ lr: Number.NaN }))).toMatchObject({ code: 'ERR_OPTION' });
    expect(caught(() => optimizer.step({ rate: 1 } as object))).toMatchObject({ code: 'ERR_OPTION' });
    expect(
      caught(() => {
        optimizer.lr = -1;
      }),
    ).toMatchObject({ code: 'ERR_OPTION' });
    optimizer.dispose();
    expect(caught(() => optimizer.step())).toMatchObject({ code: 'ERR_STATE' });
    await sync();
  });
});
