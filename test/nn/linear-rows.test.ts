/** Linear layers over many rows go another way than those over few (native/nn/linear.cc): both against float64. */
import { describe, expect, it } from 'vitest';
import { noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { expectCloseOverall, numbers } from '../encoders/expect-close.ts';

describe('linear', () => {
  it.each([
    ['rows of a sequence', [32, 17, 128], 144],
    ['a matrix', [512, 128], 144],
    ['a number of rows that sixteen does not divide', [515, 128], 144],
    ['few rows', [2, 5, 128], 144],
    ['a view with other strides', [512, 128], 144],
    ['one feature', [512, 1], 8192],
  ] as const)('of %s: values, gradients, and gradients of gradients', (name, shape, outputs) => {
    const inputs = shape.at(-1) as number;
    const make = (dtype: 'float32' | 'float64') => {
      const leaf = (size: readonly number[], seed: number): Tensor => {
        const made = noGrad(() => ops.randn(size, { seed }).to(dtype));
        made.requiresGrad = true;
        return made;
      };
      const x = leaf(name.startsWith('a view') ? [...shape].reverse() : shape, 1);
      const [weight, bias] = [leaf([outputs, inputs], 2), leaf([outputs], 3)];
      const y = ops.linear(name.startsWith('a view') ? x.t() : x, weight, { bias });
      const target = noGrad(() => ops.randn(y.shape, { seed: 4 }).to(dtype));
      const first = ops.grad([y.square().mul(target).mean()], [x, weight, bias], { createGraph: true });
      const second = ops.grad([ops.sum((first[0] as Tensor).square())], [x, weight]);
      return [y, ...first, ...second];
    };
    const expected = make('float64');
    for (const [i, value] of make('float32').entries()) {
      expect(value.shape).toEqual(expected[i]?.shape);
      expectCloseOverall(numbers(value), numbers(expected[i]), 1e-4);
    }
  });

  it.each([[[]], [[1]], [[1, 144]], [[512, 144]]])('adds a bias of shape %j', (shape) => {
    const [x, weight, bias] = [[512, 128], [144, 128], shape].map((size, seed) => ops.randn(size, { seed }));
    const of = (dtype: 'float32' | 'float64') =>
      ops.linear((x as Tensor).to(dtype), (weight as Tensor).to(dtype), { bias: (bias as Tensor).to(dtype) });
    expectCloseOverall(numbers(of('float32')), numbers(of('float64')), 1e-5);
  });

  it('refuses a bias that cannot be added, as over few rows', async () => {
    const [few, many, weight] = [ops.ones([4, 128]), ops.ones([512, 128]), ops.ones([144, 128])];
    for (const x of [few, many])
      await expect((async () => ops.linear(x, weight, { bias: ops.ones([7]) }).data())()).rejects.toThrow(
        /144.*7|7.*144/,
      );
  });
});
