/** Small JSON files of a run. */
import { readFile } from 'node:fs/promises';
import { CheckpointError, messageOf } from '../errors.ts';
import { parseStrictJson } from './strict-json.ts';

const kMaxDepth = 64;

/** @throws {CheckpointError} the file is missing or not JSON. */
export async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new CheckpointError(`${file}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
  try {
    return parseStrictJson(text, kMaxDepth);
  } catch (error) {
    throw new CheckpointError(`${file}: is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
}
