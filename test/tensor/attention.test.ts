import { describe, expect, it } from 'vitest';
import * as ops from '../../lib/tensor/ops.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { expectResult, filled, fixture, leaf } from './operations-fixture.ts';

const code = (name: string) => expect.objectContaining({ code: name });

const inputs = () => [leaf([2, 3, 4, 5], 1), leaf([2, 3, 6, 5], 2), leaf([2, 3, 6, 2], 3)] as const;

const options = {
  plain: () => ({}),
  boolean: () => ({ attnMask: tensor(fixture.mask) }), // its second query sees no key
  added: () => ({ attnMask: filled([4, 6], 4) }),
  causal: () => ({ isCausal: true }),
  scale: () => ({ scale: 2 }),
};

/** So small that no weight is dropped: what there is composed, next to what libtorch fuses. */
const almostNone = 1e-13;

describe("PyTorch's attention", () => {
  const cases = Object.entries(options) as [keyof typeof options, () => object][];

  it.each(cases)('%s', async (name, given) => {
    const [query, key, value] = inputs();
    const result = ops.scaledDotProductAttention(query, key, value, given());
    await expectResult(result, [query, key, value], fixture.attention[name], 1e-11);
  });

  it.each(cases)('%s, with dropout that drops nothing', async (name, given) => {
    const [query, key, value] = inputs();
    const result = ops.scaledDotProductAttention(query, key, value, { ...given(), dropoutP: almostNone });
    await expectResult(result, [query, key, value], fixture.attention[name], 1e-11);
  });
});

describe('dropout of attention', () => {
  it('drops weights by its key', async () => {
    const [query, key] = inputs();
    const keys = tensor(7n);
    const each = { dropoutP: 0.4, dropoutKey: keys };
    // With the identity as the values, the result is the weights.
    const identity = ops.eye(6, { dtype: 'float64' }).expand([2, 3, 6, 6]);
    const weights = ops.scaledDotProductAttention(query, key, identity);
    const dropped = ops.scaledDotProductAttention(query, key, identity, each);
    const difference = dropped.sub(ops.dropout(weights, { p: 0.4, key: keys })).abs();
    expect(await difference.amax().item()).toBeLessThan(1e-12);
    expect(await dropped.eq(0).sum().item()).toBeGreaterThan(30); // of 144
  });

  it('is fresh a call', async () => {
    const [query, key, value] = inputs();
    const once = await ops.scaledDotProductAttention(query, key, value, { dropoutP: 0.5 }).data();
    expect(await ops.scaledDotProductAttention(query, key, value, { dropoutP: 0.5 }).data()).not.toEqual(once);
  });
});

it.each<[string, () => unknown, string]>([
  [
    'a mask beside isCausal',
    () => ops.scaledDotProductAttention(...inputs(), { attnMask: tensor(fixture.mask), isCausal: true }),
    'ERR_OPTION',
  ],
  ['a vector', () => ops.scaledDotProductAttention(filled([4], 1), filled([4], 1), filled([4], 1)), 'ERR_SHAPE'],
  [
    'dims that differ',
    () => ops.scaledDotProductAttention(filled([4, 5], 1), filled([6, 4], 1), filled([6, 2], 1)),
    'ERR_SHAPE',
  ],
  [
    'as many values as there are no keys',
    () => ops.scaledDotProductAttention(filled([4, 5], 1), filled([6, 5], 1), filled([7, 2], 1)),
    'ERR_SHAPE',
  ],
  ['a probability above 1', () => ops.scaledDotProductAttention(...inputs(), { dropoutP: 1.5 }), 'ERR_OPTION'],
])('refuses %s', (_, call, expected) => {
  expect(call).toThrow(code(expected));
});
