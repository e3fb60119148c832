/** The size of a training's batches, once its data are known. */
import type { Dataset } from '../data/dataset.ts';
import type { Ranks } from '../distributed/ranks.ts';
import { OptionError } from '../errors.ts';
import { type CheckedOptions, expectMethodFits } from './options.ts';

/**
 * The default size is at most the data set's; one that was given has to fit.
 * @returns the options, and what there is to warn of.
 * @throws {OptionError} a batch size that is larger than the data set, or does not go with the method.
 */
export function fitBatch(
  options: CheckedOptions,
  { name, length }: Dataset,
  ranks?: Ranks,
): { readonly sized: CheckedOptions; readonly warnings: readonly string[] } {
  const { isDefaultBatch, accumulate, microBatch, method } = options;
  if (options.batchSize > length && !isDefaultBatch)
    throw new OptionError(`batchSize must be at most the ${length} samples of ${name}, got ${options.batchSize}`);
  const most = Math.max(1, Math.floor(length / accumulate));
  const processes = ranks?.worldSize ?? 1;
  const fitting = Math.floor(Math.min(options.batchSize, most) / processes) * processes;
  const batchSize = isDefaultBatch ? Math.max(fitting, processes) : options.batchSize;
  const warnings: string[] = [];
  if (batchSize < options.batchSize)
    warnings.push(
      `${name} has ${length} samples, fewer than the default batchSize of ${options.batchSize} asks for: batches are of ${batchSize}`,
    );
  if (batchSize === 1 && method.comparesBatch)
    warnings.push(
      'batchSize is 1: an image is compared with no other one, and nothing is learned. Contrastive batches hold hundreds',
    );
  const sized = { ...options, batchSize, microBatch: Math.min(microBatch, batchSize) };
  ranks?.share('batchSize', batchSize);
  ranks?.share('microBatch', sized.microBatch);
  expectMethodFits(sized, { isBatchKnown: true });
  return { sized, warnings };
}
