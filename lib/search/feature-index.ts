/** Features of many images in a file, and the nearest of them to any other: exact, in native code. */

import { join, resolve } from 'node:path';
import { DataError, messageOf, OptionError, ShapeError } from '../errors.ts';
import { readIndices } from '../evaluate/labelled.ts';
import { countOption, signalOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { Batcher } from '../serve/batcher.ts';
import { Calls, type CloseOptions } from '../serve/calls.ts';
import { call } from '../tensor/call.ts';
import * as internal from '../tensor/internal-ops.ts';
import { noGrad, onInteractiveStream, tidy, withoutModes } from '../tensor/modes.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { describe, expectNumber, expectString } from '../validate.ts';
import { type IndexContent, type IndexedFile, IndexWriter, readIndexFile } from './index-file.ts';
import { thumbnail } from './thumbnail.ts';
import { cosineOf, expectVector } from './unit-vector.ts';

export const searchOptions = {
  /** Neighbours, nearest first; fewer where the index has fewer. Default 10. */
  k: { ...countOption, default: 10, help: 'neighbours of each image' },
  signal: signalOption,
} as const satisfies OptionTable;

export interface SearchOptions extends OptionsOf<typeof searchOptions> {}

export interface Neighbour {
  /** Its row in the index, from 0 on. */
  readonly number: number;
  readonly name: string;
  /** Cosine similarity, −1 to 1. */
  readonly cosine: number;
}

const pictureOptions = { signal: signalOption } as const satisfies OptionTable;

const openOptions = {
  /**
   * The folder whose images `picture()` may read; default `photos` for `photos.index`. Of an index of another folder it reads
   * none: whoever made the file wrote its `root`, and does not decide what is shown to others.
   */
  root: { type: 'string' },
} as const satisfies OptionTable;

export interface OpenIndexOptions extends OptionsOf<typeof openOptions> {}

interface Query {
  /** Of length 1. */
  readonly unit: Float32Array;
  readonly k: number;
}

/** Queries that share a pass over the features: one alone takes as long as reading them does. */
const kMostQueries = 64;
/** Of a picture, in pixels. */
const kPictureSide = 320;

/**
 * Made by `openIndex()`, `createIndex()` or `updateIndex()`. The features are mapped into memory, where processes that open the
 * file share them; it must not be written to while it is open. `close()` lets go of it.
 */
export class FeatureIndex {
  /** Of its file. */
  readonly path: string;
  /** The folder that the files are below, where they are files. */
  readonly root: string | undefined;
  /** Says which model the features are of. */
  readonly model: string | undefined;
  /** Length of a vector. */
  readonly dim: number;
  /** What each row is of. */
  readonly files: readonly IndexedFile[];
  /** float32 (length, dim), rows of length 1; the index's own. */
  readonly features: Tensor;
  /** Whether `picture()` reads files. */
  readonly hasPictures: boolean;
  readonly #batcher: Batcher<Query, Neighbour[]>;
  readonly #calls = new Calls('the index');

  /** @internal Use `openIndex()`. */
  constructor(path: string, { root, model, dim, files }: IndexContent, features: Tensor, hasPictures: boolean) {
    this.path = path;
    this.hasPictures = hasPictures;
    this.root = root;
    this.model = model;
    this.dim = dim;
    this.files = files;
    this.features = features;
    this.#batcher = new Batcher({
      maxBatch: kMostQueries,
      maxWaitMs: 0,
      run: (queries) => withoutModes(() => onInteractiveStream(() => this.#nearest(queries))),
    });
  }

  /** The number of rows. */
  get length(): number {
    return this.files.length;
  }

  /**
   * The rows with the largest cosine similarity to a vector, of equal ones the earlier. Searches that are under way together
   * share a pass over the features, off the JavaScript thread; beside a training they do not wait for its steps.
   *
   * @param vector `dim` values of any length, as `embedder.embed()` gives them.
   * @throws {ShapeError} a vector of another dim. @throws {DataError} one that is not finite, or all zero.
   * @throws {AbortError} the signal fired. @throws {StateError} the index is closed.
   */
  async search(vector: Float32Array, options: SearchOptions = {}): Promise<Neighbour[]> {
    const { k, signal } = resolveOptions('search', searchOptions, options);
    const unit = expectVector('vector', vector, this.dim); // a copy: the caller may go on to change theirs
    return this.#calls.answer(() => this.#near(unit, k, signal));
  }

  /**
   * The neighbours of a row, without itself.
   * @throws as `search`; {OptionError} no such row.
   */
  async searchLike(number: number, options: SearchOptions = {}): Promise<Neighbour[]> {
    const { k, signal } = resolveOptions('searchLike', searchOptions, options);
    this.#fileOf(number);
    const found = await this.#calls.answer(async () => {
      const unit = expectVector('vector', await this.#read(number, 1), this.dim);
      return this.#near(unit, k + 1, signal);
    });
    return found.filter((neighbour) => neighbour.number !== number).slice(0, k);
  }

  /** A row, with memory of its own. @throws {OptionError} no such row. @throws {StateError} the index is closed. */
  async vector(number: number): Promise<Float32Array> {
    this.#fileOf(number);
    return this.rows(number, 1);
  }

  /**
   * A small JPEG of the image of a row, at most 320 pixels wide and high.
   * @throws {OptionError} no such row. @throws {DataError} its file is gone, or was none; the index is of
   * another folder than it was opened with. @throws {AbortError} the signal fired. @throws {StateError} the index is closed.
   */
  async picture(number: number, options: OptionsOf<typeof pictureOptions> = {}): Promise<Buffer> {
    const { signal } = resolveOptions('picture', pictureOptions, options);
    const { name } = this.#fileOf(number);
    return this.#calls.answer(async () => {
      if (this.root === undefined) throw new DataError(`'${name}' is no file: the index has no root`);
      if (!this.hasPictures)
        throw new DataError(
          `${this.path}: names images in '${this.root}'; they are read where it is opened with that root`,
        );
      return thumbnail(join(this.root, name), kPictureSide, { signal });
    });
  }

  /** @internal Rows side by side, from `begin` on. */
  async rows(begin: number, count: number): Promise<Float32Array> {
    return this.#calls.answer(() => this.#read(begin, count));
  }

  /**
   * Takes no more searches (StateError), answers those under way, then lets go of the file. A signal that fires rejects what
   * has no answer yet with an AbortError.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    await this.#batcher.close(await this.#calls.end(options));
    this.features.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #near(unit: Float32Array, k: number, signal: AbortSignal | undefined): Promise<Neighbour[]> {
    return this.#batcher.submit(async () => ({ unit, k: Math.min(k, this.length) }), signal);
  }

  #read(begin: number, count: number): Promise<Float32Array> {
    const read = async (): Promise<Float32Array> =>
      (await noGrad(() => this.features.narrow(0, begin, count)).data()) as Float32Array;
    return withoutModes(() => onInteractiveStream(() => tidy(read)));
  }

  #fileOf(number: number): IndexedFile {
    const file = typeof number === 'number' ? this.files[number] : undefined;
    if (file === undefined)
      throw new OptionError(`number must be from 0 to ${this.length - 1}, got ${describe(number)}`);
    return file;
  }

  /** One job for all. */
  async #nearest(queries: readonly Query[]): Promise<Neighbour[][]> {
    const most = Math.max(...queries.map(({ k }) => k));
    const values = new Float32Array(queries.length * this.dim);
    for (const [i, { unit }] of queries.entries()) values.set(unit, i * this.dim);
    return tidy(async () => {
      const rows = tensor(values, { shape: [queries.length, this.dim] });
      const [found, similar] = noGrad(() => internal.nearestNeighbours(rows, this.features, { k: most, unit: true }));
      const [numbers, cosines] = [await readIndices(found), (await similar.data()) as Float32Array];
      return queries.map(({ k }, i) =>
        Array.from({ length: k }, (_, place) => {
          const number = numbers[i * most + place] as number;
          const { name } = this.files[number] as IndexedFile;
          return { number, name, cosine: cosineOf(cosines[i * most + place] as number) };
        }),
      );
    });
  }
}

/**
 * Opens an index for search.
 * @throws {DataError} naming the file: it is missing, damaged, or no index.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * const index = await openIndex('photos.index');
 * const [nearest] = await index.search(await embedder.embedFile('cat.jpg'), { k: 1 });
 */
export async function openIndex(path: string, options: OpenIndexOptions = {}): Promise<FeatureIndex> {
  expectString('path', path);
  const { root = path.replace(/\.index$/, '') } = resolveOptions('openIndex', openOptions, options);
  const content = await readIndexFile(path);
  const { offset, dim, files } = content;
  const features = withoutModes(() => call('map_unit_rows', [path, offset, files.length, dim]));
  try {
    await features.ready();
  } catch (error) {
    features.dispose();
    if (error instanceof DataError) throw error;
    throw new DataError(`${path}: cannot be mapped: ${messageOf(error)}`, { cause: error }); // it was replaced or cut since
  }
  return new FeatureIndex(path, content, features, content.root === resolve(root));
}

/** What a row of an index is made of. */
export interface IndexEntry extends Partial<Omit<IndexedFile, 'name'>> {
  /** What searches answer with: the path of a file, a key of a database. */
  readonly name: string;
  /** Finite and not all zero; it is scaled to length 1. */
  readonly vector: Float32Array;
}

/**
 * Writes an index of vectors of your own, and opens it. The file is there when all is written, or not at all.
 *
 * @param entries one or more, of one dim; what an iterator gives is written as it comes.
 * @throws {ShapeError} vectors of several lengths, or none. @throws {DataError} a vector that is not finite or all zero, or a
 * folder that cannot be written. @throws {OptionError} a name that is no text or empty, a size or time that is no number.
 */
export async function createIndex(
  path: string,
  entries: Iterable<IndexEntry> | AsyncIterable<IndexEntry>,
): Promise<FeatureIndex> {
  expectString('path', path);
  const { [Symbol.iterator]: each, [Symbol.asyncIterator]: later } = (entries ?? {}) as Partial<
    Iterable<IndexEntry> & AsyncIterable<IndexEntry>
  >;
  if (typeof (each ?? later) !== 'function')
    throw new OptionError(`entries must be an iterable of { name, vector }, got ${describe(entries)}`);
  let writer: IndexWriter | undefined;
  try {
    for await (const entry of entries) {
      const { name, vector, size = 0, modified = 0 } = (entry ?? {}) as IndexEntry;
      const of = `of '${expectString('name', name)}'`;
      expectNumber(`size ${of}`, size, { min: 0 });
      expectNumber(`modified ${of}`, modified);
      const unit = expectVector(`vector ${of}`, vector, writer?.dim);
      writer ??= await IndexWriter.create(path, unit.length, {});
      await writer.append(unit, { name, size, modified });
    }
    if (writer === undefined) throw new ShapeError('an index needs one entry or more, got none');
    await writer.finish();
    await writer.publish();
  } finally {
    await writer?.discard();
  }
  return openIndex(path);
}

/** @throws {OptionError} no index. */
export function expectIndex(index: FeatureIndex): FeatureIndex {
  if (index instanceof FeatureIndex) return index;
  throw new OptionError(`index must be an open FeatureIndex, got ${describe(index)}`);
}
