/** Between tensors and the raw arrays of a safetensors file. */
import { CheckpointError } from '../errors.ts';
import { type RawTensor, type SafetensorsDType, typedArrayOf } from '../files/safetensors.ts';
import { type DType, type Tensor, type TypedArray, tensor } from './tensor.ts';

const names: Readonly<Record<DType, SafetensorsDType>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  uint8: 'U8',
  bool: 'BOOL',
};

/** Reads a tensor's elements. bfloat16 and float16 are stored as F32, which loses nothing. */
export async function rawOf(value: Tensor): Promise<RawTensor> {
  const data = await value.data();
  const half = value.dtype === 'bfloat16' || value.dtype === 'float16';
  return {
    dtype: half ? 'F32' : names[value.dtype],
    shape: [...value.shape],
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

/** IEEE half precision, and bfloat16 (the upper half of a float32), as float32. */
function widen(bits: Uint16Array, dtype: 'F16' | 'BF16'): Float32Array {
  if (dtype === 'BF16') return new Float32Array(Uint32Array.from(bits, (b) => b << 16).buffer);
  return Float32Array.from(bits, (b) => {
    const sign = b & 0x8000 ? -1 : 1;
    const exponent = (b >> 10) & 31;
    const fraction = b & 1023;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
  });
}

/**
 * A tensor on the CPU with the array's elements; half precisions become float32, short integers int32.
 * @throws {CheckpointError} a dtype that tensors do not have (U16, U64, …).
 */
export function tensorOf(raw: RawTensor): Tensor {
  const { dtype, shape } = raw;
  const array = typedArrayOf(raw);
  if (dtype === 'F16' || dtype === 'BF16') return tensor(widen(array as Uint16Array, dtype), { shape });
  if (dtype === 'I8' || dtype === 'I16') return tensor(Int32Array.from(array as Int16Array), { shape, dtype: 'int32' });
  const target = (Object.keys(names) as DType[]).find((name) => names[name] === dtype);
  if (target === undefined) throw new CheckpointError(`a tensor of dtype ${dtype} cannot be loaded`);
  return tensor(array as TypedArray, { shape, dtype: target });
}

/** All tensors of a state dict, read in order. */
export async function rawState(state: ReadonlyMap<string, Tensor>, prefix = ''): Promise<Map<string, RawTensor>> {
  const pending = [...state].map(async ([name, value]) => [`${prefix}${name}`, await rawOf(value)] as const);
  return new Map(await Promise.all(pending));
}

/** The tensors whose name begins with `prefix`, without it. */
export function tensorState(raw: ReadonlyMap<string, RawTensor>, prefix = ''): Map<string, Tensor> {
  const state = new Map<string, Tensor>();
  for (const [name, value] of raw) if (name.startsWith(prefix)) state.set(name.slice(prefix.length), tensorOf(value));
  return state;
}
