import { expect, it } from 'vitest';
import { findNonFinite } from '../../lib/checkpoint/finite.ts';
import type { RawTensor } from '../../lib/files/safetensors.ts';

const float = (...values: number[]): RawTensor => ({
  dtype: 'F32',
  shape: [values.length],
  data: new Uint8Array(Float32Array.from(values).buffer),
});

it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%d is found, and named', async (value) => {
  const good = float(0, -0, 3.4e38, -3.4e38, 1e-45);
  expect(await findNonFinite(new Map([['good', good]]))).toBeUndefined();
  expect(
    await findNonFinite(
      new Map([
        ['good', good],
        ['bad', float(1, value, 2)],
      ]),
    ),
  ).toBe('bad');
});

it('other types and empty tensors are finite', async () => {
  const nanBits = new Uint8Array(Float64Array.of(Number.NaN).buffer);
  const tensors: [string, RawTensor][] = [
    ['count', { dtype: 'I64', shape: [1], data: nanBits }],
    ['empty', float()],
  ];
  expect(await findNonFinite(new Map(tensors))).toBeUndefined();
  expect(await findNonFinite(new Map([['x', { dtype: 'F64', shape: [1], data: nanBits }]]))).toBe('x');
});
