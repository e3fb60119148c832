/** The labels, and the ids, of a whole data set. */
import { DataError } from '../errors.ts';
import { describe } from '../validate.ts';
import { checkDataset, type Dataset, type LoadedSample } from './dataset.ts';
import { DataLoader } from './loader.ts';
import { permutation } from './shuffle.ts';

/**
 * The class index of every sample: `dataset.labels` where there are, else read with the samples, of which images of a
 * folder are then decoded.
 * @throws {DataError} a sample without a label, or with one that is not an integer >= 0.
 * @throws {AbortError} the signal fired.
 */
export async function readLabels(
  dataset: Dataset,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Int32Array> {
  const { name, length, labels: known } = checkDataset(dataset);
  const labels = new Int32Array(length);
  const put = (index: number, label: number | undefined): void => {
    if (!Number.isInteger(label) || (label as number) < 0 || (label as number) > 0x7fffffff)
      throw new DataError(`${name}: sample ${index} must have a label, an integer >= 0, got ${describe(label)}`);
    labels[index] = label as number;
  };
  if (known !== undefined) {
    for (let i = 0; i < length; i++) put(i, known[i]);
    return labels;
  }
  let at = 0;
  for await (const { label } of readSamples(dataset, signal)) put(at++, label);
  return labels;
}

/** The order that samples are chosen in; no epoch has this number. */
const choosing = 2 ** 32 - 1;

/**
 * The indices of the samples of each class, in an order that is a function of the seed: the first of them are a choice at random.
 * Throws as readLabels.
 */
export async function shuffledClasses(
  dataset: Dataset,
  { seed, signal }: { readonly seed: number; readonly signal?: AbortSignal | undefined },
): Promise<Map<number, number[]>> {
  const labels = await readLabels(dataset, { signal });
  const members = new Map<number, number[]>();
  for (const index of permutation(labels.length, seed, choosing)) {
    const label = labels[index] as number;
    const own = members.get(label) ?? [];
    own.push(index);
    members.set(label, own);
  }
  return members;
}

/** The id of every sample, read with the samples. @throws {AbortError} the signal fired. */
export async function readIds(
  dataset: Dataset,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Float64Array> {
  const ids = new Float64Array(dataset.length); // safe integers
  let at = 0;
  for await (const { id } of readSamples(dataset, signal)) ids[at++] = id;
  return ids;
}

/** What is known of each sample, without its pixels. */
async function* readSamples(
  dataset: Dataset,
  signal: AbortSignal | undefined,
): AsyncGenerator<Pick<LoadedSample, 'label' | 'id'>, void, undefined> {
  const loader = new DataLoader(dataset, {
    batchSize: 256,
    transform: (samples) => samples.map(({ label, id }) => ({ id, ...(label !== undefined && { label }) })),
  });
  for await (const batch of loader.epoch(0, signal ? { signal } : {})) yield* batch;
}
