import { describe, expect, it } from 'vitest';
import { autocast } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { expectResult, filled, fixture } from './operations-fixture.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe("PyTorch's normalize, with a row of zeros", () => {
  it.each(fixture.normalize)('p = $p over dimension $dim', async ({ p, dim, ...want }) => {
    const x = filled([3, 4], 1);
    x.select(0, 1).zero_();
    x.requiresGrad = true;
    await expectResult(ops.normalize(x, { p, dim, eps: 1e-3 }), [x], want, 1e-11);
  });
});

it('takes the 2-norm over dimension 1 unless told otherwise', async () => {
  expect(await ops.normalize(tensor([[3, 4, 0]])).toArray()).toEqual([[expect.closeTo(0.6), expect.closeTo(0.8), 0]]);
});

it('has zeros and a finite gradient at zeros', async () => {
  const x = tensor([[0, 0]], { requiresGrad: true });
  const y = ops.normalize(x);
  expect(await y.toArray()).toEqual([[0, 0]]);
  const [gradient] = ops.grad([y.sum()], [x]) as [Tensor];
  expect(await gradient.toArray()).toEqual([[expect.closeTo(1e12, -6), expect.closeTo(1e12, -6)]]);
});

it.each(['float32', 'bfloat16', 'float64'] as const)('keeps %s under autocast', async (dtype) => {
  const y = autocast('bfloat16', () => ops.normalize(ops.ones([2, 4], { dtype })));
  expect(y.dtype).toBe(dtype);
  expect((await y.ready()).dtype).toBe(dtype);
  expect(await y.toArray()).toEqual([Array(4).fill(0.5), Array(4).fill(0.5)]);
});

it.each<[string, () => unknown, string]>([
  ['a dimension that is not there', () => ops.normalize(tensor([1, 2])), 'ERR_SHAPE'],
  ['integers', () => ops.normalize(tensor([[1]], { dtype: 'int64' })), 'ERR_DTYPE'],
  ['a negative eps', () => ops.normalize(tensor([[1]]), { eps: -1 }), 'ERR_OPTION'],
])('refuses %s', (_, call, expected) => {
  expect(call).toThrow(code(expected));
});
