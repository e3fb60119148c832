/**
 * Files of PyTorch's torch.save() before its version 1.6: pickles of a magic number, a version, the system, the value and the keys
 * of its storages, one behind the other; then each storage, its number of values as an int64 and the values.
 */
import type { FileHandle } from 'node:fs/promises';
import { types } from 'node:util';
import { CheckpointError, messageOf } from '../errors.ts';
import type { PickleValue } from './pickle.ts';
import { readSpan, type Span } from './stored-zip.ts';
import {
  mostPickleBytes,
  type StorageId,
  storedSize,
  type TorchTensors,
  torchTensors,
  unpickleTorch,
} from './torch-tensors.ts';

const mostStorages = 20_000;

/**
 * @param handle of a file that begins with the magic number; stays open while tensors are read.
 * @throws {CheckpointError} a file that is damaged, big-endian, or asks for more memory than it has bytes for.
 */
export async function readLegacyTorchFile(handle: FileHandle, file: string): Promise<TorchTensors> {
  const { size: fileBytes } = await handle.stat();
  const start = await readSpan(handle, { at: 0, bytes: Math.min(fileBytes, mostPickleBytes) }, file);
  let at = 0;
  const next = () => {
    const pickle = unpickleTorch(start.subarray(at));
    at += pickle.end;
    return pickle;
  };
  try {
    next(); // the magic number
    const version = next().value;
    if (version !== 1001) throw new Error('has another version than 1001, the only one that there was');
    const system = next().value;
    if (!types.isMap(system) || system.get('little_endian') !== true)
      throw new Error('its values must be little-endian');
    const { value, storageIds } = next();
    const sizes = sizesByKey(storageIds);
    const storages = await findStorages(next().value, sizes, { handle, file, fileBytes, at });
    return torchTensors(value, { handle, file, fileBytes, storages });
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError(`${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** Bytes of a value, by the key of the storage. @throws {Error} a storage of an unknown type, or a part of another one. */
function sizesByKey(storageIds: readonly StorageId[]): ReadonlyMap<PickleValue | undefined, number> {
  const sizes = new Map<PickleValue | undefined, number>();
  for (const { parts } of storageIds) {
    const [, type, key, , , view = null] = parts;
    if (view !== null) throw new Error('holds a storage that is a part of another one, as PyTorch before 0.4 wrote');
    if (!sizes.has(key)) sizes.set(key, storedSize(type)); // it is written as what it was first
  }
  return sizes;
}

/**
 * Where the storages lie that begin at byte `at`, in the order of their keys.
 * @throws {Error} keys that are none, or a storage that ends behind the file.
 */
async function findStorages(
  keys: PickleValue,
  sizes: ReadonlyMap<PickleValue | undefined, number>,
  { handle, file, fileBytes, at: start }: { handle: FileHandle; file: string; fileBytes: number; at: number },
): Promise<ReadonlyMap<string, Span>> {
  if (!Array.isArray(keys) || keys.length > mostStorages)
    throw new Error(`must have a list of at most ${mostStorages} storages`);
  const storages = new Map<string, Span>();
  let at = start;
  for (const [i, key] of keys.entries()) {
    const size = sizes.get(key);
    if (typeof key !== 'string' || size === undefined || storages.has(key))
      throw new Error(`storage ${i} of ${keys.length} is of no tensor, or listed before`);
    const header = await readSpan(handle, { at, bytes: 8 }, file);
    const bytes = Number(new DataView(header.buffer).getBigUint64(0, true)) * size;
    at += header.length;
    if (bytes > fileBytes - at)
      throw new Error(`storage ${i} of ${keys.length} ends at byte ${at + bytes} of ${fileBytes}; truncated`);
    storages.set(key, { at, bytes });
    at += bytes;
  }
  return storages;
}
