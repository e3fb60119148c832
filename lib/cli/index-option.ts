/** The index of a folder of images, as commands take it. */
import { relative, resolve } from 'node:path';
import { DataError } from '../errors.ts';
import { type FeatureIndex, openIndex } from '../search/feature-index.ts';
import { type IndexUpdate, updateIndex } from '../search/update-index.ts';
import type { Embedder } from '../serve/embedder.ts';
import type { OptionTable } from './command.ts';
import { counted } from './format.ts';
import { imageProgress } from './image-progress.ts';
import type { Output } from './output.ts';
import { shellWord } from './train-options.ts';

export const ofIndex = {
  index: {
    type: 'string',
    value: 'FILE',
    help: 'where the features of --input are kept; default FOLDER.index beside it',
  },
} as const satisfies OptionTable;

/** The file that keeps the features of a folder, where none is named. */
export const indexOf = (input: string): string => `${resolve(input)}.index`;

interface Given {
  readonly index: string;
  readonly input?: string | undefined;
}

/**
 * The index, up to date where there is a folder and an embedder; says what is in it.
 * @throws {DataError} an index without its folder, and of another model than the embedder's, or of one that is not known.
 */
export async function openGiven(
  { index: path, input }: Given,
  { embedder, ...context }: { embedder?: Embedder | undefined; signal: AbortSignal; output: Output },
): Promise<FeatureIndex> {
  if (input !== undefined && embedder !== undefined) return openUpdated(path, input, { embedder, ...context });
  const index = await openIndex(path, input === undefined ? {} : { root: input });
  if (embedder !== undefined && index.model !== embedder.info.model) {
    await index.close();
    const why =
      index.model === undefined
        ? 'it does not say which model its features are of'
        : 'its features are of another model; give --input FOLDER to have it made anew';
    throw new DataError(`${path}: ${why}`);
  }
  context.output.emit({ index: path, images: index.length, dim: index.dim });
  return index;
}

/** What to warn of before pictures are shown of an index of another folder than was typed; undefined where they are shown. */
export const withoutPictures = ({ path, root, hasPictures }: FeatureIndex): string | undefined =>
  root === undefined || hasPictures
    ? undefined
    : `${path}: names images in '${root}', which was not typed: the page shows no pictures of them; --input ${shellWord(root)} shows them`;

async function openUpdated(
  path: string,
  input: string,
  { embedder, signal, output }: { embedder: Embedder; signal: AbortSignal; output: Output },
): Promise<FeatureIndex> {
  const update = await updateIndex(path, {
    input,
    embedder,
    signal,
    onSkip: ({ reason }) => output.warn(`${reason}; skipped`),
    onProgress: imageProgress(output, 'indexing'),
  });
  output.progress.done();
  const { index, rebuilt, skipped, kept, added, changed, removed } = update;
  if (rebuilt !== undefined) output.warn(`${path}: ${rebuilt}; made anew`);
  output.print(
    `${shortPath(path)}: ${counted(index.length, 'image')}, ${index.dim} features each; ${changesOf(update)}`,
  );
  const counts = { kept, added, changed, removed, skipped: skipped.length };
  output.emit({ index: path, images: index.length, dim: index.dim, ...counts, ...(rebuilt && { rebuilt }) });
  return index;
}

function changesOf({ kept, added, changed, removed, skipped }: IndexUpdate): string {
  const parts = Object.entries({ added, changed, removed, skipped: skipped.length }).filter(([, count]) => count > 0);
  if (parts.length === 0) return 'nothing has changed';
  return [...parts, ...(kept > 0 ? [['kept', kept] as const] : [])].map(([what, n]) => `${n} ${what}`).join(', ');
}

/** As short as it can be typed here. */
export const shortPath = (path: string): string => {
  const short = relative('', path);
  return short.startsWith('..') ? path : short;
};
