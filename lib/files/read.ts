/** Reading the files of a run; what goes wrong is a CheckpointError that names the file. */
import { readFile } from 'node:fs/promises';
import { CheckpointError, messageOf } from '../errors.ts';
import { parseStrictJson } from './strict-json.ts';

const kMaxDepth = 64;

/** @throws {CheckpointError} the file is missing or cannot be read. */
export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CheckpointError(`${file}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** @throws {CheckpointError} `bytes`, which `file` holds, are not JSON. */
export function parseJson(bytes: Uint8Array, file: string): unknown {
  try {
    return parseStrictJson(new TextDecoder().decode(bytes), kMaxDepth);
  } catch (error) {
    throw new CheckpointError(`${file}: is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** @throws {CheckpointError} the file is missing or not JSON. */
export const readJson = async (file: string): Promise<unknown> => parseJson(await readBytes(file), file);
