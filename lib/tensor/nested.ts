/** Nested arrays of numbers, as `tensor()` takes them and `toArray()` gives them. */
import { types } from 'node:util';
import { DTypeError, ShapeError } from '../errors.ts';
import type { DType, TypedArray } from '../native/addon.ts';
import { describe } from '../validate.ts';

/** Nested arrays of numbers, booleans or bigints, as in torch.tensor([[1, 2], [3, 4]]). */
export type NestedArray = number | boolean | bigint | readonly NestedArray[];

/** What `tensor()` takes: nested arrays, a typed array, or arrays whose innermost rows are typed arrays. */
export type TensorData = number | boolean | bigint | TypedArray | readonly TensorData[];

type Scalar = number | boolean | bigint;

const isRow = (data: TensorData): data is TypedArray | readonly TensorData[] =>
  Array.isArray(data) || types.isTypedArray(data);

export function nest(values: TypedArray, shape: readonly number[]): NestedArray {
  let index = 0;
  const level = (depth: number): NestedArray =>
    depth === shape.length
      ? Number(values[index++])
      : Array.from({ length: shape[depth] as number }, () => level(depth + 1));
  return level(0);
}

const dtypeOfArray = (array: TypedArray): DType => {
  if (types.isFloat32Array(array)) return 'float32';
  if (types.isFloat64Array(array)) return 'float64';
  if (types.isBigInt64Array(array)) return 'int64';
  if (types.isInt32Array(array)) return 'int32';
  if (types.isUint8Array(array) || types.isUint8ClampedArray(array)) return 'uint8';
  throw new DTypeError(
    `data must be a Float32Array, Float64Array, BigInt64Array, Int32Array or Uint8Array, got ${describe(array)}`,
  );
};

/** The dtype of the first value, by the typed array or the type that it has. */
function dtypeOf(data: TensorData | undefined): DType {
  if (ArrayBuffer.isView(data)) return dtypeOfArray(data as TypedArray);
  if (Array.isArray(data)) return dtypeOf(data[0]);
  if (typeof data === 'boolean') return 'bool';
  return typeof data === 'bigint' ? 'int64' : 'float32';
}

function shapeOf(data: TensorData): number[] {
  if (!isRow(data)) return [];
  const first = data[0];
  return first === undefined ? [data.length] : [data.length, ...shapeOf(first)];
}

/** Writes nested arrays row-major into `out`; every level must have the size that the first element has there. */
function flatten(data: TensorData, shape: readonly number[], depth: number, out: Scalar[]): void {
  const expected = depth < shape.length ? `an array of ${shape[depth]}` : 'a number';
  if (isRow(data) ? data.length !== shape[depth] : depth < shape.length)
    throw new ShapeError(
      `data must be nested arrays of equal sizes: expected ${expected} at depth ${depth}, got ${describe(data)}`,
    );
  if (isRow(data)) for (const inner of data) flatten(inner, shape, depth + 1, out);
  else if (typeof data === 'number' || typeof data === 'boolean' || typeof data === 'bigint') out.push(data);
  else throw new DTypeError(`data must hold numbers, booleans or bigints, got ${describe(data)}`);
}

const integerRanges: Partial<Record<DType, readonly [number, number]>> = {
  int64: [-(2 ** 63), 2 ** 63 - 1024], // the doubles that an int64 can hold
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint8: [0, 255],
};

/** As torch.tensor: fractions are cut off, what an integer dtype cannot hold is refused. */
function arrayOf(values: readonly Scalar[], dtype: DType): TypedArray {
  if (dtype === 'int64' && values.some((value) => typeof value === 'bigint')) {
    for (const value of values)
      if (typeof value === 'bigint' ? BigInt.asIntN(64, value) !== value : !Number.isInteger(Number(value)))
        throw new DTypeError(`data for dtype 'int64' must be 64-bit integers, got ${describe(value)}`);
    return BigInt64Array.from(values, (value) => BigInt(value));
  }
  const range = integerRanges[dtype];
  if (range !== undefined)
    for (const value of values)
      if (!(Number(value) >= range[0] && Number(value) <= range[1]))
        throw new DTypeError(
          `data for dtype '${dtype}' must be from ${range[0]} to ${range[1]}, got ${describe(value)}`,
        );
  return dtype === 'float32' ? Float32Array.from(values, Number) : Float64Array.from(values, Number);
}

/**
 * The values of `data` in one typed array, with their shape and the dtype that they are to have: `asked`, else their own.
 * A typed array comes back as it is.
 * @throws {ShapeError} ragged arrays. @throws {DTypeError} a value that the dtype cannot hold.
 */
export function flatArray(data: TensorData, asked: DType | undefined) {
  const dtype = asked ?? dtypeOf(data);
  if (ArrayBuffer.isView(data)) return { array: data, shape: [data.length], dtype };
  const shape = shapeOf(data);
  const values: Scalar[] = [];
  flatten(data, shape, 0, values);
  return { array: arrayOf(values, dtype), shape, dtype };
}
