/** Comparisons of tensors with numbers. */
import { expect } from 'vitest';
import type { Tensor } from '../../lib/tensor/tensor.ts';

export const numbers = (value: Tensor | null | undefined): number[] => Array.from((value as Tensor).dataSync(), Number);

/** Largest error, relative where a value is above 1. */
export function expectClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const errors = expected.map((value, i) => Math.abs(value - (actual[i] as number)) / Math.max(1, Math.abs(value)));
  expect(Math.max(...errors)).toBeLessThan(tolerance);
}

/** Root mean square of the error over that of the values. */
export function expectCloseOverall(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  const error = norm(expected.map((value, i) => value - (actual[i] as number)));
  expect(error / norm(expected)).toBeLessThan(tolerance);
}

export function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
