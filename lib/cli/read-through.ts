/** Reading the images of a folder before a training begins, which would come upon a damaged one in its midst. */
import type { Dataset } from '../data/dataset.ts';
import { DataError } from '../errors.ts';
import { mapOrdered } from '../serve/ordered.ts';
import { throwIfAborted } from '../validate.ts';
import { imageProgress } from './image-progress.ts';
import type { Output } from './output.ts';

/** Of more, reading all of them first takes longer than it is worth. */
const mostRead = 10_000;
const atOnce = 16;

/**
 * Reads all images, if they are not too many, with a warning for each that cannot be decoded.
 * @throws {DataError} there was one; {AbortError} the signal fired.
 */
export async function readThrough(
  datasets: readonly Dataset[],
  { output, signal }: { readonly output: Output; readonly signal: AbortSignal },
): Promise<void> {
  const samples = datasets.flatMap((dataset) =>
    Array.from({ length: dataset.length }, (_, index) => ({ dataset, index })),
  );
  if (samples.length > mostRead) return;
  const read = async ({ dataset, index }: (typeof samples)[number]): Promise<DataError | undefined> => {
    throwIfAborted(signal);
    try {
      await dataset.get(index);
      return undefined;
    } catch (error) {
      if (error instanceof DataError) return error;
      throw error;
    }
  };
  const show = imageProgress(output, 'reading the images');
  let [done, damaged] = [0, 0];
  for await (const error of mapOrdered(samples, atOnce, read)) {
    show(++done, samples.length);
    if (error === undefined) continue;
    damaged++;
    output.warn(error.cause instanceof DataError ? error.cause.message : error.message);
  }
  output.progress.done();
  if (damaged > 0)
    throw new DataError(
      `${damaged} of the ${samples.length} images cannot be decoded; --skip-damaged leaves such files out`,
    );
}
