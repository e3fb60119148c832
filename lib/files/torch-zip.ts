/**
 * Files of PyTorch's torch.save(), since its version 1.6: a zip archive of NAME/data.pkl, a pickle, and NAME/data/KEY, the bytes of
 * a storage each.
 */
import type { FileHandle } from 'node:fs/promises';
import { CheckpointError, messageOf } from '../errors.ts';
import { readSpan, type Span, storedMembers } from './stored-zip.ts';
import { mostPickleBytes, type TorchTensors, torchTensors, unpickleTorch } from './torch-tensors.ts';

/**
 * @param handle stays open while tensors are read.
 * @throws {CheckpointError} an archive that is damaged, is none of torch.save(), or asks for more memory than it has bytes for.
 */
export async function readTorchZip(handle: FileHandle, file: string): Promise<TorchTensors> {
  const fail = (message: string, cause?: unknown) =>
    new CheckpointError(`${file}: ${message}`, cause === undefined ? {} : { cause });
  const members = await storedMembers(handle, file);
  const [pickle, ...more] = [...members.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickle === undefined || more.length > 0)
    throw fail('is a zip archive, but none of torch.save(), which has one NAME/data.pkl, not compressed');
  const root = pickle.slice(0, -'data.pkl'.length);
  if (members.has(`${root}constants.pkl`))
    throw fail('is a program of torch.jit.save(); save its state_dict() by torch.save()');
  const read = async (name: string, most: number): Promise<Uint8Array> => {
    const span = members.get(name) as Span;
    if (span.bytes > most) throw fail(`'${name}' must have at most ${most} bytes, got ${span.bytes}`);
    return readSpan(handle, span, file);
  };
  if (members.has(`${root}byteorder`)) {
    const order = new TextDecoder().decode(await read(`${root}byteorder`, 16));
    if (order !== 'little') throw fail(`its values must be little-endian, got '${order}'`);
  }
  const folder = `${root}data/`;
  const storages = new Map(
    [...members].flatMap(([name, span]) => (name.startsWith(folder) ? [[name.slice(folder.length), span]] : [])),
  );
  const bytes = await read(pickle, mostPickleBytes);
  const { size: fileBytes } = await handle.stat();
  try {
    return torchTensors(unpickleTorch(bytes).value, { handle, file, fileBytes, storages });
  } catch (error) {
    throw fail(`data.pkl: ${messageOf(error)}`, error);
  }
}
