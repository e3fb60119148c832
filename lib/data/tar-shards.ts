/** Archives of images and classes, as WebDataset writes them, as a data set: any image is read from its place in an archive. */
import { open } from 'node:fs/promises';
import { DataError } from '../errors.ts';
import { signalOption } from '../options/kinds.ts';
import type { OptionTable, ResolvedOf } from '../options/option.ts';
import { throwIfAborted } from '../validate.ts';
import { findDamaged, thin } from './chosen-images.ts';
import { checkIndex, type Dataset } from './dataset.ts';
import { type DecodedImage, type DecodeOptions, decodeFrom } from './decode.ts';
import { folder, folderOptions, type SkippedFile } from './folder.ts';
import { datasetOptions, defineDataset, rootOption } from './registry.ts';
import { shardsAt } from './shard-names.ts';
import { readAt } from './tar.ts';
import { readIndex, type TarIndex, type TarSample } from './tar-samples.ts';
import { summarise } from './walk.ts';

const { size, channels, maxPixels, background, onProgress } = folderOptions;

export const tarOptions = {
  /** A folder of .tar files, one of them, or a pattern: 'train-{0000..0009}.tar', 'train-*.tar'. */
  root: rootOption,
  /** Default 'train'. By the names of the archives, where they say one: imagenet-val-00.tar. 'test' is 'val' where there is none. */
  split: folderOptions.split,
  /** Keeps this many images, evenly spaced over the order, so that every class stays. */
  limit: datasetOptions.limit,
  ...{ size, channels, maxPixels, background },
  /** 'throw' (default): an image that cannot be decoded rejects when it is read. 'skip': all are decoded once at loading, bad ones left out. */
  onError: folderOptions.onError,
  /** Ends the loading. */
  signal: signalOption,
  /** Hears of `onError: 'skip'`: how many images are done, of how many. */
  onProgress,
} as const satisfies OptionTable;

export interface TarDataset extends Dataset {
  /** Images that `onError: 'skip'` left out; `reason` names them, `file` their archive. */
  readonly skipped: readonly SkippedFile[];
}

/** Archives that are looked through at once. */
const kAtOnce = 4;

/** What was found in each archive, in their order. */
async function readAll(shards: readonly string[], signal: AbortSignal | undefined): Promise<TarIndex[]> {
  const found = new Array<TarIndex>(shards.length);
  const rest = shards.entries();
  const failed = new AbortController();
  const either = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  const worker = async (): Promise<void> => {
    for (const [i, shard] of rest) {
      throwIfAborted(either);
      found[i] = await readIndex(shard, either);
    }
  };
  try {
    await Promise.all(Array.from({ length: kAtOnce }, worker));
  } finally {
    failed.abort(); // one that is damaged ends the others' reading
  }
  return found;
}

/** Of all samples, or undefined. @throws {DataError} some have one. */
function labelsOf(samples: readonly TarSample[]): Int32Array | undefined {
  const without = samples.findIndex(({ label }) => label === undefined);
  if (without === -1) return Int32Array.from(samples, ({ label }) => label as number);
  if (samples.every(({ label }) => label === undefined)) return undefined;
  const sample = samples[without] as TarSample;
  throw new DataError(`${sample.path}: ${JSON.stringify(sample.name)} has no class (.cls), and others have one`);
}

/** @throws {DataError} it cannot be read or decoded; names it. */
function readImage(sample: TarSample, decoding: DecodeOptions): Promise<DecodedImage> {
  const name = `${sample.path}: ${JSON.stringify(sample.name)}`;
  return decodeFrom({ name, read: () => readBytes(sample) }, decoding);
}

async function readBytes({ path, offset, size }: TarSample): Promise<Uint8Array> {
  const handle = await open(path);
  try {
    const bytes = await readAt(handle, offset, size);
    if (bytes.length < size) throw new Error('the archive has become shorter');
    return bytes;
  } finally {
    await handle.close();
  }
}

/**
 * Images in tar archives. Files one behind the other whose names are equal up to the first dot are a sample: an image, and its class as an
 * integer in `.cls`, or as `label` in `.json`; other files are counted in `leftOut`. The archives are looked through once, headers and classes only;
 * then any order of samples will do, and each process reads what is its own. Compressed archives cannot be read so.
 *
 * @throws {DataError} no archives, none of the split, one that is damaged, or classes for some samples only; names the archive.
 * @throws {AbortError} the signal fired.
 */
export async function tarDataset(options: ResolvedOf<typeof tarOptions>): Promise<TarDataset> {
  const { root, split, limit, onError, signal, size, channels, maxPixels, background } = options;
  const decoding = { maxPixels, background, channels, priority: 'bulk', ...(size !== undefined && { size }) } as const;
  const read = (sample: TarSample): Promise<DecodedImage> => readImage(sample, decoding);
  const { shards, others } = await shardsAt(root, split);
  const found = await readAll(shards, signal);
  const kept = thin(
    found.flatMap((index) => index.samples),
    limit,
  );
  const damaged = onError === 'skip' ? await findDamaged(kept, read, options) : new Map<TarSample, string>();
  const samples = kept.filter((sample) => !damaged.has(sample));
  const skipped = [...damaged].map(([{ path }, reason]) => ({ file: path, reason }));
  if (samples.length === 0)
    throw new DataError(
      `tar: the data set is empty: no images in the archives of '${root}'${damaged.size > 0 ? ` can be decoded: ${skipped[0]?.reason}` : ''}`,
    );
  const labels = labelsOf(samples);
  const leftOut = leftOutOf(found, others, damaged.size);
  return {
    name: 'tar',
    length: samples.length,
    source: shards.length === 1 ? (shards[0] as string) : `${shards.length} archives of ${root}`,
    ...(leftOut.length > 0 && { leftOut }),
    ...(labels && { labels }),
    skipped,
    async get(index) {
      checkIndex('tar', index, samples.length);
      const image = await read(samples[index] as TarSample);
      return labels === undefined ? image : { ...image, label: labels[index] as number };
    },
  };
}

/** For people to read. */
function leftOutOf(found: readonly TarIndex[], others: readonly string[], damaged: number): string[] {
  const withoutImage = found.reduce((sum, index) => sum + index.withoutImage, 0);
  return [
    ...summarise(others),
    ...summarise(found.flatMap((index) => index.endings.map((ending) => `file${ending}`))),
    ...(withoutImage > 0 ? [`${withoutImage} ${withoutImage === 1 ? 'sample' : 'samples'} without an image`] : []),
    ...(damaged > 0 ? [`${damaged} damaged ${damaged === 1 ? 'image' : 'images'}`] : []),
  ];
}

/** The figures are ImageNet's, as torchvision quotes them. */
defineDataset({
  name: 'tar',
  input: folder.input,
  help: [
    [
      'tar:DIR|PATTERN',
      "WebDataset's archives: KEY.jpg (or another image) beside KEY.cls, its class as an integer, which may be missing; DIR holds .tar files, PATTERN is as train-{0000..0009}.tar or train-*.tar",
    ],
  ],
  options: tarOptions,
  load: tarDataset,
});
