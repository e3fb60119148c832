/** Vectors of length 1: their products are cosines. */
import { types } from 'node:util';
import { DataError, ShapeError } from '../errors.ts';
import { describe } from '../validate.ts';

/** The vector at length 1; undefined where it has no direction: not finite, or all zero. */
export function unitOf(vector: Float32Array): Float32Array | undefined {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length > 0 && Number.isFinite(length) ? vector.map((value) => value / length) : undefined;
}

/** @throws {ShapeError | DataError} naming `name`: no vector of `dim`, or one without a direction. Returns it at length 1. */
export function expectVector(name: string, vector: Float32Array, dim: number | undefined): Float32Array {
  if (!types.isFloat32Array(vector)) throw new ShapeError(`${name} must be a Float32Array, got ${describe(vector)}`);
  if (dim !== undefined && vector.length !== dim)
    throw new ShapeError(`${name} must have the index's dim, ${dim}, got ${vector.length} values`);
  const unit = unitOf(vector);
  if (unit === undefined) throw new DataError(`${name} must be finite and not all zero`);
  return unit;
}

/** The cosine of two rows of length 1 by their product, which rounding carries a little beyond 1. */
export const cosineOf = (product: number): number => Math.max(-1, Math.min(1, product));
