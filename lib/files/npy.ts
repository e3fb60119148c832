/**
 * NumPy's .npy format, version 1.0: magic, a Python dictionary padded so that the values start at a multiple of 64, the
 * values. Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DataError, messageOf, ShapeError } from '../errors.ts';
import { syncFolder, temporaryBeside } from '../files/atomic.ts';

// Room for any number of rows, so that the header can be written last. numpy.save leaves the same.
const kHeaderBytes = 128;

function header(rows: number, dim: number): Uint8Array {
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${dim}), }`;
  const bytes = Buffer.alloc(kHeaderBytes, ' ');
  bytes.write('\x93NUMPY\x01\x00', 'latin1');
  bytes.writeUInt16LE(kHeaderBytes - 10, 8);
  bytes.write(dictionary, 10, 'latin1');
  bytes.write('\n', kHeaderBytes - 1, 'latin1');
  return bytes;
}

export interface Matrix {
  readonly values: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

/**
 * A float32 matrix that `NpyWriter` or numpy.save wrote.
 * @throws {DataError} naming the file: it cannot be read, or holds something else.
 */
export async function readNpy(path: string): Promise<Matrix> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  });
  const version = bytes.toString('latin1', 0, 6) === '\x93NUMPY' && bytes.length >= 12 ? bytes[6] : undefined;
  if (version === undefined) throw new DataError(`${path}: is not a .npy file`);
  const [begin, size] = version === 1 ? [10, bytes.readUInt16LE(8)] : [12, bytes.readUInt32LE(8)];
  const text = bytes.toString('latin1', begin, begin + size).trimEnd();
  const [, rows, dim] = (
    /^\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \}$/.exec(text) ?? []
  ).map(Number);
  const isWhole = rows !== undefined && dim !== undefined && bytes.length - begin - size === 4 * rows * dim;
  if (!isWhole)
    throw new DataError(
      `${path}: must hold float32 (rows, dim), row by row, got ${JSON.stringify(text.slice(0, 120))} and ${bytes.length - begin - size} bytes`,
    );
  const values = new Float32Array(rows * dim);
  new Uint8Array(values.buffer).set(bytes.subarray(begin + size));
  return { values, rows, dim };
}

/** A float32 matrix, written row by row beside `path`; `path` itself changes at `publish()` only. */
export class NpyWriter {
  readonly path: string;
  readonly dim: number;
  readonly #temporary: string;
  readonly #file: FileHandle;
  #rows = 0;
  #open = true;

  private constructor(path: string, dim: number, temporary: string, file: FileHandle) {
    this.path = path;
    this.dim = dim;
    this.#temporary = temporary;
    this.#file = file;
  }

  /** Begins a matrix of `dim` columns. Rejects with the file system's error when the folder cannot be written. */
  static async create(path: string, dim: number): Promise<NpyWriter> {
    const temporary = temporaryBeside(path);
    const file = await open(temporary, 'wx');
    const writer = new NpyWriter(path, dim, temporary, file);
    await file.writeFile(header(0, dim));
    return writer;
  }

  get rows(): number {
    return this.#rows;
  }

  /** @throws {ShapeError} a row of another length. */
  async append(row: Float32Array): Promise<void> {
    if (row.length !== this.dim) throw new ShapeError(`row must have ${this.dim} values, got ${row.length}`);
    await this.#file.writeFile(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
    this.#rows++;
  }

  /** Writes the header and flushes to the disk; what remains for `publish()` is a rename. */
  async finish(): Promise<void> {
    const bytes = header(this.#rows, this.dim);
    await this.#file.write(bytes, 0, bytes.length, 0);
    await this.#file.sync();
    await this.#close();
  }

  /** After `finish()`: puts the file in its place, replacing what was there. */
  async publish(): Promise<void> {
    await rename(this.#temporary, this.path);
    await syncFolder(dirname(this.path));
  }

  /** Deletes what is not published; harmless afterwards. */
  async discard(): Promise<void> {
    await this.#close();
    await rm(this.#temporary, { force: true });
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#file.close();
  }
}
