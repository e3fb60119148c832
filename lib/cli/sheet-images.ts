/** The images of a contact sheet: samples of a training, as it decodes them. */
import { basename } from 'node:path';
import { type Dataset, type LoadedSample, loadedSample } from '../data/dataset.ts';
import { decodeImage } from '../data/decode.ts';
import { DataError } from '../errors.ts';
import { throwIfAborted } from '../validate.ts';
import type { Skipped } from './image-files.ts';
import type { Output } from './output.ts';
import { sampleName } from './sample-name.ts';

export interface SheetImage {
  readonly name: string;
  readonly sample: LoadedSample;
}

/** One image file as a data set. @param side as training decodes, in pixels; as stored without. */
export const imageFileDataset = (file: string, side: number | undefined): Dataset => ({
  name: basename(file),
  length: 1,
  files: [file],
  get: () => decodeImage(file, side === undefined ? {} : { size: side }),
});

/** Up to `count` images that can be decoded, spread evenly over a data set. @throws {DataError} there is none. */
export async function sheetImages(
  dataset: Dataset,
  count: number,
  { signal, output }: { readonly signal: AbortSignal; readonly output: Output },
): Promise<{ images: SheetImage[]; skipped: Skipped[] }> {
  const { length } = dataset;
  const all = Array.from({ length }, (_, i) => i);
  const even = all.slice(0, count).map((i) => Math.floor((i * length) / Math.min(count, length)));
  const images: SheetImage[] = [];
  const skipped: Skipped[] = [];
  for (const index of new Set([...even, ...all])) {
    // The rest fill in for bad ones.
    if (images.length === count) break;
    throwIfAborted(signal);
    const name = sampleName(dataset, index);
    try {
      images.push({ name, sample: loadedSample(await dataset.get(index), dataset.name, index) });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      skipped.push({ name, reason: error.message });
      output.warn(`${error.message}; skipped`);
    }
  }
  if (images.length === 0)
    throw new DataError(`${dataset.name}: no image of ${length} could be decoded: ${skipped[0]?.reason}`);
  return { images: images.sort((a, b) => a.sample.id - b.sample.id), skipped };
}
