/** Zip archives whose members are stored without compression, so that they can be read in place. Their makers are not trusted. */
import type { FileHandle } from 'node:fs/promises';
import { fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl';
import { CheckpointError, messageOf } from '../errors.ts';

/** Bytes of a file. */
export interface Span {
  readonly at: number;
  readonly bytes: number;
}

const mostMembers = 20_000;

/**
 * Of a file, for the parser. Its own reader lets a place beyond 2^53, which a ZIP64 archive may name, end the process: what is thrown
 * inside a callback is nobody's.
 */
class HandleReader extends RandomAccessReader {
  readonly #handle: FileHandle;
  readonly #size: number;

  constructor(handle: FileHandle, size: number) {
    super();
    this.#handle = handle;
    this.#size = size;
  }

  override read(buffer: Buffer, offset: number, length: number, at: number, done: (error: Error | null) => void): void {
    const read = async (): Promise<void> => {
      if (at + length > this.#size) throw new Error(`it names byte ${at + length} of ${this.#size}`);
      const { bytesRead } = await this.#handle.read(buffer, offset, length, at);
      (done as (error: null, bytesRead: number) => void)(null, bytesRead);
    };
    read().catch(done);
  }
}

/**
 * Where the members of an archive lie in its file; those that are compressed are left out.
 *
 * @throws {CheckpointError} no zip archive, or one that is damaged; two members of one name, or that overlap; more than 20 000.
 */
export async function storedMembers(handle: FileHandle, file: string): Promise<ReadonlyMap<string, Span>> {
  const fail = (message: string, cause?: unknown) =>
    new CheckpointError(`${file}: ${message}`, cause === undefined ? {} : { cause });
  const members = new Map<string, Span>();
  const names = new Set<string>();
  const used: Span[] = []; // with their headers
  const { size } = await handle.stat();
  try {
    const reader = new HandleReader(handle, size);
    const zip = await fromRandomAccessReaderPromise(reader, size, { strictFileNames: true, autoClose: false });
    if (zip.entryCount > mostMembers) throw fail(`must have at most ${mostMembers} members, got ${zip.entryCount}`);
    for await (const entry of zip.eachEntry()) {
      const { fileName: name, relativeOffsetOfLocalHeader: header, compressedSize: bytes } = entry;
      if (names.has(name)) throw fail('has two members of one name');
      names.add(name);
      const { fileDataStart: at } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
      if (entry.compressionMethod === 0) members.set(name, { at, bytes });
      used.push({ at: header, bytes: at + bytes - header });
    }
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    throw fail(`is a damaged zip archive: ${messageOf(error)}`, error);
  }
  used.sort((a, b) => a.at - b.at);
  let end = 0;
  for (const { at, bytes } of used) {
    if (at < end) throw fail(`members of the zip archive overlap at byte ${at}`);
    end = at + bytes;
  }
  if (end > size) throw fail(`a member of the zip archive ends at byte ${end} of ${size}; truncated`);
  return members;
}

/** The bytes of a span, in memory of their own. @throws {CheckpointError} the file ends before, or cannot be read. */
export async function readSpan(handle: FileHandle, { at, bytes }: Span, file: string): Promise<Uint8Array> {
  const buffer = new Uint8Array(bytes);
  let done = 0;
  while (done < bytes) {
    const { bytesRead } = await handle.read(buffer, done, bytes - done, at + done).catch((error: unknown) => {
      throw new CheckpointError(`${file}: cannot be read: ${messageOf(error)}`, { cause: error });
    });
    if (bytesRead === 0) throw new CheckpointError(`${file}: ends at byte ${at + done}; truncated`);
    done += bytesRead;
  }
  return buffer;
}
