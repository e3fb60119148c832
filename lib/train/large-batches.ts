/** Batches larger than what goes through the encoder at once, as micro-batches that can be made again. */
import { type Dataset, type LoadedSample, loadedSample } from '../data/dataset.ts';
import { DataLoader } from '../data/loader.ts';
import type { Sampler } from '../data/sampler.ts';
import type { Ranks } from '../distributed/ranks.ts';
import { DataError, messageOf } from '../errors.ts';
import { type BatchMaker, batchMaker, roundOf, type TrainBatch } from './batches.ts';
import type { ResolvedOptions } from './options.ts';

/** `dataset` at `indices`, failing with the index that the data set knows. */
function partOf(dataset: Dataset, indices: Uint32Array, name: string): Dataset {
  const get = async (i: number): Promise<LoadedSample> => {
    const index = indices[i] as number;
    const where = `${dataset.name}: sample ${index}`;
    try {
      return loadedSample(await dataset.get(index), dataset.name, index);
    } catch (error) {
      throw messageOf(error).startsWith(where)
        ? error
        : new DataError(`${where}: ${messageOf(error)}`, { cause: error });
    }
  };
  return { name, length: indices.length, get };
}

/** Of micro-batches that are as even as can be, and at most `largest`. */
const evenSize = (samples: number, largest: number): number => Math.ceil(samples / Math.ceil(samples / largest));

/**
 * The samples of one optimizer step. Only their indices are kept: each pass over the micro-batches reads the samples and
 * makes their views again, from the same draws, so that memory holds the views of a few micro-batches and no more.
 */
export class LargeBatch {
  /** Samples in each micro-batch but the last, which may be smaller: sizes are as even as can be. */
  readonly microBatch: number;
  readonly #loader: DataLoader<TrainBatch>;
  readonly #round: number;

  constructor(samples: Dataset, options: { readonly microBatch: number; readonly round: number; make: BatchMaker }) {
    const { microBatch, round, make } = options;
    this.microBatch = evenSize(samples.length, microBatch);
    this.#round = round;
    this.#loader = new DataLoader(samples, { batchSize: this.microBatch, prefetch: 1, transform: make });
  }

  /** In the order of the samples; the next one is prepared while the consumer holds one. */
  microBatches(signal?: AbortSignal): AsyncGenerator<TrainBatch, void, undefined> {
    return this.#loader.epoch(this.#round, signal === undefined ? {} : { signal });
  }
}

/** A rank's part of each micro-batch, so that these are of the samples that they are of in one process. */
function partOfEach(batch: Uint32Array, microBatch: number, ranks: Ranks): Uint32Array {
  const size = evenSize(ranks.share('a batch', batch.length), microBatch) * ranks.worldSize;
  const parts: number[] = [];
  for (let start = 0; start < batch.length; start += size)
    parts.push(...ranks.partOf(batch.subarray(start, start + size)));
  return Uint32Array.from(parts);
}

/** As trainBatches: the same samples in each batch, and the same views. */
export function largeBatches(dataset: Dataset, options: ResolvedOptions, sampler: Sampler) {
  const { ranks } = options;
  const microBatch = options.microBatch / (ranks?.worldSize ?? 1);
  const make = batchMaker(dataset, options);
  return {
    length: sampler.length,
    async *epoch(epoch: number, startStep: number): AsyncGenerator<LargeBatch, void, undefined> {
      const batches = await sampler.batches(epoch);
      for (let step = startStep; step < sampler.length; step++) {
        const name = `${dataset.name}, batch ${step + 1} of epoch ${epoch + 1}`;
        const batch = batches[step] as Uint32Array;
        const own = ranks ? partOfEach(batch, microBatch, ranks) : batch;
        const samples = partOf(dataset, own, name);
        yield new LargeBatch(samples, { microBatch, round: roundOf(sampler, epoch, step), make });
      }
    },
  };
}
