/** PyTorch's numbers of test/fixtures/make_operations.py, and its inputs. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { NestedArray } from '../../lib/tensor/nested.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

interface Result {
  readonly value: NestedArray;
  readonly gradients: readonly NestedArray[];
}

interface Fixture {
  readonly attention: Readonly<Record<'plain' | 'boolean' | 'added' | 'causal' | 'scale', Result>>;
  readonly mask: readonly (readonly boolean[])[];
  readonly normalize: readonly (Result & { readonly p: number; readonly dim: number })[];
  readonly second: Result;
  readonly seeded: readonly {
    readonly seed: number;
    readonly randperm: readonly number[];
    readonly randint: readonly (readonly number[])[];
    readonly rand: readonly number[];
    readonly randn: readonly number[];
  }[];
}

export const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/tensor/operations.json', import.meta.url), 'utf8'),
) as Fixture;

/** float64, sin(start), sin(start + 3), … */
export function filled(shape: readonly number[], start: number): Tensor {
  const count = shape.reduce((product, n) => product * n, 1);
  return tensor(
    Float64Array.from({ length: count }, (_, i) => Math.sin(start + 3 * i)),
    { shape },
  );
}

export function leaf(shape: readonly number[], start: number): Tensor {
  const x = filled(shape, start);
  x.requiresGrad = true;
  return x;
}

export async function expectClose(actual: Tensor, want: NestedArray, tolerance: number): Promise<void> {
  const expected = tensor(want as number[], { dtype: 'float64' });
  expect(actual.shape).toEqual(expected.shape);
  const [got, wanted] = await Promise.all([actual.data(), expected.data()]);
  for (const [i, value] of wanted.entries())
    expect(Math.abs(Number(got[i]) - Number(value)), `element ${i}`).toBeLessThanOrEqual(tolerance);
}

/** The value, and the gradients of its product with a filled tensor. */
export async function expectResult(
  value: Tensor,
  inputs: readonly Tensor[],
  want: Result,
  tolerance: number,
): Promise<void> {
  await expectClose(value, want.value, tolerance);
  const gradients = ops.grad([value.mul(filled(value.shape, 0.5)).sum()], inputs);
  for (const [i, gradient] of gradients.entries())
    await expectClose(gradient, want.gradients[i] as NestedArray, tolerance);
}
