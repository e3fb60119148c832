/**
 * NumPy's .npy format, version 1.0: magic, a Python dictionary padded so that the values start at a multiple of 64, the
 * values. Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { readFile } from 'node:fs/promises';
import { DataError, messageOf, ShapeError } from '../errors.ts';
import { ReplacementFile } from './atomic.ts';

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
  readonly dim: number;
  readonly #file: ReplacementFile;
  #rows = 0;

  private constructor(dim: number, file: ReplacementFile) {
    this.dim = dim;
    this.#file = file;
  }

  /** Begins a matrix of `dim` columns. Rejects with the file system's error when the folder cannot be written. */
  static async create(path: string, dim: number): Promise<NpyWriter> {
    const file = await ReplacementFile.create(path);
    await file.append(header(0, dim));
    return new NpyWriter(dim, file);
  }

  get path(): string {
    return this.#file.path;
  }

  get rows(): number {
    return this.#rows;
  }

  /** @throws {ShapeError} a row of another length. */
  async append(row: Float32Array): Promise<void> {
    if (row.length !== this.dim) throw new ShapeError(`row must have ${this.dim} values, got ${row.length}`);
    await this.#file.append(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
    this.#rows++;
  }

  /** Writes the header and flushes to the disk; what remains for `publish()` is a rename. */
  finish(): Promise<void> {
    return this.#file.finish(header(this.#rows, this.dim));
  }

  /** After `finish()`: puts the file in its place, replacing what was there. */
  publish(): Promise<void> {
    return this.#file.publish();
  }

  /** Deletes what is not published; harmless afterwards. */
  discard(): Promise<void> {
    return this.#file.discard();
  }
}
