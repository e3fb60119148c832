import { describe, expect, it } from 'vitest';
import { OptionError, ShapeError, StateError } from '../../lib/errors.ts';
import { compile } from '../../lib/tensor/compile.ts';
import { autocast, noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type Program, programOf, runProgram } from '../../lib/tensor/program.ts';
import { madeAtEachCall } from '../../lib/tensor/recording.ts';
import { memory, sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';

const weight = (shape: readonly number[], seed: number) => ops.randn(shape, { seed }).mul(0.3);

/** Named weights, and a forward pass over them. */
interface Case {
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly shape: readonly number[];
  readonly forward: (x: Tensor) => Tensor | readonly Tensor[];
}

function convolutional(): Case {
  const weights = {
    'conv.weight': weight([6, 3, 3, 3], 1),
    'bn.weight': weight([6], 2),
    'bn.bias': weight([6], 3),
    'bn.running_mean': weight([6], 4),
    'bn.running_var': weight([6], 5).square().add(0.5),
    'fc.weight': weight([4, 24], 6),
    'fc.bias': weight([4], 7),
  };
  const forward = (x: Tensor) => {
    const y = ops.conv2d(x, weights['conv.weight'], { stride: 2, padding: 1 });
    const z = ops.batchNorm(y, {
      weight: weights['bn.weight'],
      bias: weights['bn.bias'],
      runningMean: weights['bn.running_mean'],
      runningVar: weights['bn.running_var'],
      training: false,
      momentum: 0.1,
      eps: 1e-5,
    });
    const pooled = z.relu().adaptiveAvgPool2d([2, 2]);
    return ops.linear(pooled.flatten(1), weights['fc.weight'], { bias: weights['fc.bias'] });
  };
  return { weights, shape: [3, 9, 8], forward };
}

/** Patches, a class token for each sample, attention of two heads, and the mean over tokens beside the class token. */
function attention(): Case {
  const weights = {
    patch: weight([8, 12], 1),
    token: weight([1, 1, 8], 2),
    position: weight([5, 8], 3),
    qkv: weight([24, 8], 4),
    out: weight([8, 8], 5),
  };
  const forward = (x: Tensor) => {
    const batch = x.shape[0] as number;
    const patches = x.reshape([batch, 3, 2, 2, 2, 2]).permute([0, 2, 4, 1, 3, 5]).reshape([batch, 4, 12]);
    const tokens = ops.cat([weights.token.expand([batch, 1, 8]), ops.linear(patches, weights.patch)], 1);
    const y = ops.layerNorm(tokens.add(weights.position), [8]);
    const [q, k, v] = ops.linear(y, weights.qkv).reshape([batch, 5, 3, 2, 4]).permute([2, 0, 3, 1, 4]).unbind(0) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const mask = tensor([0, 0, 0, 0, Number.NEGATIVE_INFINITY]);
    const scores = q.matmul(k.transpose(-2, -1)).mul(0.5).add(mask).softmax(-1);
    const mixed = scores
      .matmul(v)
      .transpose(1, 2)
      .reshape([batch * 5, 8])
      .matmul(weights.out);
    const back = mixed.reshape([-1, 5, 8]);
    return [back.select(1, 0), back.mean(1)];
  };
  return { weights, shape: [3, 4, 4], forward };
}

const listOf = (result: Tensor | readonly Tensor[]) => [result].flat() as Tensor[];
const namesOf = (weights: Case['weights']) => new Map(Object.entries(weights).map(([name, each]) => [each, name]));
const programFor = ({ weights, shape, forward }: Case) =>
  programOf(([x]) => listOf(forward(x as Tensor)), [ops.zeros([1, ...shape])], namesOf(weights));
const values = (tensors: readonly Tensor[]) => Promise.all(tensors.map(async (each) => [...(await each.data())]));

const one = (fn: (x: Tensor) => Tensor, like: Tensor = ops.zeros([1, 4])) =>
  programOf(([x]) => [fn(x as Tensor)], [like]);
const failure = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it must throw');
};

describe('a program', () => {
  it.each([
    ['convolutions, batch normalisation and a linear layer', convolutional],
    ['attention', attention],
  ])('gives what its function gives, for every batch size: %s', async (_, make) => {
    const made = make();
    const { program, tensors } = programFor(made);
    using compiled = compile((x: Tensor) => runProgram(program, tensors, [x]));
    for (const batch of [1, 2, 7]) {
      const x = ops.randn([batch, ...made.shape], { seed: batch });
      const expected = await values(listOf(made.forward(x)));
      expect(await values(runProgram(program, tensors, [x]))).toEqual(expected);
      expect(await values(compiled(x))).toEqual(expected);
      expect(await values(compiled(x))).toEqual(expected);
    }
  });

  it('holds operations, tensors by number and name, and sizes of the batch', () => {
    const w = ops.ones([3, 2]);
    const unused = ops.ones([1]);
    const { program, tensors, places, values } = programOf(
      ([x]) => {
        const batch = x?.shape[0] as number;
        return [
          (x as Tensor)
            .reshape([batch * 4, 3])
            .matmul(w)
            .add(tensor([1, 2]), { alpha: 2 })
            .reshape([batch, 8]),
        ];
      },
      [ops.zeros([5, 4, 3])],
      new Map([
        [unused, 'unused'],
        [w, 'fc.weight'],
      ]),
    );
    expect(program).toEqual({
      inputs: [0],
      outputs: [6],
      captured: [
        { value: 2, name: 'fc.weight' },
        { value: 4, name: 'constant.0' },
      ],
      operations: [
        { name: 'aten::reshape', args: [{ value: 0 }, [{ batch: 4 }, 3]], results: [1], modes: 0 },
        { name: 'aten::matmul', args: [{ value: 1 }, { value: 2 }], results: [3], modes: 0 },
        { name: 'aten::add.Tensor', args: [{ value: 3 }, { value: 4 }, 2], results: [5], modes: 0 },
        { name: 'aten::reshape', args: [{ value: 5 }, [{ batch: 1 }, 8]], results: [6], modes: 0 },
      ],
    });
    expect([...tensors.keys()]).toEqual(['fc.weight', 'constant.0']);
    expect(tensors.get('fc.weight')).toBe(w);
    expect(tensors.get('constant.0')?.dataSync()).toEqual(Float32Array.of(1, 2));
    for (const place of places) expect(place).toMatch(/program\.test\.ts:\d+:\d+$/);
    expect(values.get(3)).toMatchObject({ shape: [8, 2], dtype: 'float32' });
  });

  it('keeps the modes that its function sets, under those of its caller', async () => {
    const w = weight([4, 4], 1);
    const fn = (x: Tensor) =>
      noGrad(() => autocast('bfloat16', () => x.matmul(w)))
        .to('float32')
        .matmul(w);
    const { program, tensors } = autocast('float16', () => one(fn));
    expect(program.operations.map(({ modes }) => modes)).toEqual([3, 0, 0]);
    const x = ops.randn([3, 4], { seed: 2 });
    expect(await values(runProgram(program, tensors, [x]))).toEqual(await values([fn(x)]));
    const [low] = autocast('bfloat16', () => runProgram(program, tensors, [x]));
    expect(low?.dtype).toBe('bfloat16');
    const leaf = ops.randn([3, 4], { seed: 2 });
    leaf.requiresGrad = true;
    expect(runProgram(program, tensors, [leaf])[0]?.requiresGrad).toBe(false);
    const plain = one((y) => y.mul(2)).program;
    expect(runProgram(plain, new Map(), [leaf])[0]?.requiresGrad).toBe(true);
    expect(noGrad(() => runProgram(plain, new Map(), [leaf]))[0]?.requiresGrad).toBe(false);
  });

  it('takes several inputs, gives an input back, and can be made again from itself', async () => {
    const fn = ([x, y]: readonly Tensor[]) => [y as Tensor, (x as Tensor).add(y as Tensor), tensor([3])];
    const like = [ops.zeros([1, 2]), ops.zeros([1, 2])];
    const { program, tensors } = programOf(fn, like);
    const again = programOf((inputs) => runProgram(program, tensors, inputs), like);
    const inputs = [ops.ones([2, 2]), ops.zeros([2, 2])];
    const expected = [[0, 0, 0, 0], [1, 1, 1, 1], [3]];
    expect(await values(runProgram(program, tensors, inputs))).toEqual(expected);
    expect(await values(runProgram(again.program, again.tensors, inputs))).toEqual(expected);
  });

  it('makes tensors on the device that it runs on', async () => {
    const { program, tensors } = one((x) => x.add(ops.arange(4, { dtype: 'float32', device: x.device })));
    expect(program.operations[0]).toMatchObject({
      name: 'aten::arange',
      args: [4, 'float32', undefined, { device: true }],
    });
    const devices: unknown[] = [];
    const [y] = runProgram(program, tensors, [ops.ones([1, 4])], ({ name }, args, call) => {
      if (name === 'aten::arange') devices.push(args[3]);
      return call();
    });
    expect(await values([y as Tensor])).toEqual([[1, 2, 3, 4]]);
    expect(devices).toEqual(['cpu']);
  });

  it('gives tied weights the first of their names', () => {
    const w = ops.ones([4]);
    const [twin] = compile(() => [w])() as [Tensor]; // another handle of the same tensor
    const names = new Map([
      [w, 'first'],
      [twin, 'second'],
    ]);
    const { program } = programOf(([x]) => [(x as Tensor).add(twin).mul(w)], [ops.zeros([1, 4])], names);
    expect(program.captured).toEqual([{ value: 1, name: 'first' }]);
  });

  it('leaves no tensors behind', async () => {
    const x = ops.ones([1, 4]);
    const w = ops.ones([4]);
    await sync();
    await collect();
    const { tensors } = memory();
    for (let i = 0; i < 3; i++) {
      const made = programOf(([y]) => [(y as Tensor).add(w).mul(tensor([2]))], [x], new Map([[w, 'w']]));
      for (const result of runProgram(made.program, made.tensors, [x])) result.dispose();
      made.tensors.get('constant.0')?.dispose();
    }
    expect(memory().tensors).toBeLessThanOrEqual(tensors + 6); // the function's own constants are garbage
  });
});

describe('programOf', () => {
  it.each<[string, (x: Tensor) => Tensor, RegExp]>([
    [
      'a change in place',
      (x) => x.add(1).mul_(2),
      /'aten::mul_\.Tensor' at .*program\.test\.ts:\d+:\d+ changes a tensor in place/,
    ],
    ['zeroGrad()', (x) => [x, x.zeroGrad()][0] as Tensor, /'drop_gradients' at .* gives nothing/],
    [
      'training mode',
      (x) => ops.batchNorm(x, { training: true, momentum: 0.1, eps: 1e-5 }),
      /'aten::batch_norm' at .* is in training mode/,
    ],
    [
      'random numbers',
      (x) => x.add(madeAtEachCall(() => tensor([Math.random()]))),
      /'aten::add\.Tensor' at .* draws random numbers/,
    ],
    [
      'other operations',
      (x) => (x.shape[0] === 2 ? x.relu() : x.abs()),
      /'aten::relu' at .* is called for a batch of 2 and not for one of 3/,
    ],
    [
      'more operations',
      (x) => (x.shape[0] === 2 ? x.relu() : x.relu().abs()),
      /'aten::abs' at .* is called for a batch of 3 and not for one of 2/,
    ],
    [
      'another number',
      (x) => x.add((x.shape[0] as number) + 1),
      /'aten::add\.Tensor' at .* takes 3 \(number\) for a batch of 2 and 4 \(number\) for one of 3/,
    ],
    ['another tensor', (x) => (x.shape[0] === 2 ? x.add(x.abs()) : x.add(x)), /is called|another tensor/],
    [
      'another constant',
      (x) => x.add(tensor([x.shape[0] as number])),
      /'aten::add\.Tensor' at .* takes Tensor\(\[1\], float32, cpu\).* is another one for a batch of 2/,
    ],
    [
      'a constant of the batch',
      (x) => x.add(tensor(Array.from({ length: x.shape[0] as number }, () => [1]))),
      /is another one for a batch of 2/,
    ],
    [
      'other results',
      (x) => x.chunk(x.shape[0] as number)[0] as Tensor,
      /'aten::chunk' at .* gives 2 tensors for a batch of 2 and 3/,
    ],
    [
      "a device that is not named as the input's",
      (x) => x.add(ops.arange(4, { device: 'cpu:0' })),
      /'aten::arange' at .* takes the device 'cpu:0', other than the input's 'cpu', so it cannot be part/,
    ],
    ['a bigint', (x) => x.add(2n as unknown as number), /bigint/],
  ])('refuses %s, with its operation and line', (_, fn, message) => {
    const error = failure(() => one(fn));
    expect(error).toBeInstanceOf(StateError);
    expect(error.message).toMatch(message);
  });

  it('refuses inputs without a batch, two tensors of one name, and a recording under way', () => {
    expect(failure(() => programOf(() => [], []))).toBeInstanceOf(ShapeError);
    expect(failure(() => one((x) => x, tensor(1)))).toBeInstanceOf(ShapeError);
    const [v, w] = [ops.ones([4]), ops.ones([4])];
    const names = new Map([
      [v, 'same'],
      [w, 'same'],
    ]);
    const twice = failure(() => programOf(([x]) => [(x as Tensor).add(v).add(w)], [ops.zeros([1, 4])], names));
    expect(twice).toBeInstanceOf(OptionError);
    expect(twice.message).toMatch(/have the name 'same'/);
    expect(() => compile(() => void one((y) => y))()).toThrow(/programOf\(\) was called at .* while/);
  });
});

describe('runProgram', () => {
  const program = (): ReturnType<typeof programOf> => one((x) => x.add(tensor([1])));

  it('refuses another number of inputs, a tensor that is missing, and a program that is none', () => {
    const { program: good, tensors } = program();
    const x = ops.ones([1, 4]);
    expect(failure(() => runProgram(good, tensors, []))).toBeInstanceOf(OptionError);
    const missing = failure(() => runProgram(good, new Map(), [x]));
    expect(missing).toBeInstanceOf(StateError);
    expect(missing.message).toMatch(/needs a tensor 'constant\.0'/);
    const [add] = good.operations;
    const early = { ...good, outputs: [9] };
    expect(failure(() => runProgram(early, tensors, [x])).message).toMatch(/the value 9 before it is made/);
    const results = { ...good, operations: [{ ...(add as Program['operations'][0]), results: [2, 3] }] };
    expect(failure(() => runProgram(results, tensors, [x])).message).toMatch(
      /gave 1 tensors, and the program expects 2/,
    );
  });
});
