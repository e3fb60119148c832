/** What `contrastive search` finds in an index: printed, as records, and for a page. */
import { realpath } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { statOrUndefined } from '../data/files.ts';
import { walkFolder } from '../data/walk.ts';
import { DataError } from '../errors.ts';
import { findDuplicates } from '../search/duplicates.ts';
import type { FeatureIndex, Neighbour } from '../search/feature-index.ts';
import { findOutliers } from '../search/outliers.ts';
import type { Embedder } from '../serve/embedder.ts';
import { counted, formatTable } from './format.ts';
import { shortPath } from './index-option.ts';
import type { Output } from './output.ts';
import type { Shot, Shots } from './search-page.ts';

export interface FindContext {
  readonly options: {
    readonly duplicates: boolean;
    readonly k?: number | undefined;
    readonly threshold: number;
    readonly limit: number;
  };
  readonly signal: AbortSignal;
  readonly output: Output;
}

/** The images of --query. @throws {DataError} there are none. */
export async function queriesOf(query: string): Promise<string[]> {
  const stats = await statOrUndefined(query);
  if (stats === undefined) throw new DataError(`${query}: there is no such file or folder`);
  if (!stats.isDirectory()) return [query];
  const { images: paths } = await walkFolder(query);
  if (paths.length === 0) throw new DataError(`${query}: no images below this folder`);
  return paths;
}

/** What was found, for a page. */
export interface Found {
  readonly title: string;
  readonly lead: string;
  readonly groups: readonly Shots[];
}

/** How an image of the index is shown: without its picture, where the index says itself in which folder that lies. */
const shotOf = (
  { root = '', hasPictures }: FeatureIndex,
  { name, cosine }: Omit<Neighbour, 'number'>,
  more = '',
): Shot => ({
  ...(hasPictures && { path: join(root, name) }),
  name,
  note: `${more}${more && ', '}${cosine.toFixed(4)}`,
});

/** What is most like each query. @throws {DataError} none of them can be decoded. */
export async function findLike(
  { options, signal, output }: FindContext,
  index: FeatureIndex,
  embedder: Embedder,
  queries: readonly string[],
): Promise<Found> {
  const k = options.k ?? 10;
  const numbers = new Map(index.files.map(({ name }, number) => [name, number]));
  const groups: Shots[] = [];
  for (const path of queries) {
    const vector = await embedder.embedFile(path, { signal }).catch((error: unknown) => {
      if (!(error instanceof DataError) || queries.length === 1) throw error;
      output.warn(`${error.message}; skipped`);
    });
    if (vector === undefined) continue;
    const self = (await namesOf(path, index)).map((name) => numbers.get(name)).find((number) => number !== undefined);
    const found = await index.search(vector, { k: self === undefined ? k : k + 1, signal });
    const neighbours = found.filter(({ number }) => number !== self).slice(0, k);
    output.print(`\n${path}\n${tableOf(index, neighbours)}`);
    output.emit({ query: path, neighbours });
    const asked = { path, name: basename(path), note: 'query' };
    const title = queries.length === 1 ? `${counted(neighbours.length, 'image')}, nearest first` : path;
    groups.push({ title, asked, shots: neighbours.map((each) => shotOf(index, each)) });
  }
  if (groups.length === 0) throw new DataError(`none of ${queries.length} queries could be decoded`);
  const lead = 'The images whose features have the largest cosine with those of the query, nearest first.';
  const [first, ...others] = queries as [string, ...string[]];
  return { title: `Like ${basename(first)}${others.length === 0 ? '' : ` and ${others.length} more`}`, lead, groups };
}

/** What a file would be called in the index, as it is named and with its links followed: it is no neighbour of itself. */
async function namesOf(path: string, { root }: FeatureIndex): Promise<string[]> {
  if (root === undefined) return [];
  const named = relative(root, resolve(path));
  const real = relative(await realpath(root).catch(() => root), await realpath(path).catch(() => path));
  return [named, real].map((name) => name.split(sep).join('/'));
}

const tableOf = (
  { root = '' }: FeatureIndex,
  rows: readonly { readonly name: string; readonly cosine: number }[],
): string =>
  formatTable([
    ['cosine', 'image'],
    ...rows.map(({ name, cosine }) => [cosine.toFixed(4), shortPath(join(root, name))]),
  ]);

/** Images below which a large group says nothing of the encoder. */
const kEnoughToTell = 20;

/** Groups of images that are alike. */
export async function findSame({ options, signal, output }: FindContext, index: FeatureIndex): Promise<Found> {
  const { threshold } = options;
  const groups = await findDuplicates(index, { threshold, signal, onProgress: progressOf(output) });
  output.progress.done();
  output.emit({ threshold, groups });
  const count = groups.reduce((sum, { length }) => sum + length, 0);
  const lead =
    groups.length === 0
      ? `No two images have a cosine of ${threshold} or more.`
      : `${counted(groups.length, 'group')}, ${count} of ${counted(index.length, 'image')}, cosine ${threshold} or more.`;
  const { root = '' } = index;
  const rows = groups.flatMap((group, i) =>
    group.map(({ name, cosine, identical }) => [
      String(i + 1),
      cosine.toFixed(4),
      identical ? 'same file' : '',
      shortPath(join(root, name)),
    ]),
  );
  output.print(`\n${lead}${rows.length === 0 ? '' : `\n${formatTable([['group', 'cosine', '', 'image'], ...rows])}`}`);
  if (index.length >= kEnoughToTell && (groups[0]?.length ?? 0) > index.length / 2)
    output.warn('more than half of the images are one group: to this encoder they are alike; raise --threshold');
  const title = (i: number): string => `Group ${i + 1}: ${counted(groups[i]?.length ?? 0, 'image')}`;
  return {
    title: 'Duplicates',
    lead,
    groups: groups.map((group, i) => ({
      title: title(i),
      shots: group.map((each) => shotOf(index, each, each.identical ? 'same file' : '')),
    })),
  };
}

/** Images that are like no other. */
export async function findStrange({ options, signal, output }: FindContext, index: FeatureIndex): Promise<Found> {
  const k = options.k ?? 5;
  const all = await findOutliers(index, { k, signal, onProgress: progressOf(output) });
  output.progress.done();
  const outliers = all.slice(0, options.limit);
  output.emit({ k, outliers });
  output.print(`\n${tableOf(index, outliers)}`);
  return {
    title: 'Outliers',
    lead: `The images that are least like their ${k} nearest neighbours, by mean cosine, the strangest first.`,
    groups: [{ title: counted(outliers.length, 'image'), shots: outliers.map((each) => shotOf(index, each)) }],
  };
}

const progressOf =
  ({ progress }: Output) =>
  (done: number, total: number): void => {
    if (done < total) progress.update(() => `${Math.floor((100 * done) / total)} % of the pairs are compared`);
  };
