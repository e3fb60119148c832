import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeProgram, encodeProgram } from '../../lib/checkpoint/program-file.ts';
import { compileProgram } from '../../lib/checkpoint/program-limits.ts';
import { allowedOperations } from '../../lib/checkpoint/program-operations.ts';
import { CheckpointError } from '../../lib/errors.ts';
import { loadAddon } from '../../lib/native/addon.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type Program, programOf } from '../../lib/tensor/program.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { type Json, smallEncoder } from './small-encoder.ts';

/** A file with these operations on one input, the value 0; `outputs` are their results. */
const fileOf = (operations: Json, others: { [name: string]: Json } = {}): string =>
  JSON.stringify({ format: 1, inputs: [0], outputs: [0], captured: [], operations, ...others });
const operation = (name: Json, args: Json, results: Json = [1], modes: Json = 0) => ({ name, args, results, modes });
const value = (n: Json) => ({ value: n });

function failure(run: () => unknown): CheckpointError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as CheckpointError).code).toBe('ERR_CHECKPOINT');
    return error as CheckpointError;
  }
  throw new Error('expected a CheckpointError');
}

describe('a program in a file', () => {
  it('comes back as it was, and gives the same', async () => {
    const { program, tensors, forward } = smallEncoder();
    const text = encodeProgram(program);
    const read = decodeProgram(text, 'encoder.json');
    expect(read).toEqual(program);
    expect(encodeProgram(read)).toBe(text);
    expect(text.split('\n').length).toBe(program.operations.length + 3);
    for (const part of [
      '{"batch":1}',
      '{"number":"Infinity"}',
      '{"default":true}',
      '"constant.0"',
      '"tanh"',
      '"modes":2',
    ])
      expect(text).toContain(part);
    using compiled = compileProgram(read, tensors, 'encoder.json');
    for (const batch of [1, 2, 7]) {
      const x = ops.randn([batch, 3, 4, 4], { seed: batch });
      const [given] = compiled(x);
      expect(await given?.data()).toEqual(await forward(x).data());
    }
  });

  it('holds numbers that JSON lacks', () => {
    const numbers = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0];
    const operations = numbers.map((n, i) => ({
      name: 'aten::add.Tensor',
      args: [value(0), n],
      results: [i + 1],
      modes: 0,
    }));
    const program = { inputs: [0], outputs: [4], captured: [], operations } as unknown as Program;
    expect(decodeProgram(encodeProgram(program), 'x').operations.map(({ args }) => args[1])).toEqual(numbers);
  });

  it('may call operations that exist, and that are pure', () => {
    const generated = readFileSync(new URL('../../lib/tensor/ops.ts', import.meta.url), 'utf8');
    const { schema } = loadAddon();
    for (const name of allowedOperations) {
      if (!name.startsWith('aten::')) continue;
      expect(() => schema(name), name).not.toThrow();
      if (schema(name).includes('!')) expect(schema(name)).toContain('bool training');
    }
    const named = [...allowedOperations].filter((name) => generated.includes(`'${name}'`));
    expect(named.length).toBeGreaterThan(100);
  });

  it('is refused when it is written, where it would be when it is read', () => {
    const { program } = programOf(([x]) => [(x as Tensor).nonzero()], [ops.zeros([1, 2])]);
    expect(failure(() => encodeProgram(program)).message).toMatch(
      /the program: operation 0: 'aten::nonzero' is no operation/,
    );
  });
});

describe('decodeProgram', () => {
  const relu = operation('aten::relu', [value(0)]);
  it.each<[string, string, RegExp]>([
    ['what is no JSON', '{', /f: .*JSON/],
    ['what is nested deeply', '['.repeat(50_000), /nested deeper than 6/],
    ['a name twice', '{"format":1,"format":1}', /'format' occurs twice/],
    ['no object', '[]', /the file must be an object of format, inputs/],
    ['another format', fileOf([], { format: 2 }), /format must be 1, got 2/],
    ['an unknown field', fileOf([], { extra: 1 }), /must be an object of format, .*extra/],
    ['no inputs', fileOf([], { inputs: [], outputs: [] }), /inputs must not be empty/],
    ['an input twice', fileOf([], { inputs: [0, 0] }), /inputs: the value 0 is made twice/],
    ['a fractional value', fileOf([], { inputs: [0.5] }), /inputs must be the number of a value, got 0\.5/],
    ['a negative value', fileOf([], { inputs: [-1] }), /inputs must be the number of a value/],
    [
      'an output that nothing makes',
      fileOf([], { outputs: [7] }),
      /outputs must be a value that is made before, got 7/,
    ],
    [
      'a captured tensor without a name',
      fileOf([], { captured: [{ value: 1 }] }),
      /captured\[0\] must be an object of value, name/,
    ],
    [
      'a name of two captured tensors',
      fileOf([], {
        captured: [
          { value: 1, name: 'a' },
          { value: 2, name: 'a' },
        ],
      }),
      /captured\[1\]: the name 'a' occurs twice/,
    ],
    ['an operation that is none', fileOf([3]), /operation 0 must be an object of name, args/],
    [
      'an operation that is not on the list',
      fileOf([operation('aten::from_file', ['/etc/passwd'])]),
      /operation 0: 'aten::from_file' is no operation that a program may call/,
    ],
    ['a misspelled one', fileOf([operation('aten::relv', [value(0)])]), /did you mean 'aten::relu'/],
    ['a change in place', fileOf([operation('aten::mul_.Tensor', [value(0), 2])]), /may call/],
    [
      'training',
      fileOf([operation('aten::batch_norm', [value(0), null, null, null, null, true])]),
      /operation 0, 'aten::batch_norm' is in training mode/,
    ],
    [
      'random numbers',
      fileOf([operation('aten::scaled_dot_product_attention', [value(0), value(0), value(0), null, 0.5])]),
      /draws random numbers/,
    ],
    [
      'too many arguments',
      fileOf([operation('aten::relu', [value(0), 1])]),
      /'aten::relu' takes at most 1 arguments, got 2/,
    ],
    [
      'a device by its name',
      fileOf([operation('aten::arange', [4, 'float32', null, 'cuda:0'])]),
      /'aten::arange': a device must be \{ device: true \}, got 'cuda:0'/,
    ],
    [
      'an argument that is made later',
      fileOf([operation('aten::relu', [value(1)], [2]), relu]),
      /operation 0, 'aten::relu': an argument must be a value that is made before, got 1/,
    ],
    [
      'an argument of another kind',
      fileOf([operation('aten::relu', [{ handle: 0 }])]),
      /args\[0\] must be a plain value/,
    ],
    ['a list in a list', fileOf([operation('aten::cat', [[[1]]])]), /args\[0\]\[0\] must be a plain value/],
    ['half a batch', fileOf([operation('aten::add.Tensor', [value(0), { batch: 0.5 }])]), /args\[1\] must be/],
    ['a long list', fileOf([operation('aten::cat', [Array(2000).fill(value(0))])]), /at most 1024 elements, got 2000/],
    ['a long text', fileOf([operation('aten::gelu', [value(0), 'x'.repeat(2000)])]), /at most 1000 characters/],
    ['a result twice', fileOf([relu, relu]), /operation 1, 'aten::relu': a result: the value 1 is made twice/],
    ['modes that are none', fileOf([operation('aten::relu', [value(0)], [1], 16)]), /modes must be 0 to 5, got 16/],
    ['too many operations', fileOf(Array(20_001).fill(relu)), /operations must have at most 20000 elements/],
  ])('refuses %s', (_, text, message) => {
    expect(failure(() => decodeProgram(text, 'f')).message).toMatch(message);
  });
});

describe('compileProgram', () => {
  const run = (operations: Json, x: Tensor = ops.ones([1, 8])) => {
    using compiled = compileProgram(decodeProgram(fileOf(operations), 'f'), new Map(), 'f');
    return compiled(x);
  };
  const big = operation('aten::zeros', [[60_000, 60_000]]);

  it.each<[string, Json, RegExp]>([
    ['a wrong type', [operation('aten::clamp', [value(0), 'text'])], /f: operation 0, 'aten::clamp': min must be/],
    ['a wrong shape', [operation('aten::matmul', [value(0), value(0)])], /operation 0, 'aten::matmul': /],
    [
      'a device',
      [operation('aten::zeros', [[2], { default: true }, { default: true }, 'nowhere'])],
      /operation 0, 'aten::zeros'/,
    ],
    ['numbers alone', [operation('aten::repeat', [3, [2 ** 31]])], /operation 0, 'aten::repeat': takes no tensor/],
    ['other results', [operation('aten::relu', [value(0)], [1, 2])], /gave 1 tensors, and the program expects 2/],
    ['a large tensor', [big], /operation 0, 'aten::zeros': needs 3600000000 values at one time; a program may take/],
    ['one that overflows', [operation('aten::zeros', [[2 ** 40, 2 ** 40]])], /operation 0, 'aten::zeros'/],
    ['one that the batch makes large', [operation('aten::zeros', [[{ batch: 60_000 }, 60_000]])], /values at one time/],
    [
      'many small ones',
      Array.from({ length: 20 }, (_, i) => operation('aten::zeros', [[2 ** 24]], [i + 1])).concat(
        operation('aten::cat', [Array.from({ length: 20 }, (_, i) => value(i + 1))], [21]),
      ),
      /operation 6, 'aten::zeros': needs 117440512 values at one time/,
    ],
    [
      'a size below 0',
      [operation('aten::zeros', [[]]), operation('aten::expand', [value(1), [-1, 1, 0]], [2])],
      /operation 1, 'aten::expand': makes a tensor of shape \[-1,1,0\]/,
    ],
    [
      'many parts',
      [operation('aten::zeros', [[2 ** 26]]), operation('aten::unbind.int', [value(1)], [2])],
      /operation 1, 'aten::unbind\.int': splits a tensor/,
    ],
    [
      'many chunks of nothing',
      [operation('aten::zeros', [[0]]), operation('aten::chunk', [value(1), 2 ** 31], [2])],
      /operation 1, 'aten::chunk': splits a tensor of shape \[0\] by 2147483648/,
    ],
    [
      'long products',
      Array.from({ length: 20 }, (_, i) =>
        i === 0 ? operation('aten::zeros', [[6000, 6000]]) : operation('aten::mm', [value(i), value(i)], [i + 1]),
      ),
      /'aten::mm': needs .* steps/,
    ],
    [
      'copies of what is broadcast',
      [
        operation('aten::zeros', [[4096, 1, 1, 4096]]),
        operation('aten::zeros', [[4096, 4096, 1]], [2]),
        operation('aten::matmul', [value(1), value(2)], [3]),
      ],
      /'aten::matmul': needs .* values at one time/,
    ],
    [
      'a large kernel',
      [
        operation('aten::zeros', [[1, 1, 4000, 4000]]),
        operation('aten::max_pool2d', [value(1), [2000, 2000], [1, 1]], [2]),
      ],
      /'aten::max_pool2d': needs .* steps/,
    ],
  ])('refuses %s before anything is computed', (_, operations, message) => {
    const { rss } = process.memoryUsage();
    expect(failure(() => run(operations)).message).toMatch(message);
    expect(process.memoryUsage().rss - rss).toBeLessThan(100e6);
  });

  it('lets go of what is not used any more, and allows more for more samples', async () => {
    const size = 2 ** 24;
    const chain = Array.from({ length: 30 }, (_, i) =>
      i === 0
        ? operation('aten::expand', [value(0), [{ batch: 1 }, size]], [1])
        : operation('aten::narrow', [value(i), 1, 0, size], [i + 1]),
    );
    expect(run(chain, ops.ones([1, 1]))).toHaveLength(1);
    expect(run(chain, ops.ones([16, 1]))).toHaveLength(1);
  });

  it('names a tensor that is missing', () => {
    const text = fileOf([], { captured: [{ value: 1, name: 'fc.weight' }], outputs: [1] });
    using compiled = compileProgram(decodeProgram(text, 'f'), new Map(), 'f');
    expect(failure(() => compiled(ops.ones([1, 8]))).message).toMatch(/f: the program needs a tensor 'fc\.weight'/);
  });
});
