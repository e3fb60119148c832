/** `contrastive search`: the images of a folder that are like another one, like each other, or like none. */

import { OptionError } from '../errors.ts';
import { countOption } from '../options/kinds.ts';
import { duplicateOptions } from '../search/duplicates.ts';
import { type FeatureIndex, searchOptions as neighbourOptions } from '../search/feature-index.ts';
import { createEmbedder, type Embedder } from '../serve/embedder.ts';
import type { EncoderSource } from '../serve/encoder-source.ts';
import { type CommandContext, defineCommand, type OptionTable } from './command.ts';
import { folderOfRun } from './data-option.ts';
import { flag } from './flag.ts';
import { indexOf, ofIndex, openGiven, shortPath, withoutPictures } from './index-option.ts';
import { setMachine } from './machine.ts';
import { placeFor, writeOutput } from './output-file.ts';
import { type Found, findLike, findSame, findStrange, queriesOf } from './search-find.ts';
import { renderFound } from './search-page.ts';
import { ofBatches, ofDevice } from './shared-options.ts';
import { ofSource, printLoaded, sourceHelp, sourceOf } from './source-option.ts';

const searchOptions = {
  ...ofSource,
  input: {
    type: 'string',
    value: 'FOLDER',
    help: "the images that are searched; default the folder of the run's data",
  },
  query: { type: 'string', value: 'PATH', help: 'an image, or a folder of them, whose like is wanted' },
  duplicates: { type: 'boolean', help: 'groups of images that are the same, or nearly' },
  outliers: { type: 'boolean', help: 'images that are like no other' },
  k: flag(neighbourOptions.k, { usual: '10, with --outliers 5' }),
  threshold: flag(duplicateOptions.threshold, {
    help: `with --duplicates: ${duplicateOptions.threshold.help}`,
  }),
  limit: flag(countOption, { default: 20, help: 'with --outliers: how many to show' }),
  ...ofIndex,
  out: {
    type: 'string',
    short: 'o',
    value: 'FILE',
    help: 'write what was found as a page with pictures, a name in .html',
  },
  ...ofBatches,
  ...ofDevice,
} as const satisfies OptionTable;

type Context = CommandContext<typeof searchOptions>;

export const command = defineCommand({
  name: 'search',
  summary: 'find the images that are like another, duplicates, or what is like no other',
  places: ['run', 'input'],
  help: `
Compares images by the cosine of their features: 1 for the same, near 0 for unlike ones. One of
  --query PATH    the images of the folder that are most like this one
  --duplicates    groups of images that are the same, or nearly; "same file" is said of equal bytes
  --outliers      the images with the lowest mean cosine to their nearest neighbours

The features are kept in an index, FOLDER.index beside the folder unless --index names another file. It notices what was added, changed (by size and time) and removed, and only that is computed; an index of another run is made anew. With --index and no folder, or no run, the index is taken as it is. The search is exact. What a Ctrl-C stops is kept, and the next call goes on.

${sourceHelp} An image that cannot be decoded is left out with a warning.

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
      run: 'contrastive search --encoder resnet50 --weights resnet50-11ad3fa6.pth --input photos --outliers',
      explains: "The strangest images, by torchvision's features of ImageNet.",
    },
    {
      run: 'contrastive search --index photos.index --duplicates --json',
      explains: 'Of an index that is there, without an encoder.',
    },
  ],
  options: searchOptions,
  async run(context) {
    const { options, signal, output } = context;
    checkJob(context);
    const out = options.out === undefined ? undefined : await placeFor(options.out, '--out', '.html');
    const places = await placesOf(options);
    const isOfEncoder = options.run !== undefined || options.encoder !== undefined || options.weights !== undefined;
    const isUpdated = places.input !== undefined && (options.index === undefined || isOfEncoder);
    const source = isUpdated || options.query !== undefined ? await sourceOf(options) : undefined;
    const queries = options.query === undefined ? [] : await queriesOf(options.query);
    const embedder = source && (await loadEmbedder(source, context));
    try {
      await using index = await openGiven(places, { embedder, signal, output });
      const found =
        embedder !== undefined && queries.length > 0
          ? await findLike(context, index, embedder, queries)
          : await (options.duplicates ? findSame : findStrange)(context, index);
      if (out !== undefined) await writePage(out, index, found, context);
    } finally {
      output.progress.done();
      await embedder?.close({ signal: AbortSignal.abort() }); // after a failure nobody waits for the others
    }
  },
});

/** @throws {OptionError} no job or several, or an option of another one. */
function checkJob({ options: { query, duplicates, outliers }, given }: Context): void {
  if ([query !== undefined, duplicates, outliers].filter(Boolean).length !== 1)
    throw new OptionError('give one of --query PATH, --duplicates and --outliers');
  const of = { k: !duplicates, threshold: duplicates, limit: outliers };
  const owners = { k: '--query and --outliers', threshold: '--duplicates', limit: '--outliers' };
  for (const name of ['k', 'threshold', 'limit'] as const)
    if (given.has(name) && !of[name]) throw new OptionError(`--${name} belongs to ${owners[name]}`);
}

interface Places {
  readonly input?: string;
  readonly index: string;
}

/** The folder, that of the run's data where none is named, and its index; or an index alone. */
async function placesOf({ run, input, index }: Context['options']): Promise<Places> {
  if (input === undefined && index !== undefined) return { index };
  const folder = input ?? (await folderOfRun(run));
  return { input: folder, index: index ?? indexOf(folder) };
}

async function loadEmbedder(source: EncoderSource, { options, output }: Context): Promise<Embedder> {
  const { batchSize, precision, device } = options;
  setMachine(options);
  const embedder = await createEmbedder({
    ...source,
    ...{ precision, device, maxBatch: batchSize },
    maxWaitMs: 250, // full batches matter more than a quick first row
    priority: 'bulk',
  });
  printLoaded(embedder.info, output);
  return embedder;
}

async function writePage(out: string, index: FeatureIndex, found: Found, { signal, output }: Context): Promise<void> {
  const unseen = withoutPictures(index);
  if (unseen !== undefined) output.warn(unseen);
  const facts = [
    { label: 'Images searched', value: String(index.length) },
    { label: 'Folder', value: index.root === undefined ? 'none' : shortPath(index.root) || '.' },
    { label: 'Features', value: String(index.dim) },
  ];
  const page = await renderFound({ ...found, facts }, signal);
  await writeOutput(out, page);
  output.print(`\n${shortPath(out)}`);
  output.emit({ out });
}
