/** Files that commands write where they were told to. */
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { statOrUndefined } from '../data/files.ts';
import { DataError, messageOf, OptionError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';

/**
 * The absolute path to write to, before anything is computed.
 * @param flag that it was typed with. @param ending that it must have, '.html'.
 * @throws {OptionError} a name of another kind. @throws {DataError} a folder is there.
 */
export async function placeFor(out: string, flag: string, ending: string): Promise<string> {
  const path = resolve(out);
  if (!path.toLowerCase().endsWith(ending)) throw new OptionError(`${flag} must be a name in ${ending}, got '${out}'`);
  if ((await statOrUndefined(path))?.isDirectory()) throw new DataError(`${path}: is a folder`);
  return path;
}

/** The folder of a file that will be written. @throws {DataError} it cannot be made. */
export async function makeFolderOf(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new DataError(`${folder}: cannot be made: ${messageOf(error)}`, { cause: error });
  }
}

/** Writes the file whole or not at all, and makes its folder. @throws {DataError} it cannot be written. */
export async function writeOutput(path: string, content: string | Uint8Array): Promise<void> {
  await makeFolderOf(path);
  try {
    await writeFileAtomic(path, content);
  } catch (error) {
    throw new DataError(`${path}: cannot be written: ${messageOf(error)}`, { cause: error });
  }
}
