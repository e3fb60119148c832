/** Files of named tensors, of either format: safetensors, or PyTorch's torch.save() (.pth, .pt). */
import { type FileHandle, open } from 'node:fs/promises';
import { CheckpointError, messageOf } from '../errors.ts';
import { decodeSafetensors } from './safetensors.ts';
import { readLegacyTorchFile } from './torch-legacy.ts';
import { mostTensors, type StoredTensor } from './torch-tensors.ts';
import { readTorchZip } from './torch-zip.ts';

export interface TensorFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Names of what else a file of torch.save() holds, with what would make it: 'opt (argparse.Namespace)'. */
  readonly others: readonly string[];
  /** Of safetensors. */
  readonly metadata: Readonly<Record<string, string>>;
}

const zipMagic = [0x50, 0x4b, 0x03, 0x04];
/** A pickled 0x1950a86a20f9469cfc6c. */
const legacyMagic = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** Of a file of no tensors: the length of safetensors' header. */
const leastBytes = 8;

/**
 * Opens a file, whose first bytes tell its format, for as long as `use` takes.
 *
 * @throws {CheckpointError} a file that is missing, damaged or of another format; what `use` throws.
 */
export async function withTensorFile<T>(path: string, use: (file: TensorFile) => Promise<T>): Promise<T> {
  const handle = await reading(path, open(path));
  try {
    return await use(await read(handle, path));
  } finally {
    await handle.close();
  }
}

async function reading<T>(path: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw new CheckpointError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

async function read(handle: FileHandle, path: string): Promise<TensorFile> {
  const start = new Uint8Array(legacyMagic.length);
  const { bytesRead } = await reading(path, handle.read(start, 0, start.length, 0));
  if (bytesRead < leastBytes)
    throw new CheckpointError(
      `${path}: must be a file of weights, safetensors or PyTorch's .pth, got ${bytesRead} bytes: was it written to its end?`,
    );
  const begins = (magic: readonly number[]): boolean => magic.every((byte, i) => start[i] === byte);
  if (begins(zipMagic)) return { ...(await readTorchZip(handle, path)), metadata: {} };
  if (begins(legacyMagic)) return { ...(await readLegacyTorchFile(handle, path)), metadata: {} };
  const { tensors, metadata } = decodeSafetensors(await reading(path, handle.readFile()), path);
  if (tensors.size > mostTensors)
    throw new CheckpointError(`${path}: must have at most ${mostTensors} tensors, got ${tensors.size}`);
  const stored = [...tensors].map(([name, raw]) => [name, { ...raw, read: async () => raw }] as const);
  return { tensors: new Map(stored), others: [], metadata };
}
