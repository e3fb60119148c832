/** The labels of a whole data set. */
import { DataError } from '../errors.ts';
import { describe } from '../validate.ts';
import { checkDataset, type Dataset } from './dataset.ts';
import { DataLoader } from './loader.ts';

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
  const loader = new DataLoader(dataset, { batchSize: 256, transform: (samples) => samples.map(({ label }) => label) });
  let at = 0;
  for await (const batch of loader.epoch(0, signal ? { signal } : {})) for (const label of batch) put(at++, label);
  return labels;
}
