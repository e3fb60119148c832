/**
 * Where the members of a tar archive lie: ustar with the extended headers of POSIX 2001 (pax), and the long names and large numbers of GNU tar.
 * Archives may be a stranger's: what is not as it must be is refused, with the byte at which it stands.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { DataError, messageOf } from '../errors.ts';

export interface TarMember {
  /** As stored, whatever that is. */
  readonly name: string;
  /** Of its content in the file. */
  readonly offset: number;
  /** Bytes of its content. */
  readonly size: number;
}

const kBlock = 512;
/** Bytes that are read at once: a header, and what is small behind it. */
const kWindow = 8192;
/** Of an extended header. */
const kMostExtended = 1 << 20;

/** What compressed archives begin with, in hexadecimal. */
const kCompressed: readonly (readonly [start: string, name: string])[] = [
  ['1f8b', 'gzip'],
  ['28b52ffd', 'zstd'],
  ['425a68', 'bzip2'],
  ['fd377a585a00', 'xz'],
];

/** An archive that is read from its beginning to its end. */
export class TarReader {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #size: number;
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.#path = path;
    this.#handle = handle;
    this.#size = size;
  }

  /** @throws {DataError} no regular file, one that cannot be read, or what `use` throws. */
  static async read<T>(path: string, use: (reader: TarReader) => Promise<T>): Promise<T> {
    let handle: FileHandle | undefined;
    try {
      // Before it is opened: a pipe would be waited for.
      if (!(await stat(path)).isFile()) throw new Error('it is not a regular file');
      handle = await open(path);
      const stats = await handle.stat();
      return await use(new TarReader(path, handle, stats.size));
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
    } finally {
      await handle?.close();
    }
  }

  /** The regular files, in their order. @throws {DataError} the archive is damaged, cut off or compressed. */
  async *members(): AsyncGenerator<TarMember, void, undefined> {
    await this.#expectPlain();
    let own: Extended = {};
    for (let at = 0; ; ) {
      if (at + kBlock > this.#size) throw this.#damage(at, 'the archive is cut off: two blocks of zeros must end it');
      const block = await this.#bytes(at, kBlock);
      if (block.every((byte) => byte === 0)) {
        if (Object.keys(own).length > 0) throw this.#damage(at, 'an extended header is of no member');
        return;
      }
      const header = this.#header(block, at);
      const offset = at + kBlock;
      const isExtended = kExtended.includes(header.type);
      const size = hasContent(header.type) ? ((isExtended ? undefined : own.size) ?? header.size) : 0;
      if (size > this.#size - offset) throw this.#damage(at, `${size} bytes are announced, and the archive is cut off`);
      if (isExtended) own = { ...own, ...(await this.#extended(header.type, offset, size)) };
      else {
        if (own.isSparse || header.type === 'S') throw this.#damage(at, 'files with holes in them are not supported');
        if (kRegular.includes(header.type)) yield { name: own.name ?? header.name, offset, size };
        own = {};
      }
      at = offset + Math.ceil(size / kBlock) * kBlock;
    }
  }

  /** @throws {DataError} it is larger than `most` bytes. */
  async content({ name, offset, size }: TarMember, most: number): Promise<Uint8Array> {
    if (size > most) throw this.#damage(offset, `${JSON.stringify(name)} must have ${most} bytes at most, got ${size}`);
    return this.#bytes(offset, size);
  }

  async #bytes(offset: number, size: number): Promise<Uint8Array> {
    const begin = offset - this.#windowAt;
    if (begin >= 0 && begin + size <= this.#window.length) return this.#window.subarray(begin, begin + size);
    const wanted = Math.min(Math.max(size, kWindow), this.#size - offset);
    this.#window = await readAt(this.#handle, offset, wanted);
    this.#windowAt = offset;
    if (this.#window.length < wanted) throw this.#damage(offset, 'the archive has become shorter');
    return this.#window.subarray(0, size);
  }

  async #expectPlain(): Promise<void> {
    const start = Buffer.from(await this.#bytes(0, Math.min(8, this.#size))).toString('hex');
    const packed = kCompressed.find(([begin]) => start.startsWith(begin))?.[1];
    if (packed !== undefined)
      throw this.#damage(0, `the archive is compressed (${packed}); images are read out of the middle of plain ones`);
  }

  #header(block: Uint8Array, at: number) {
    const magic = textOf(block.subarray(257, 263));
    const sum = block.reduce((all, byte, i) => all + (i >= 148 && i < 156 ? 0x20 : byte), 0);
    if ((magic !== 'ustar' && magic !== 'ustar ') || numberOf(block.subarray(148, 156)) !== sum)
      throw this.#damage(at, 'this is no header of a tar archive');
    const size = numberOf(block.subarray(124, 136));
    if (size === undefined) throw this.#damage(at, 'the size of a member is no number');
    const prefix = magic === 'ustar' ? textOf(block.subarray(345, 500)) : ''; // GNU tar has other things there
    const name = textOf(block.subarray(0, 100));
    return {
      name: prefix === '' ? name : `${prefix}/${name}`,
      size,
      type: String.fromCharCode(block[156] as number),
    };
  }

  /** What an extended header says of the member behind it. */
  async #extended(type: string, offset: number, size: number): Promise<Extended> {
    if (size > kMostExtended) throw this.#damage(offset, `an extended header of ${size} bytes is too large`);
    const bytes = await this.#bytes(offset, size);
    if (type === 'L') return { name: textOf(bytes) };
    if (type === 'K') return {}; // where a link leads
    const records = paxRecords(bytes);
    if (records === undefined) throw this.#damage(offset, 'an extended header is damaged');
    const [name, length] = [records.get('path'), records.get('size')];
    if (type === 'g' && (name ?? length) !== undefined)
      throw this.#damage(offset, 'an extended header of all members names one, or its size');
    const ofMember = length === undefined ? undefined : digitsOf(length, 10);
    if (length !== undefined && ofMember === undefined) throw this.#damage(offset, 'the size of a member is no number');
    return {
      ...(name !== undefined && { name }),
      ...(ofMember !== undefined && { size: ofMember }),
      ...([...records.keys()].some((key) => key.startsWith('GNU.sparse')) && { isSparse: true }),
    };
  }

  #damage(at: number, what: string): DataError {
    return new DataError(`${this.#path}: byte ${at}: ${what}`);
  }
}

interface Extended {
  readonly name?: string;
  readonly size?: number;
  readonly isSparse?: boolean;
}

const kRegular = ['0', '\0', '7'];
/** Of one member, of all, and GNU tar's long name and long link. */
const kExtended = ['x', 'g', 'L', 'K'];
/** Links, devices and folders have none, whatever their size says. */
const hasContent = (type: string): boolean => !'123456'.includes(type);

/** Up to `size` bytes of a file: fewer where it ends. */
export async function readAt(handle: FileHandle, offset: number, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await handle.read(bytes, filled, size - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/** Up to the first NUL. */
function textOf(field: Uint8Array): string {
  const end = field.indexOf(0);
  return Buffer.from(end === -1 ? field : field.subarray(0, end)).toString('utf8');
}

/** A number in octal digits or, of GNU tar, in bytes; undefined where it is none, is below 0 or too large. */
function numberOf(field: Uint8Array): number | undefined {
  const first = field[0] as number;
  if (first < 0x80) return digitsOf(textOf(field).trim(), 8);
  const value = field.reduce((all, byte, i) => all * 256 + (i === 0 ? byte & 0x7f : byte), 0);
  return Number.isSafeInteger(value) ? value : undefined;
}

function digitsOf(text: string, base: 8 | 10): number | undefined {
  if (!(base === 8 ? /^[0-7]+$/ : /^\d+$/).test(text)) return undefined;
  const value = Number.parseInt(text, base);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** "27 path=a/long/name.jpg\n", one behind the other; the number is that of its bytes. Undefined where it is something else. */
function paxRecords(bytes: Uint8Array): Map<string, string> | undefined {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = digitsOf(Buffer.from(bytes.subarray(at, Math.min(space, at + 8))).toString('latin1'), 10) ?? 0;
    const record = Buffer.from(bytes.subarray(space + 1, at + length)).toString('utf8');
    const equals = record.indexOf('=');
    if (space === -1 || space >= at + length || at + length > bytes.length || equals < 1 || !record.endsWith('\n'))
      return undefined;
    records.set(record.slice(0, equals), record.slice(equals + 1, -1));
    at += length;
  }
  return records;
}
