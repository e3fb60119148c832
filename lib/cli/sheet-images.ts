/** The images of a contact sheet. */
import { basename, relative, sep } from 'node:path';
import { type LoadedSample, loadedSample } from '../data/dataset.ts';
import { decodeImage } from '../data/decode.ts';
import { statOrUndefined } from '../data/files.ts';
import { loadDataset } from '../data/load.ts';
import { DataError } from '../errors.ts';
import { throwIfAborted } from '../validate.ts';
import type { Output } from './output.ts';

export interface Source {
  /** Relative to the input folder, with slashes. */
  readonly name: string;
  readonly sample: LoadedSample;
}

export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/** Up to `count` images that can be decoded, spread evenly over a folder's. @throws {DataError} there is none. */
export async function readSources(
  input: string,
  count: number,
  signal: AbortSignal,
  output: Output,
): Promise<{ sources: Source[]; skipped: Skipped[] }> {
  const stats = await statOrUndefined(input);
  if (stats === undefined) throw new DataError(`${input}: there is no such file or folder`);
  if (!stats.isDirectory())
    return { sources: [{ name: basename(input), sample: { ...(await decodeImage(input)), id: 0 } }], skipped: [] };
  const dataset = await loadDataset('folder', { root: input, layout: 'flat' });
  const even = Array.from({ length: Math.min(count, dataset.length) }, (_, i) =>
    Math.floor((i * dataset.length) / Math.min(count, dataset.length)),
  );
  const indices = new Set([...even, ...Array.from({ length: dataset.length }, (_, i) => i)]); // the rest fill in for bad ones
  const sources: Source[] = [];
  const skipped: Skipped[] = [];
  for (const index of indices) {
    if (sources.length === count) break;
    throwIfAborted(signal);
    const name = relative(input, dataset.files[index] as string)
      .split(sep)
      .join('/');
    try {
      sources.push({ name, sample: loadedSample(await dataset.get(index), dataset.name, index) });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      skipped.push({ name, reason: error.message });
      output.warn(`${error.message}; skipped`);
    }
  }
  if (sources.length === 0)
    throw new DataError(`${input}: none of ${dataset.length} images could be decoded: ${skipped[0]?.reason}`);
  return { sources: sources.sort((a, b) => a.sample.id - b.sample.id), skipped };
}
