/** Reading the files of a data set; what goes wrong is a DataError that names the file. */
import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DataError, messageOf } from '../errors.ts';

/** `stat`, or undefined when there is nothing at `path` or it cannot be reached. */
export async function statOrUndefined(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch {
    return undefined;
  }
}

/** @throws {DataError} `path` is not a folder. */
export async function expectFolder(name: string, path: string): Promise<void> {
  const stats = await statOrUndefined(path);
  if (!stats) throw new DataError(`${name}: there is no folder '${path}'`);
  if (!stats.isDirectory()) throw new DataError(`${name}: '${path}' is not a folder`);
}

/** The first of `names` in the first of `folders` that is a regular file. */
export async function findFile(folders: readonly string[], names: readonly string[]): Promise<string | undefined> {
  for (const folder of folders)
    for (const name of names) {
      const path = join(folder, name);
      if ((await statOrUndefined(path))?.isFile()) return path;
    }
  return undefined;
}

/** The most that deflate can expand: 1032 bytes out for one in. A header that promises more lies. */
const kMaxInflation = 1032;

/**
 * Streams a file, inflating it when its name ends in .gz, into one array of the length that `lengthOf` reads from
 * its first `headBytes` bytes; never holds more than that, whatever the file inflates to.
 *
 * @param lengthOf total length in bytes, header included; may throw.
 * @throws {DataError} the file is missing, truncated, longer than `lengthOf` says, or not gzip.
 */
export async function readSized(
  path: string,
  headBytes: number,
  lengthOf: (head: Uint8Array, limit: number) => number,
): Promise<Uint8Array> {
  const stats = await statOrUndefined(path);
  if (!stats?.isFile()) throw new DataError(`${path}: there is no such file`);
  const packed = path.endsWith('.gz');
  const limit = stats.size * (packed ? kMaxInflation : 1);
  const file = createReadStream(path, { highWaterMark: 1 << 20 });
  const gunzip = packed ? createGunzip({ chunkSize: 1 << 20 }) : undefined;
  file.on('error', (error) => gunzip?.destroy(error));
  const stream: Readable = gunzip ? file.pipe(gunzip) : file;
  let head = Buffer.alloc(0);
  let bytes: Uint8Array | undefined;
  let filled = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      let rest = chunk;
      if (!bytes) {
        head = Buffer.concat([head, chunk]);
        if (head.length < headBytes) continue;
        bytes = new Uint8Array(lengthOf(head, limit));
        rest = head;
      }
      if (filled + rest.length > bytes.length)
        throw new DataError(`${path}: expected ${bytes.length} bytes as its header says, got more`);
      bytes.set(rest, filled);
      filled += rest.length;
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  } finally {
    stream.destroy();
    file.destroy();
  }
  if (!bytes) throw new DataError(`${path}: expected a header of ${headBytes} bytes, got ${head.length} bytes`);
  if (filled < bytes.length)
    throw new DataError(`${path}: expected ${bytes.length} bytes as its header says, got ${filled}`);
  return bytes;
}
