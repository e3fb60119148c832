/**
 * The tensors of PyTorch's torch.save(), in either of its formats: the pickle says what they are, and under which key the values of
 * each lie in the file. Only tensors are taken out of it, with the dicts and lists that hold them, whoever wrote it.
 * Source: torch/serialization.py and torch/_utils.py of github.com/pytorch/pytorch.
 */
import type { FileHandle } from 'node:fs/promises';
import { types } from 'node:util';
import { PickleName, PickleObject, type PickleValue, unpickle } from './pickle.ts';
import { byteLength, type RawTensor, type SafetensorsDType, valueSizes } from './safetensors.ts';
import { readSpan, type Span } from './stored-zip.ts';

/** A tensor in a file: what it is, and the way to its values. */
export interface StoredTensor {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** @throws {CheckpointError} the file is damaged. */
  read(): Promise<RawTensor>;
}

const dtypes: Readonly<Record<string, SafetensorsDType>> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};

export const mostPickleBytes = 32 * 2 ** 20;
const mostValues = 500_000;
/** Tensors, and what is left out by its name. */
export const mostTensors = 20_000;
const mostDepth = 32;
const mostNameLength = 256;
const mostRank = 64;
/** Tensors may share a storage, and so need more than the file has. */
const mostBytesFor = (fileBytes: number): number => Math.max(4 * fileBytes, 64 * 2 ** 20);

/** A call that makes a tensor, not yet looked at: a message about it names the tensor, whose place is known later. */
class TensorCall {
  readonly storage: PickleValue | undefined;
  readonly offset: PickleValue | undefined;
  readonly shape: PickleValue | undefined;
  readonly stride: PickleValue | undefined;

  constructor([storage, offset, shape, stride]: readonly PickleValue[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.stride = stride;
  }
}

/** A persistent id: ('storage', type, key, device, number of values), and before version 1.6 what the storage is a view of. */
export class StorageId {
  readonly parts: readonly PickleValue[];

  constructor(id: PickleValue) {
    this.parts = Array.isArray(id) ? id : [];
  }
}

/** The calls that are known. Everything else becomes a PickleObject, and is left out. */
function call(name: string, args: readonly PickleValue[]): PickleValue | undefined {
  const [first, , third] = args;
  switch (name) {
    case 'collections.OrderedDict':
      return orderedDict(first);
    case 'torch._utils._rebuild_tensor':
    case 'torch._utils._rebuild_tensor_v2':
      return new TensorCall(args);
    case 'torch._utils._rebuild_parameter':
    case 'torch._utils._rebuild_parameter_with_state':
    case 'torch.nn.parameter.Parameter':
      return first;
    case 'torch._tensor._rebuild_from_type_v2': // function, class, arguments, attributes
      return first instanceof PickleName && first.name !== name && Array.isArray(third)
        ? call(first.name, third)
        : undefined;
    default:
      return undefined;
  }
}

/** Python 2 gives its items to the call; Python 3 sets them afterwards. They are taken out: a list is copied once, not by each call. */
function orderedDict(items: PickleValue | undefined): PickleValue {
  const pairs: PickleValue[] = Array.isArray(items) ? items.splice(0) : [];
  return new Map(pairs.filter(Array.isArray).map(([key, value]) => [key, value]));
}

export interface TorchPickle {
  readonly value: PickleValue;
  /** Every persistent id of a storage, in order. */
  readonly storageIds: readonly StorageId[];
  /** Length of the pickle. */
  readonly end: number;
}

/** @throws {Error} as `unpickle`. */
export function unpickleTorch(bytes: Uint8Array): TorchPickle {
  const storageIds: StorageId[] = [];
  const persistent = (id: PickleValue): PickleValue => {
    const [kind, type] = Array.isArray(id) ? id : [];
    if (kind === 'module' && type instanceof PickleName) return type; // with the source of its class
    const storage = new StorageId(id);
    storageIds.push(storage);
    return storage;
  };
  return { ...unpickle(bytes, { call, persistent }), storageIds };
}

/** Where the values are. */
export interface StorageFile {
  readonly handle: FileHandle;
  readonly file: string;
  readonly fileBytes: number;
  readonly storages: ReadonlyMap<string, Span>;
}

export interface TorchTensors {
  /** The keys and indices of dicts and lists on the way are joined by dots: 'state_dict.conv1.weight'. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Names of what was left out because it is no tensor, dict, list, number or text, with what would make it. */
  readonly others: readonly string[];
}

/** @throws {Error} no tensors, tensors that are not whole, or that ask for more memory than the file has bytes for. */
export function torchTensors(value: PickleValue, storageFile: StorageFile): TorchTensors {
  const { found, others } = tensorsIn(value);
  if (found.size === 0)
    throw new Error(
      `holds no tensors${others.length > 0 ? `, but ${others.slice(0, 3).join(', ')}` : ''}; save a state_dict()`,
    );
  const tensors = new Map<string, StoredTensor>();
  for (const [name, made] of found) tensors.set(name, storedTensor(name, made, storageFile));
  checkBytes(tensors, storageFile.fileBytes);
  return { tensors, others };
}

/** All tensor calls in dicts and lists, by name. @throws {Error} values nested too deep, too many, or two of one name. */
function tensorsIn(root: PickleValue): { found: Map<string, TensorCall>; others: string[] } {
  const found = new Map<string, TensorCall>();
  const others: string[] = [];
  let count = 0;
  const visit = (value: PickleValue, name: string, depth: number): void => {
    if (++count > mostValues) throw new Error(`holds more than ${mostValues} values`);
    if (depth > mostDepth) throw new Error(`values must not be nested deeper than ${mostDepth}`);
    if (name.length > mostNameLength || /\p{C}/u.test(name))
      throw new Error(`names must have at most ${mostNameLength} characters, and none that does not print`);
    if (found.size + others.length > mostTensors)
      throw new Error(`holds more than ${mostTensors} tensors and other objects`);
    const inner = (key: string): string => (name === '' ? key : `${name}.${key}`);
    if (value instanceof TensorCall) {
      if (found.has(name)) throw new Error(`two tensors are named '${name}'`);
      found.set(name, value);
    } else if (value instanceof PickleObject) others.push(name === '' ? value.madeBy : `${name} (${value.madeBy})`);
    else if (types.isMap(value)) {
      for (const [key, item] of value)
        if (typeof key === 'string' || typeof key === 'number')
          visit(item as PickleValue, inner(String(key)), depth + 1);
    } else if (Array.isArray(value)) for (const [i, item] of value.entries()) visit(item, inner(String(i)), depth + 1);
  };
  visit(root, '', 0);
  return { found, others };
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const areSizes = (value: unknown): value is number[] => Array.isArray(value) && value.every(isSize);

const dtypeOf = (type: PickleValue | undefined): SafetensorsDType | undefined =>
  type instanceof PickleName && Object.hasOwn(dtypes, type.name) ? dtypes[type.name] : undefined;

/** "a kind that is not known, torch.ComplexFloatStorage" */
const unknownKind = (type: PickleValue | undefined): string =>
  `a kind that is not known${type instanceof PickleName ? `, ${type.name}` : ''}`;

/** Bytes of a value in a storage of this type. @throws {Error} it is not known. */
export function storedSize(type: PickleValue | undefined): number {
  if (type instanceof PickleName && type.name === 'torch.storage.UntypedStorage') return 1; // of a newer type's bytes
  const dtype = dtypeOf(type);
  if (dtype === undefined) throw new Error(`holds a storage of ${unknownKind(type)}`);
  return valueSizes[dtype];
}

/** @throws {Error} a tensor that is not whole: it would read what is not its storage's. */
function storedTensor(name: string, made: TensorCall, { handle, file, storages }: StorageFile): StoredTensor {
  const where = `tensor '${name}'`;
  const { offset, shape, stride } = made;
  const [kind, type, key, , count] = made.storage instanceof StorageId ? made.storage.parts : [];
  const dtype = dtypeOf(type);
  if (kind !== 'storage' || typeof key !== 'string' || dtype === undefined)
    throw new Error(`${where}: its storage is of ${unknownKind(type)}`);
  const storage = storages.get(key);
  const size = valueSizes[dtype];
  if (storage === undefined) throw new Error(`${where}: the file lacks its storage`);
  if (!isSize(count) || storage.bytes !== count * size)
    throw new Error(
      `${where}: its storage must have ${String(count)} values of ${size} bytes, got ${storage.bytes} bytes`,
    );
  const bytes = byteLength(dtype, shape);
  if (bytes === undefined || !areSizes(shape) || shape.length > mostRank)
    throw new Error(`${where}: its shape must be non-negative integers of a size that fits`);
  if (!isSize(offset) || !areSizes(stride) || stride.length !== shape.length)
    throw new Error(`${where}: its offset and strides must be non-negative integers, a stride a dimension`);
  const extent = bytes === 0 ? 0 : shape.reduce((sum, length, i) => sum + (length - 1) * (stride[i] as number), 1);
  if (!(offset + extent <= count))
    throw new Error(`${where}: reaches to value ${offset + extent} of a storage of ${count}`);
  const span = { at: storage.at + offset * size, bytes: extent * size };
  return {
    dtype,
    shape,
    read: async () => ({ dtype, shape, data: inOrder(await readSpan(handle, span, file), size, shape, stride) }),
  };
}

/** The values in row-major order. @param data from the first value to the last one. */
function inOrder(data: Uint8Array, size: number, shape: readonly number[], stride: readonly number[]): Uint8Array {
  const dense = shape.map((_, i) => shape.slice(i + 1).reduce((product, length) => product * length, 1));
  if (data.length === 0 || shape.every((length, i) => length === 1 || stride[i] === dense[i])) return data;
  const ordered = new Uint8Array(size * shape.reduce((product, length) => product * length, 1));
  const index = shape.map(() => 0);
  let from = 0; // in values
  for (let to = 0; to < ordered.length; to += size) {
    for (let i = 0; i < size; i++) ordered[to + i] = data[from * size + i] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const step = stride[axis] as number;
      from += step;
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      from -= step * (shape[axis] as number);
      index[axis] = 0;
    }
  }
  return ordered;
}

/** A file of a kilobyte must not ask for a terabyte: a stride of 0 repeats one value as often as it likes. */
function checkBytes(tensors: ReadonlyMap<string, StoredTensor>, fileBytes: number): void {
  const most = mostBytesFor(fileBytes);
  let sum = 0;
  for (const { dtype, shape } of tensors.values()) sum += byteLength(dtype, shape) as number;
  if (sum > most) throw new Error(`its tensors must have at most ${most} bytes in a file of ${fileBytes}, got ${sum}`);
}
