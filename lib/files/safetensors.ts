/**
 * The safetensors format: a little-endian uint64 header length, a JSON header, then the tensors' bytes without a gap.
 * Source: https://github.com/huggingface/safetensors, README, "Format". Reading treats the input as hostile.
 */
import { types } from 'node:util';
import { CheckpointError, messageOf } from '../errors.ts';
import { describe } from '../validate.ts';
import { isObject, parseStrictJson } from './strict-json.ts';

/** Bytes a value, by the format's names. */
export const valueSizes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type SafetensorsDType = keyof typeof valueSizes;

export interface RawTensor {
  dtype: SafetensorsDType;
  shape: readonly number[];
  /** Little-endian values, last dimension fastest. */
  data: Uint8Array;
}

export interface Safetensors {
  tensors: Map<string, RawTensor>;
  /** The header's `__metadata__`. */
  metadata: Record<string, string>;
}

const kMaxHeader = 100_000_000; // as the reference implementation
const kMetadata = '__metadata__';
const kMaxRank = 64;

const isDType = (value: unknown): value is SafetensorsDType =>
  typeof value === 'string' && Object.hasOwn(valueSizes, value);

/** Bytes that `shape` needs, or undefined when it is no shape or they exceed what an array can index exactly. */
export function byteLength(dtype: SafetensorsDType, shape: unknown): number | undefined {
  if (!Array.isArray(shape) || shape.length > kMaxRank) return undefined;
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return undefined;
  if (shape.includes(0)) return 0;
  const bytes = shape.reduce((product: number, size: number) => product * size, valueSizes[dtype]);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/**
 * Writes tensors as safetensors. Tensors are laid out by falling value size, then name, as the reference does, so that
 * each is aligned; equal input gives equal bytes.
 *
 * @throws {CheckpointError} naming the tensor: unknown dtype, bad shape, data of another length, reserved name.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, RawTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries = [...tensors].sort(
    ([a, x], [b, y]) => valueSizes[y.dtype] - valueSizes[x.dtype] || (a < b ? -1 : Number(a > b)),
  );
  const header: [string, unknown][] = Object.keys(metadata).length === 0 ? [] : [[kMetadata, sorted(metadata)]];
  let offset = 0;
  for (const [name, { dtype, shape, data }] of entries) {
    checkTensor(name, dtype, shape, data);
    header.push([name, { dtype, shape, data_offsets: [offset, offset + data.length] }]);
    offset += data.length;
  }
  // Not through an object: integer-like names would change places, and '__proto__' would be lost.
  const json = `{${header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > kMaxHeader) throw new CheckpointError(`safetensors: the header must have at most ${kMaxHeader} bytes`);
  const bytes = new Uint8Array(8 + length + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.fill(0x20, 8, 8 + length);
  bytes.set(text, 8);
  let at = 8 + length;
  for (const [, { data }] of entries) {
    bytes.set(data, at);
    at += data.length;
  }
  return bytes;
}

function sorted(metadata: Readonly<Record<string, string>>): Record<string, string> {
  for (const [key, value] of Object.entries(metadata))
    if (typeof value !== 'string')
      throw new CheckpointError(`safetensors: metadata '${key}' must be a string, got ${describe(value)}`);
  return Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : Number(a > b))));
}

function checkTensor(name: string, dtype: unknown, shape: unknown, data: unknown): void {
  const where = `safetensors: tensor '${name}'`;
  if (name === kMetadata) throw new CheckpointError(`${where}: the name is reserved`);
  if (!isDType(dtype))
    throw new CheckpointError(
      `${where}: dtype must be one of ${Object.keys(valueSizes).join(', ')}, got ${describe(dtype)}`,
    );
  const expected = byteLength(dtype, shape);
  if (expected === undefined)
    throw new CheckpointError(
      `${where}: shape must be non-negative integers of a size that fits, got [${String(shape)}]`,
    );
  if (!types.isUint8Array(data) || data.length !== expected) {
    const got = types.isUint8Array(data) ? `${data.length} bytes` : describe(data);
    throw new CheckpointError(`${where}: ${dtype} of shape [${String(shape)}] needs ${expected} bytes, got ${got}`);
  }
}

/** Where a tensor lies: offsets from the end of the header on. */
export interface TensorSpan {
  dtype: SafetensorsDType;
  shape: readonly number[];
  begin: number;
  end: number;
}

/** What the header says, checked. */
export interface SafetensorsHeader {
  spans: Map<string, TensorSpan>;
  metadata: Record<string, string>;
}

/**
 * Reads safetensors bytes. The tensors' data are views of `bytes`.
 *
 * @param file named in messages.
 * @throws {CheckpointError} naming the file, and the tensor where one is to blame: a header that is too long, not JSON,
 * nested or with a name twice; unknown dtypes; shapes that overflow or do not fit their offsets; offsets that overlap,
 * leave a hole or end elsewhere than the file.
 */
export function decodeSafetensors(bytes: Uint8Array, file = 'safetensors data'): Safetensors {
  const start = headerEnd(bytes, bytes.length, file);
  const { spans, metadata } = decodeHeader(bytes.subarray(8, start), bytes.length - start, file);
  const tensors = new Map<string, RawTensor>();
  for (const [name, { dtype, shape, begin, end }] of spans)
    tensors.set(name, { dtype, shape, data: bytes.subarray(start + begin, start + end) });
  return { tensors, metadata };
}

const failing =
  (file: string) =>
  (message: string, cause?: unknown): CheckpointError =>
    new CheckpointError(`${file}: ${message}`, cause === undefined ? {} : { cause });

/**
 * Where the header ends and the tensors' bytes begin, by the first 8 bytes of a file of `size` bytes.
 * @throws {CheckpointError} naming the file: a header that is too long.
 */
export function headerEnd(bytes: Uint8Array, size: number, file: string): number {
  const fail = failing(file);
  if (bytes.length < 8) throw fail(`safetensors must have at least 8 bytes, got ${bytes.length}`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
  const most = Math.min(kMaxHeader, size - 8);
  if (length > BigInt(most))
    throw fail(`header length must be at most ${most}, got ${length}; not safetensors or truncated`);
  return 8 + Number(length);
}

/**
 * The header by itself, for who does not read the tensors at once.
 * @param bytes the JSON. @param size bytes of data behind it.
 * @throws {CheckpointError} as decodeSafetensors.
 */
export function decodeHeader(bytes: Uint8Array, size: number, file: string): SafetensorsHeader {
  const fail = failing(file);
  const spans = new Map<string, TensorSpan>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(parseHeader(bytes, fail)))
    if (name === kMetadata) metadata = parseMetadata(value, fail);
    else spans.set(name, parseEntry(name, value, fail));
  checkSpans(
    Array.from(spans, ([name, span]) => ({ name, ...span })),
    size,
    fail,
  );
  return { spans, metadata };
}

type Fail = (message: string, cause?: unknown) => CheckpointError;

function parseHeader(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  if (bytes[0] !== 0x7b) throw fail("the header must begin with '{'; not safetensors");
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return parseStrictJson(text, 3) as Record<string, unknown>;
  } catch (error) {
    throw fail(`the header is not valid: ${messageOf(error)}`, error);
  }
}

function parseMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (!isObject(value) || !Object.values(value).every((item) => typeof item === 'string'))
    throw fail(`${kMetadata} must map names to strings`);
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, fail: Fail): TensorSpan {
  const where = `tensor '${name}'`;
  if (!isObject(value) || Object.keys(value).sort().join() !== 'data_offsets,dtype,shape')
    throw fail(`${where} must have exactly dtype, shape and data_offsets`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDType(dtype))
    throw fail(`${where}: dtype must be one of ${Object.keys(valueSizes).join(', ')}, got ${describe(dtype)}`);
  const expected = byteLength(dtype, shape);
  if (expected === undefined) throw fail(`${where}: shape must be non-negative integers of a size that fits`);
  const isPair =
    Array.isArray(offsets) && offsets.length === 2 && offsets.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!isPair) throw fail(`${where}: data_offsets must be two non-negative integers`);
  const [begin, end] = offsets as [number, number];
  if (end - begin !== expected)
    throw fail(`${where}: ${dtype} of shape [${shape}] needs ${expected} bytes, its data_offsets span ${end - begin}`);
  return { dtype, shape: shape as number[], begin, end };
}

/** Spans must tile the data exactly: no overlap, no hole, no end beyond it. */
function checkSpans(spans: { name: string; begin: number; end: number }[], total: number, fail: Fail): void {
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of spans) {
    if (begin !== at)
      throw fail(
        `tensor '${name}' must begin at offset ${at}, got ${begin}: data ${begin < at ? 'overlap' : 'with a hole'}`,
      );
    if (end > total) throw fail(`tensor '${name}' ends at offset ${end} of ${total} bytes of data; truncated`);
    at = end;
  }
  if (at !== total) throw fail(`expected ${at} bytes of data, got ${total}`);
}

const kArrays = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const satisfies Record<SafetensorsDType, unknown>;

export type RawTypedArray = InstanceType<(typeof kArrays)[SafetensorsDType]>;

/** The values as a typed array; F16 and BF16 as their bits. A view where alignment allows, else a copy. */
export function typedArrayOf({ dtype, data }: RawTensor): RawTypedArray {
  const size = valueSizes[dtype];
  const aligned = data.byteOffset % size === 0 ? data : Uint8Array.from(data); // a Buffer's slice() would be a view
  return new kArrays[dtype](aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.length / size);
}
