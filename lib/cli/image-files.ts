/** The images that a command reads with a model: found below a folder, worked on in order, what cannot be decoded left out. */
import { basename, relative, sep } from 'node:path';
import { statOrUndefined } from '../data/files.ts';
import { kImageExtensions, summarise, walkFolder } from '../data/walk.ts';
import { DataError } from '../errors.ts';
import { mapOrdered } from '../serve/ordered.ts';
import { imageProgress } from './image-progress.ts';
import type { Output } from './output.ts';

export interface ImageFile {
  readonly path: string;
  /** Relative to the input folder, with slashes. */
  readonly name: string;
}

export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/** '; 2 skipped', behind a count; '' for none. */
export const skippedText = ({ length }: readonly Skipped[]): string => (length === 0 ? '' : `; ${length} skipped`);

export const strictOption = {
  type: 'boolean',
  help: 'fail at the first image that cannot be decoded, instead of leaving it out with a warning',
} as const;

/** What `--help` says of the images of an input. */
export const inputHelp = `Images are found below a folder by their file names (${kImageExtensions.join(', ')}), in natural order; EXIF orientation is applied, transparency goes onto white.`;

/** @param folder that its name is relative to. */
export const imageFile = (folder: string, path: string): ImageFile => ({
  path,
  name: relative(folder, path).split(sep).join('/'),
});

/** The images below a folder, in natural order, or the one that `input` names. @throws {DataError} there is none. */
export async function findImages(input: string, output: Output): Promise<ImageFile[]> {
  const stats = await statOrUndefined(input);
  if (stats === undefined) throw new DataError(`${input}: there is no such file or folder`);
  if (!stats.isDirectory()) return [{ path: input, name: basename(input) }];
  const { images: paths, others } = await walkFolder(input);
  if (others.length > 0) output.warn(`${input}: left out: ${summarise(others).join(', ')}`);
  if (paths.length === 0) throw new DataError(`${input}: no images (${kImageExtensions.join(', ')}) below this folder`);
  return paths.map((path) => imageFile(input, path));
}

interface EachImageOptions<F, T> {
  readonly work: (path: string) => Promise<T>;
  /** Takes the results, in the order of the files. */
  readonly take: (file: F, result: T) => unknown;
  /** Files under way at a time: two batches, so that decoding and computing overlap. */
  readonly atOnce: number;
  readonly strict: boolean;
  readonly output: Output;
}

/**
 * Works through the files, with a line of progress. One that cannot be decoded is left out with a warning.
 * @throws {DataError} all were left out, or with `strict` one.
 */
export async function eachImage<F extends ImageFile, T>(
  files: readonly F[],
  { work, take, atOnce, strict, output }: EachImageOptions<F, T>,
): Promise<Skipped[]> {
  const skipped: Skipped[] = [];
  const show = imageProgress(output, 'reading');
  const attempt = async ({ path }: F): Promise<{ result: T } | DataError> => {
    try {
      return { result: await work(path) };
    } catch (error) {
      if (error instanceof DataError && !strict) return error;
      throw error;
    }
  };
  let done = 0;
  for await (const outcome of mapOrdered(files, atOnce, attempt)) {
    const file = files[done++] as F;
    if (outcome instanceof DataError) {
      skipped.push({ name: file.name, reason: outcome.message });
      output.warn(`${outcome.message}; skipped`);
    } else await take(file, outcome.result);
    show(done, files.length);
  }
  output.progress.done();
  if (skipped.length === files.length)
    throw new DataError(`no image of ${files.length} could be decoded: ${skipped[0]?.reason}`);
  return skipped;
}
