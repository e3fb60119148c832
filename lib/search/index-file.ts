/**
 * The file of a feature index, which is safetensors: `features` float32 (count, dim), rows of length 1, and `files`, the
 * JSON of what each row is of. In Python, `safetensors.numpy.load_file(path)['features']` reads it.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { DataError, messageOf } from '../errors.ts';
import { ReplacementFile } from '../files/atomic.ts';
import { decodeHeader, headerEnd } from '../files/safetensors.ts';
import { describe } from '../validate.ts';

/** What a row of an index is of: an image file, or whatever its owner calls it. */
export interface IndexedFile {
  /** Below `root` with slashes; in an index without a root, any text. */
  readonly name: string;
  /** Of the file, in bytes. 0 where there is none. */
  readonly size: number;
  /** When it was last changed, in ms since 1970. 0 where there is no file. */
  readonly modified: number;
}

export interface IndexAbout {
  /** The folder that the files are below. */
  readonly root?: string;
  /** What made the features: another model's cannot be compared with them. */
  readonly model?: string;
}

/** An index but for its features, which are at `offset` of the file. */
export interface IndexContent extends IndexAbout {
  readonly offset: number;
  readonly dim: number;
  readonly files: readonly IndexedFile[];
}

const kFormat = 'contrastive index 1';
/** Rows begin at a multiple of this many bytes. */
const kAlignment = 64;
/** Of `files`, in bytes: less than the longest string that there is. */
const kMaxFiles = 400_000_000;
/** Of `files`, in characters or rows: what is done between two turns of the event loop. */
const [kTurnCharacters, kTurnRows] = [2 ** 17, 2048];
/** Rows are collected up to so many bytes before they are written. */
const kBufferBytes = 2 ** 20;

/** The bytes before the rows, `length` of them, or as many as it takes. */
function head(count: number, dim: number, filesBytes: number, about: IndexAbout, length?: number): Uint8Array {
  const end = 4 * count * dim;
  const header = {
    __metadata__: { format: kFormat, ...about },
    features: { dtype: 'F32', shape: [count, dim], data_offsets: [0, end] },
    files: { dtype: 'U8', shape: [filesBytes], data_offsets: [end, end + filesBytes] },
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(length ?? Math.ceil((8 + text.length) / kAlignment) * kAlignment).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(text, 8);
  return bytes;
}

/** Writes an index row by row beside its place; it is there from `publish()` on. */
export class IndexWriter {
  readonly dim: number;
  readonly #file: ReplacementFile;
  readonly #about: IndexAbout;
  readonly #headBytes: number;
  readonly #files: string[] = [];
  readonly #buffer: Float32Array;
  #buffered = 0;

  private constructor(file: ReplacementFile, dim: number, about: IndexAbout, headBytes: number) {
    this.dim = dim;
    this.#file = file;
    this.#about = about;
    this.#headBytes = headBytes;
    this.#buffer = new Float32Array(dim * Math.max(1, Math.floor(kBufferBytes / 4 / dim)));
  }

  /** @throws {DataError} a folder that cannot be written. */
  static async create(path: string, dim: number, about: IndexAbout): Promise<IndexWriter> {
    const most = Number.MAX_SAFE_INTEGER; // as long as the numbers can get that are not known yet
    const room = head(most, dim, most, about);
    return writing(path, async () => {
      const file = await ReplacementFile.create(path);
      await file.append(room);
      return new IndexWriter(file, dim, about, room.length);
    });
  }

  get rows(): number {
    return this.#files.length;
  }

  /** @param row of length 1. */
  async append(row: Float32Array, { name, size, modified }: IndexedFile): Promise<void> {
    this.#buffer.set(row, this.#buffered);
    this.#buffered += this.dim;
    this.#files.push(JSON.stringify([name, size, modified]));
    if (this.#buffered === this.#buffer.length) await this.#flush();
    if (this.rows % kTurnRows === 0) await eventLoopTurn();
  }

  /** Everything is on the disk afterwards, beside the file's place. @throws {DataError} it cannot be written. */
  async finish(): Promise<void> {
    await this.#flush();
    const files = new TextEncoder().encode(`[${this.#files.join(',\n')}]`);
    if (files.length > kMaxFiles)
      throw new DataError(`${this.#file.path}: names may have ${kMaxFiles} bytes together, got ${files.length}`);
    await writing(this.#file.path, async () => {
      await this.#file.append(files);
      await this.#file.finish(head(this.rows, this.dim, files.length, this.#about, this.#headBytes));
    });
  }

  publish(): Promise<void> {
    return writing(this.#file.path, () => this.#file.publish());
  }

  discard(): Promise<void> {
    return this.#file.discard();
  }

  async #flush(): Promise<void> {
    const bytes = new Uint8Array(this.#buffer.buffer, 0, 4 * this.#buffered);
    await writing(this.#file.path, () => this.#file.append(bytes));
    this.#buffered = 0;
  }
}

async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw new DataError(`${path}: cannot be written: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Everything but the features. The file may be a stranger's: sizes are checked before anything is read by them.
 * @throws {DataError} naming the file: it is missing, damaged, or no index.
 */
export async function readIndexFile(path: string): Promise<IndexContent> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    return await readContent(file, path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const message = messageOf(error);
    throw new DataError(message.startsWith(path) ? message : `${path}: cannot be read: ${message}`, { cause: error });
  } finally {
    await file?.close();
  }
}

async function readContent(file: FileHandle, path: string): Promise<IndexContent> {
  const fail = (message: string): DataError => new DataError(`${path}: ${message}`);
  const stats = await file.stat();
  if (!stats.isFile()) throw fail('is not a file');
  const begin = headerEnd(await readAt(file, 0, Math.min(8, stats.size)), stats.size, path);
  const { spans, metadata } = decodeHeader(await readAt(file, 8, begin - 8), stats.size - begin, path);
  const { format, root, model } = metadata;
  const [features, files] = [spans.get('features'), spans.get('files')];
  if (format !== kFormat || spans.size !== 2 || features?.dtype !== 'F32' || files?.dtype !== 'U8')
    throw fail(`is not an index of features: expected ${kFormat}, got ${describe(format)}`);
  const [count = 0, dim = 0] = features.shape;
  const offset = begin + features.begin;
  if (features.shape.length !== 2 || count < 1 || dim < 1 || offset % 4 !== 0)
    throw fail(`features must be (count, dim) from a multiple of 4 on, got [${features.shape}] at ${offset}`);
  const size = files.end - files.begin;
  if (size > kMaxFiles) throw fail(`files may have ${kMaxFiles} bytes, got ${size}`);
  const list = await parseFiles(await readAt(file, begin + files.begin, size));
  if (list === undefined || list.length !== count)
    throw fail(`files must be [name, size, modified] for each of ${count} rows`);
  for (const [row, { name }] of list.entries()) {
    if (root !== undefined && !isBelow(name))
      throw fail(`names must be of files below the root, got ${describe(name)}`);
    if (row % kTurnRows === 0) await eventLoopTurn();
  }
  return { offset, dim, files: list, ...(root !== undefined && { root }), ...(model !== undefined && { model }) };
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(bytes, at, length - at, position + at);
    if (bytesRead === 0) throw new Error('it ends too early');
    at += bytesRead;
  }
  return bytes;
}

/** A row a line, as IndexWriter writes them. */
async function parseFiles(bytes: Uint8Array): Promise<IndexedFile[] | undefined> {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  if (!text.startsWith('[') || !text.endsWith(']')) return undefined;
  const files: IndexedFile[] = [];
  for (let at = 1; at < text.length; ) {
    const found = text.indexOf(',\n', at + kTurnCharacters);
    const end = found < 0 ? text.length - 1 : found;
    for (const row of JSON.parse(`[${text.slice(at, end)}]`)) {
      const [name, size, modified] = Array.isArray(row) ? row : [];
      if (typeof name !== 'string' || !Number.isFinite(size) || !Number.isFinite(modified)) return undefined;
      files.push({ name, size, modified });
    }
    at = end + 2;
    await eventLoopTurn();
  }
  return files;
}

/** Whether a name leads to nowhere but below the folder that it is of, on any system. */
const isBelow = (name: string): boolean =>
  !/[\0]/.test(name) &&
  !(process.platform === 'win32' && /[\\:]/.test(name)) &&
  name.split('/').every((part) => !['', '.', '..'].includes(part));
