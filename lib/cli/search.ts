/** `contrastive search`: the images of a folder that are like another one, like each other, or like none. */
import { mkdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { statOrUndefined } from '../data/files.ts';
import { walkFolder } from '../data/walk.ts';
import { DataError, messageOf, OptionError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import { findDuplicates } from '../search/duplicates.ts';
import { type FeatureIndex, type Neighbour, openIndex } from '../search/feature-index.ts';
import { modelMark } from '../search/model-mark.ts';
import { findOutliers } from '../search/outliers.ts';
import { type IndexUpdate, updateIndex } from '../search/update-index.ts';
import { createEmbedder, type Embedder } from '../serve/embedder.ts';
import { type CommandContext, defineCommand, type OptionTable } from './command.ts';
import { formatDuration, formatTable } from './format.ts';
import type { Output } from './output.ts';
import { renderFound, type Shot, type Shots } from './search-page.ts';
import { floatType, ofDevice, positive } from './shared-options.ts';
import { ofSource, printLoaded, sourceHelp, sourceOf } from './source-option.ts';

/** An index of a folder, as more than one command takes it. */
export const ofIndex = {
  index: {
    type: 'string',
    value: 'FILE',
    help: 'where the features of --input are kept; default FOLDER.index beside it',
  },
} as const satisfies OptionTable;

const searchOptions = {
  ...ofSource,
  input: { type: 'string', value: 'FOLDER', help: 'the images that are searched' },
  query: { type: 'string', value: 'PATH', help: 'an image, or a folder of them, whose like is wanted' },
  duplicates: { type: 'boolean', help: 'groups of images that are the same, or nearly' },
  outliers: { type: 'boolean', help: 'images that are like no other' },
  k: { ...positive, help: 'neighbours of each image; default 10, with --outliers 5' },
  threshold: {
    type: 'number',
    value: 'COSINE',
    default: 0.95,
    above: 0,
    max: 1,
    help: 'with --duplicates: the least that two images of a group may be alike',
  },
  limit: { ...positive, default: 20, help: 'with --outliers: how many to show' },
  ...ofIndex,
  out: {
    type: 'string',
    short: 'o',
    value: 'FILE',
    help: 'write what was found as a page with pictures, a name in .html',
  },
  batchSize: { ...positive, default: 64, help: 'images a forward pass' },
  precision: { ...floatType, default: 'auto', help: 'of the forward pass; auto: the faster one here' },
  ...ofDevice,
} as const satisfies OptionTable;

type Context = CommandContext<typeof searchOptions>;

export const command = defineCommand({
  name: 'search',
  summary: 'find the images that are like another, duplicates, or what is like no other',
  positionals: '[RUN] [FOLDER]',
  maxPositionals: 2,
  help: `
Compares images by the cosine of their features: 1 for the same, near 0 for unlike ones. One of
  --query PATH    the images of the folder that are most like this one
  --duplicates    groups of images that are the same, or nearly; "same file" is said of equal bytes
  --outliers      the images with the lowest mean cosine to their nearest neighbours

The features are kept in an index, FOLDER.index beside the folder unless --index names another file. It notices what was added, changed (by size and time) and removed, and only that is computed; an index of another run is made anew. With --index and without a folder, the index is taken as it is. The search is exact. What a Ctrl-C stops is kept, and the next call goes on.

${sourceHelp} An image that cannot be decoded is left out with a warning. What is typed without a flag is --run and then --input.

With --json, a record for the index (images, dim, kept, added, changed, removed, skipped) and one for each query { query, neighbours: [{ name, cosine, number }] }, or { threshold, groups }, or { k, outliers }; names are below the folder.`,
  examples: [
    {
      run: 'contrastive search runs/photos photos --query cat.jpg --out cat.html',
      explains: 'The ten images below photos/ that are most like cat.jpg, by the encoder of a run; also as a page.',
    },
    {
      run: 'contrastive search runs/photos photos --duplicates --threshold 0.98',
      explains: 'What is there twice, or nearly.',
    },
    {
      run: 'contrastive search photos --encoder resnet50 --weights resnet50-11ad3fa6.pth --outliers',
      explains: "The strangest images, by torchvision's features of ImageNet.",
    },
    {
      run: 'contrastive search --index photos.index --duplicates --json',
      explains: 'Of an index that is there, without an encoder.',
    },
  ],
  options: searchOptions,
  async run(context) {
    const { options, output } = context;
    const wanted = [options.query !== undefined, options.duplicates, options.outliers].filter(Boolean).length;
    if (wanted !== 1) throw new OptionError('give one of --query PATH, --duplicates and --outliers');
    const out = options.out === undefined ? undefined : await placeFor(options.out);
    const place = placesOf(context);
    const needsEncoder = place.input !== undefined || options.query !== undefined;
    const embedder = needsEncoder ? await loadEmbedder(context, place) : undefined;
    try {
      await using index = await openFor(context, place, embedder);
      const found = await find(context, index, embedder);
      if (out !== undefined) await writePage(out, index, found, context);
    } finally {
      output.progress.done();
      await embedder?.close();
    }
  },
});

interface Places {
  readonly run: string | undefined;
  readonly input: string | undefined;
  readonly index: string;
}

/** What was typed without a flag stands for --run, then for --input. */
function placesOf({ options, positionals }: Context): Places {
  const rest = [...positionals];
  const run =
    options.run ?? (options.encoder === undefined && options.weights === undefined ? rest.shift() : undefined);
  const input = options.input ?? rest.shift();
  if (rest.length > 0) throw new OptionError(`--run and --input are given, and '${rest[0]}' besides`);
  const index = options.index ?? (input === undefined ? undefined : `${resolve(input)}.index`);
  if (index === undefined) throw new OptionError('give the folder that is searched, --input FOLDER, or --index FILE');
  return { run, input, index };
}

async function loadEmbedder({ options, output }: Context, { run }: Places): Promise<Embedder> {
  const { batchSize, precision, device } = options;
  const source = sourceOf({ ...options, run });
  const embedder = await createEmbedder({
    ...source,
    ...{ precision, device, maxBatch: batchSize },
    maxWaitMs: 250, // full batches matter more than a quick first row
    priority: 'bulk',
  });
  printLoaded(embedder.info, output);
  return embedder;
}

/** The index, up to date where there is a folder. @throws {DataError} an index of another model than the encoder's. */
async function openFor({ signal, output }: Context, places: Places, embedder: Embedder | undefined) {
  const { input, index: path } = places;
  if (input !== undefined && embedder !== undefined) return openUpdated(path, input, { embedder, signal, output });
  const index = await openIndex(path);
  if (embedder !== undefined && index.model !== (await modelMark(embedder.info))) {
    await index.close();
    throw new DataError(`${path}: its features are of another model; give --input FOLDER to have it made anew`);
  }
  output.emit({ index: path, images: index.length, dim: index.dim });
  return index;
}

/** Makes or updates the index of a folder, and says what changed. */
export async function openUpdated(
  path: string,
  input: string,
  { embedder, signal, output }: { embedder: Embedder; signal: AbortSignal; output: Output },
): Promise<FeatureIndex> {
  const started = performance.now();
  const update = await updateIndex(path, {
    input,
    embedder,
    signal,
    onSkip: ({ reason }) => output.warn(`${reason}; skipped`),
    onProgress: (done, total) =>
      output.progress.update(() => {
        const left = ((performance.now() - started) / 1000 / done) * (total - done);
        return `${done} of ${total} images, ${formatDuration(left)} left`;
      }),
  });
  output.progress.done();
  const { index, rebuilt, skipped, kept, added, changed, removed } = update;
  if (rebuilt !== undefined) output.warn(`${path}: ${rebuilt}; made anew`);
  output.print(`${shortPath(path)}: ${images(index.length)}, ${index.dim} features each; ${changesOf(update)}`);
  const counts = { kept, added, changed, removed, skipped: skipped.length };
  output.emit({ index: path, images: index.length, dim: index.dim, ...counts, ...(rebuilt && { rebuilt }) });
  return index;
}

function changesOf({ kept, added, changed, removed, skipped }: IndexUpdate): string {
  const parts = Object.entries({ added, changed, removed, skipped: skipped.length }).filter(([, count]) => count > 0);
  if (parts.length === 0) return 'nothing has changed';
  return [...parts, ...(kept > 0 ? [['kept', kept] as const] : [])].map(([what, n]) => `${n} ${what}`).join(', ');
}

const images = (count: number): string => `${count} ${count === 1 ? 'image' : 'images'}`;
/** As short as it can be typed here. */
const shortPath = (path: string): string => {
  const short = relative('', path);
  return short.startsWith('..') ? path : short;
};

interface Found {
  readonly title: string;
  readonly lead: string;
  readonly groups: readonly Shots[];
}

const find = (context: Context, index: FeatureIndex, embedder: Embedder | undefined): Promise<Found> => {
  if (embedder !== undefined && context.options.query !== undefined)
    return findLike(context, index, embedder, context.options.query);
  return context.options.duplicates ? findSame(context, index) : findStrange(context, index);
};

/** How an image of the index is shown. */
const shotOf = ({ root = '' }: FeatureIndex, { name, cosine }: Omit<Neighbour, 'number'>, more = ''): Shot => ({
  path: join(root, name),
  name,
  note: `${more}${more && ', '}${cosine.toFixed(3)}`,
});

async function findLike(
  { options, signal, output }: Context,
  index: FeatureIndex,
  embedder: Embedder,
  query: string,
): Promise<Found> {
  const stats = await statOrUndefined(query);
  if (stats === undefined) throw new DataError(`${query}: there is no such file or folder`);
  const paths = stats.isDirectory() ? (await walkFolder(query)).images : [query];
  if (paths.length === 0) throw new DataError(`${query}: no images below this folder`);
  const k = options.k ?? 10;
  const groups: Shots[] = [];
  for (const path of paths) {
    const vector = await embedder.embedFile(path, { signal });
    const self = await numberOf(path, index);
    const found = await index.search(vector, { k: self === undefined ? k : k + 1, signal });
    const neighbours = found.filter(({ number }) => number !== self).slice(0, k);
    output.print(`\n${path}\n${tableOf(index, neighbours)}`);
    output.emit({ query: path, neighbours });
    const asked = { path, name: basename(path), note: 'query' };
    groups.push({ title: path, asked, shots: neighbours.map((each) => shotOf(index, each)) });
  }
  const lead =
    'The images of the folder whose features have the largest cosine with those of the query, nearest first.';
  return { title: paths.length === 1 ? `Like ${basename(query)}` : `Like the images of ${query}`, lead, groups };
}

/** The row of a file that is in the index: it is no neighbour of itself. */
async function numberOf(path: string, { root, files }: FeatureIndex): Promise<number | undefined> {
  if (root === undefined) return undefined;
  const real = await realpath(path);
  const name = relative(await realpath(root).catch(() => root), real).replaceAll('\\', '/');
  const number = files.findIndex((file) => file.name === name);
  return number === -1 ? undefined : number;
}

const tableOf = (
  { root = '' }: FeatureIndex,
  rows: readonly { readonly name: string; readonly cosine: number }[],
): string =>
  formatTable([
    ['cosine', 'image'],
    ...rows.map(({ name, cosine }) => [cosine.toFixed(4), shortPath(join(root, name))]),
  ]);

async function findSame({ options, signal, output }: Context, index: FeatureIndex): Promise<Found> {
  const { threshold } = options;
  const groups = await findDuplicates(index, { threshold, signal, onProgress: progressOf(output, 'blocks of pairs') });
  output.progress.done();
  output.emit({ threshold, groups });
  const count = groups.reduce((sum, { length }) => sum + length, 0);
  const lead =
    groups.length === 0
      ? `No two images have a cosine of ${threshold} or more.`
      : `${groups.length} ${groups.length === 1 ? 'group' : 'groups'}, ${count} of ${images(index.length)}, cosine ${threshold} or more.`;
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
  if ((groups[0]?.length ?? 0) > index.length / 2)
    output.warn('more than half of the images are one group: to this encoder they are alike; raise --threshold');
  const title = (i: number): string => `Group ${i + 1}: ${images(groups[i]?.length ?? 0)}`;
  return {
    title: 'Duplicates',
    lead,
    groups: groups.map((group, i) => ({
      title: title(i),
      shots: group.map((each) => shotOf(index, each, each.identical ? 'same file' : '')),
    })),
  };
}

async function findStrange({ options, signal, output }: Context, index: FeatureIndex): Promise<Found> {
  const k = options.k ?? 5;
  const all = await findOutliers(index, { k, signal, onProgress: progressOf(output, 'images') });
  output.progress.done();
  const outliers = all.slice(0, options.limit);
  output.emit({ k, outliers });
  output.print(`\n${tableOf(index, outliers)}`);
  return {
    title: 'Outliers',
    lead: `The images that are least like their ${k} nearest neighbours, by mean cosine, the strangest first.`,
    groups: [{ title: images(outliers.length), shots: outliers.map((each) => shotOf(index, each)) }],
  };
}

const progressOf =
  ({ progress }: Output, unit: string) =>
  (done: number, total: number): void =>
    progress.update(`${done} of ${total} ${unit} compared`);

/** The absolute path to write to. @throws {OptionError} a name of another kind. */
async function placeFor(out: string): Promise<string> {
  const path = resolve(out);
  if (!/\.html?$/i.test(path)) throw new OptionError(`--out must be a name in .html, got '${out}'`);
  if ((await statOrUndefined(path))?.isDirectory()) throw new DataError(`${path}: is a folder`);
  return path;
}

async function writePage(out: string, index: FeatureIndex, found: Found, { signal, output }: Context): Promise<void> {
  const facts = [
    { label: 'Images searched', value: String(index.length) },
    { label: 'Folder', value: index.root === undefined ? 'none' : shortPath(index.root) || '.' },
    { label: 'Features', value: String(index.dim) },
  ];
  const page = await renderFound({ ...found, facts }, signal);
  try {
    await mkdir(dirname(out), { recursive: true });
    await writeFileAtomic(out, page);
  } catch (error) {
    throw new DataError(`${out}: cannot be written: ${messageOf(error)}`, { cause: error });
  }
  output.print(`\n${shortPath(out)}`);
  output.emit({ out });
}
