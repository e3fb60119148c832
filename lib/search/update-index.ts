/** An index of the images below a folder, which follows what is added, changed and removed there. */
import { join, relative, resolve, sep } from 'node:path';
import { expectFolder, statOrUndefined } from '../data/files.ts';
import type { SkippedFile } from '../data/folder.ts';
import { kImageExtensions, walkFolder } from '../data/walk.ts';
import { AbortError, DataError, messageOf, OptionError } from '../errors.ts';
import { progressOptions } from '../evaluate/in-turn.ts';
import { removeOldTemporaries } from '../files/atomic.ts';
import { functionOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import type { Embedder } from '../serve/embedder.ts';
import { mapOrdered } from '../serve/ordered.ts';
import { describe, expectString, throwIfAborted } from '../validate.ts';
import { type FeatureIndex, openIndex } from './feature-index.ts';
import { type IndexedFile, IndexWriter } from './index-file.ts';
import { unitOf } from './unit-vector.ts';

function expectEmbedder(name: string, value: Embedder): Embedder {
  if (typeof value?.embedFile === 'function') return value;
  throw new OptionError(`${name} must be what createEmbedder() resolves to, got ${describe(value)}`);
}

const declared = {
  /** The folder of the images. */
  input: { type: 'string', required: true },
  /** Makes the features; from `createEmbedder()`. */
  embedder: { type: 'checked', check: expectEmbedder, required: true },
  /** Hears of each image that cannot be decoded: it is left out. */
  onSkip: functionOption<(skipped: SkippedFile) => void>(),
  ...progressOptions,
} as const satisfies OptionTable;

export interface UpdateIndexOptions extends OptionsOf<typeof declared> {}

export interface IndexUpdate {
  readonly index: FeatureIndex;
  /** Images that were taken over, and those whose features were made. */
  readonly kept: number;
  readonly added: number;
  readonly changed: number;
  /** Rows of files that are gone, or can no longer be decoded. */
  readonly removed: number;
  readonly skipped: readonly SkippedFile[];
  /** Why nothing of the file that was there could be used. */
  readonly rebuilt?: string;
}

/** Images under way at a time, so that decoding and computing overlap. */
const kUnderWay = 128;
/** Rows of the old index that are read at once. */
const kBlock = 1024;

/**
 * Opens the index of a folder, after the features of new and changed images were made: by name, size and time of change. An
 * index of another model is made anew. Progress counts images.
 *
 * What a signal stops is not lost: the images that were done are in the file, and the next call goes on.
 *
 * @param path of the index; it is replaced when the new one is whole.
 * @throws {DataError} no such folder, no image in it that can be decoded; a file at `path` that is damaged, no index, one of
 * `createIndex()`, or cannot be written.
 * @throws {AbortError} the signal fired.
 * @example
 * const { index, added } = await updateIndex('photos.index', { input: 'photos', embedder });
 */
export async function updateIndex(path: string, options: UpdateIndexOptions): Promise<IndexUpdate> {
  const resolved = resolveOptions('updateIndex', declared, options);
  expectString('path', path);
  const { embedder, signal, onProgress } = resolved;
  throwIfAborted(signal);
  const root = resolve(resolved.input);
  await expectFolder('input', root);
  const found = await listImages(root, signal);
  const about = { root, model: embedder.info.model };
  const { old, rebuilt } = await openOld(path, about, embedder.dim);
  const rows = new Rows(old, root, resolved);
  const kept = found.filter((file) => rows.has(file)).length;
  const same = old?.root === root && kept === old.length;
  const unchanged = { kept, added: 0, changed: 0, removed: 0 };
  if (same && kept === found.length) {
    await removeOldTemporaries(path);
    return { index: old, ...unchanged, skipped: [] };
  }

  const writer = await IndexWriter.create(path, embedder.dim, about);
  let open = old;
  try {
    let done = 0;
    for await (const row of mapOrdered(found, kUnderWay, (file) => rows.of(file))) {
      if (row !== undefined) await writer.append(row, found[done] as IndexedFile);
      done++;
      onProgress?.(done, found.length);
    }
    const { added, changed, skipped, stopped } = rows;
    const made = added + changed;
    if (stopped !== undefined && made === 0) throw stopped;
    if (same && made === 0) {
      open = undefined; // it goes to the caller
      return { index: old, ...unchanged, skipped };
    }
    if (writer.rows === 0)
      throw new DataError(`${root}: no image of ${found.length} could be decoded: ${skipped[0]?.reason}`);
    await writer.finish();
    await old?.close(); // Windows replaces no file that is mapped
    open = undefined;
    await writer.publish();
    if (stopped !== undefined) throw stopped;
    const removed = (old?.length ?? 0) - kept - changed;
    const counts = { kept, added, changed, removed, skipped };
    return { index: await openIndex(path, { root }), ...counts, ...(rebuilt !== undefined && { rebuilt }) };
  } finally {
    await writer.discard();
    await open?.close();
  }
}

/** The rows of a new index: taken over from the old one, or made. */
class Rows {
  added = 0;
  changed = 0;
  readonly skipped: SkippedFile[] = [];
  /** Since the signal fired, rows are taken over, and none is made. */
  stopped: AbortError | undefined;
  readonly #known: ReadonlyMap<string, IndexedFile & { readonly row: number }>;
  readonly #old: ((row: number) => Promise<Float32Array>) | undefined;
  readonly #root: string;
  readonly #options: ResolvedOf<typeof declared>;

  constructor(old: FeatureIndex | undefined, root: string, options: ResolvedOf<typeof declared>) {
    this.#known = new Map(old?.files.map((file, row) => [file.name, { ...file, row }]));
    this.#old = old && rowReader(old);
    this.#root = root;
    this.#options = options;
  }

  /** Whether the old index has the file as it is now. */
  has({ name, size, modified }: IndexedFile): boolean {
    const known = this.#known.get(name);
    return known?.size === size && known.modified === modified;
  }

  /** Of length 1; undefined for a file that is left out. */
  async of(file: IndexedFile): Promise<Float32Array | undefined> {
    const known = this.#known.get(file.name);
    if (known !== undefined && this.has(file)) return this.#old?.(known.row);
    const source = join(this.#root, file.name);
    const { embedder, signal, onSkip } = this.#options;
    try {
      const unit = unitOf(await embedder.embedFile(source, signal && { signal }));
      if (unit === undefined) throw new DataError(`${source}: its features are all zero, or not finite`);
      this[known === undefined ? 'added' : 'changed']++;
      return unit;
    } catch (error) {
      if (error instanceof AbortError) this.stopped ??= error;
      else if (!(error instanceof DataError)) throw error;
      else {
        const skipped = { file: source, reason: error.message };
        this.skipped.push(skipped);
        onSkip?.(skipped);
      }
      return undefined;
    }
  }
}

/** @throws {DataError} there are none. */
async function listImages(root: string, signal: AbortSignal | undefined): Promise<IndexedFile[]> {
  const { images } = await walkFolder(root);
  if (images.length === 0) throw new DataError(`${root}: no images (${kImageExtensions.join(', ')}) below this folder`);
  const files: IndexedFile[] = [];
  for await (const stats of mapOrdered(images, kUnderWay, (image) => statOrUndefined(image))) {
    throwIfAborted(signal);
    const name = relative(root, images[files.length] as string)
      .split(sep)
      .join('/');
    files.push({ name, size: stats?.size ?? 0, modified: stats?.mtimeMs ?? 0 }); // one that is gone fails when it is read
  }
  return files;
}

/**
 * The index that is there, or why it is of no use.
 * @throws {DataError} a file that is no index, or one of `createIndex()`: there may be no other copy of what it holds.
 */
async function openOld(
  path: string,
  { root, model }: { readonly root: string; readonly model: string },
  dim: number,
): Promise<{ old?: FeatureIndex; rebuilt?: string }> {
  const stats = await statOrUndefined(path);
  if (stats === undefined) return {};
  if (!stats.isFile()) throw new DataError(`${path}: is not a file`);
  const old = await openIndex(path, { root }).catch((error: unknown) => {
    throw new DataError(`${messageOf(error)}; name another file, or delete this one to have it made anew`, {
      cause: error,
    });
  });
  if (old.model === model && old.dim === dim) return { old };
  await old.close();
  if (old.model === undefined)
    throw new DataError(`${path}: holds vectors of createIndex(), which cannot be made anew; name another file`);
  return { rebuilt: 'its features are of another model' };
}

/** Rows by number. A block is read at once, as most are asked for in order. */
function rowReader(index: FeatureIndex): (row: number) => Promise<Float32Array> {
  let begin = -1;
  let block: Promise<Float32Array> | undefined;
  return async (row) => {
    const first = row - (row % kBlock);
    if (first !== begin) {
      begin = first;
      block = index.rows(first, Math.min(kBlock, index.length - first));
    }
    const at = (row - first) * index.dim;
    return ((await block) as Float32Array).subarray(at, at + index.dim);
  };
}
