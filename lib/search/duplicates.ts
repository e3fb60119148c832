/** Images that are the same, or nearly, by the cosine of their features. */
import { join } from 'node:path';
import { statOrUndefined } from '../data/files.ts';
import { inTurn, type Part, partsOf, progressOptions } from '../evaluate/in-turn.ts';
import { readIndices } from '../evaluate/labelled.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { fileDigest } from '../serve/model-mark.ts';
import { noGrad, tidy, withoutModes } from '../tensor/modes.ts';
import { throwIfAborted } from '../validate.ts';
import { expectIndex, type FeatureIndex } from './feature-index.ts';
import type { IndexedFile } from './index-file.ts';
import { cosineOf } from './unit-vector.ts';

export const duplicateOptions = {
  /** Least cosine of two images that belong together, above 0, at most 1. Default 0.95. */
  threshold: {
    ...{ type: 'number', default: 0.95, above: 0, max: 1, value: 'COSINE' },
    help: 'the least that two images of a group may be alike',
  },
  ...progressOptions,
} as const satisfies OptionTable;

export interface DuplicateOptions extends OptionsOf<typeof duplicateOptions> {}

export interface Duplicate {
  /** Row of the index. */
  readonly number: number;
  readonly name: string;
  /** With the image of its group that it is most like. */
  readonly cosine: number;
  /** Another file of its group has the same bytes now; never so of files that have another size than when they were indexed. */
  readonly identical: boolean;
}

/** Rows of a side of a block of pairs: 4 million cosines, a few ms. */
const kSide = 2048;

interface Block {
  readonly rows: Part;
  readonly columns: Part;
}

/** Pairs of a block that are alike. */
interface Pairs {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly cosines: Float32Array;
}

/**
 * Groups of images of which each is at least as like another of its group as `threshold`: the connected components of those
 * pairs. All pairs are compared, exactly: 100 000 images of dim 128 take some seconds. Progress counts blocks of pairs.
 *
 * @returns groups of two or more, the largest first, each in the order of the index.
 * @throws {OptionError} a wrong option. @throws {AbortError} the signal fired.
 * @example
 * for (const [first, ...copies] of await findDuplicates(index)) console.log(first.name, copies.length);
 */
export async function findDuplicates(index: FeatureIndex, options: DuplicateOptions = {}): Promise<Duplicate[][]> {
  const { threshold, signal, onProgress } = resolveOptions('findDuplicates', duplicateOptions, options);
  throwIfAborted(signal);
  const groups = new Groups(expectIndex(index).length);
  const parts = partsOf(index.length, kSide);
  const blocks = parts.flatMap((rows, i) => parts.slice(i).map((columns) => ({ rows, columns })));
  let done = 0;
  for await (const pairs of inTurn(blocks, (block) => pairsOf(index, block, threshold), signal)) {
    for (const [i, row] of pairs.rows.entries())
      groups.join(row, pairs.columns[i] as number, pairs.cosines[i] as number);
    done++;
    onProgress?.(done, blocks.length);
  }
  const found: Duplicate[][] = [];
  for (const members of groups.list()) {
    const identical = await identicalAmong(index, members, signal);
    found.push(
      members.map((number) => {
        const { name } = index.files[number] as IndexedFile;
        return { number, name, cosine: groups.nearest[number] as number, identical: identical.has(number) };
      }),
    );
  }
  return found;
}

/** Each pair once: the block is on the diagonal or above it. */
function pairsOf({ features }: FeatureIndex, { rows, columns }: Block, threshold: number): Promise<Pairs> {
  const find = (): Promise<Pairs> =>
    noGrad(async () => {
      const all = features.narrow(0, rows.begin, rows.size).matmul(features.narrow(0, columns.begin, columns.size).t());
      const cosines = rows.begin === columns.begin ? all.triu(1) : all;
      const alike = cosines.ge(threshold - kRounding);
      const isSome = await alike.any().item();
      if (!isSome) return { rows: new Int32Array(), columns: new Int32Array(), cosines: new Float32Array() };
      const places = alike.nonzero();
      const values = (await cosines.maskedSelect(alike).data()) as Float32Array;
      const at = async (axis: number, begin: number): Promise<Int32Array> =>
        (await readIndices(places.select(1, axis).contiguous())).map((place) => begin + place);
      return { rows: await at(0, rows.begin), columns: await at(1, columns.begin), cosines: values };
    });
  return withoutModes(() => tidy(find));
}

/** Of a cosine of equal rows in float32. */
const kRounding = 1e-6;

/** Union and find, with the largest cosine of each row to another of its group. */
class Groups {
  readonly nearest: Float32Array;
  readonly #parents: Int32Array;

  constructor(count: number) {
    this.nearest = new Float32Array(count);
    this.#parents = Int32Array.from({ length: count }, (_, i) => i);
  }

  join(a: number, b: number, cosine: number): void {
    for (const row of [a, b]) this.nearest[row] = Math.max(this.nearest[row] as number, cosineOf(cosine));
    const [first, second] = [this.#root(a), this.#root(b)];
    this.#parents[Math.max(first, second)] = Math.min(first, second);
  }

  /** Those of two or more, the largest first. */
  list(): number[][] {
    const members = new Map<number, number[]>();
    for (const [row, cosine] of this.nearest.entries())
      if (cosine > 0) {
        const root = this.#root(row);
        const group = members.get(root);
        if (group === undefined) members.set(root, [row]);
        else group.push(row);
      }
    return [...members.values()].sort((a, b) => b.length - a.length);
  }

  #root(row: number): number {
    let root = row;
    while (this.#parents[root] !== root) {
      this.#parents[root] = this.#parents[this.#parents[root] as number] as number;
      root = this.#parents[root] as number;
    }
    return root;
  }
}

/** Those of which another has the same bytes; files that are gone or have changed are like none. */
async function identicalAmong(
  { root, files }: FeatureIndex,
  members: readonly number[],
  signal: AbortSignal | undefined,
): Promise<Set<number>> {
  const identical = new Set<number>();
  if (root === undefined) return identical;
  const seen = new Map<string, number>();
  const ofSize = new Map<number, number>();
  for (const number of members) {
    const { size } = files[number] as IndexedFile;
    ofSize.set(size, (ofSize.get(size) ?? 0) + 1);
  }
  for (const number of members) {
    throwIfAborted(signal);
    const { name, size } = files[number] as IndexedFile;
    if (ofSize.get(size) === 1) continue;
    const path = join(root, name);
    const stats = await statOrUndefined(path);
    if (!stats?.isFile() || stats.size !== size) continue; // the index may be a stranger's: a pipe would block
    const digest = await fileDigest(path).catch(() => undefined);
    if (digest === undefined) continue;
    const other = seen.get(digest);
    if (other === undefined) seen.set(digest, number);
    else identical.add(other).add(number);
  }
  return identical;
}
