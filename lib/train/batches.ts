/** A training step's input: the views of a batch of samples, their labels and ids. */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { type Augmentation, applyViews, type ImageShape } from '../augment/augment.ts';
import type { Dataset, LoadedSample, Sample } from '../data/dataset.ts';
import { DataLoader } from '../data/loader.ts';
import { everySample, type Sampler } from '../data/sampler.ts';
import { makeSampler } from '../data/samplers/samplers.ts';
import { ContrastiveError, DataError, errorOf } from '../errors.ts';
import type { BoundMethod } from '../methods/all.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ResolvedOptions } from './options.ts';

export interface TrainBatch extends Disposable {
  /**
   * One tensor a size of view, (its views · batch, channels, height, width), view-major; being filled by the augmentation
   * pool.
   */
  readonly images: readonly Tensor[];
  /** For each view, its place among the views of `images`, counted through all of them. */
  readonly viewOrder: readonly number[];
  /** (batch), when every sample has a label. */
  readonly labels: Int32Array | undefined;
  /** (batch) */
  readonly ids: BigInt64Array;
}

/** Makes a batch of samples; the views are a function of (seed, round, sample). */
export type BatchMaker = (samples: readonly LoadedSample[], round: number) => Promise<TrainBatch>;

/** What a sample's views change with: the epoch; the step, where a sampler may give a sample several times an epoch. */
export const roundOf = ({ config, length }: Sampler, epoch: number, step: number): number =>
  config === undefined ? epoch : epoch * length + step;

/** The indices of the views of each size, which go through the encoder together. */
export function viewsBySize(augment: readonly Augmentation[], source: ImageShape): readonly (readonly number[])[] {
  const shapes = new Map<Augmentation, string>();
  const groups = new Map<string, number[]>();
  for (const [view, augmentation] of augment.entries()) {
    const shape = shapes.get(augmentation) ?? Object.values(augmentation.outputShape(source)).join();
    shapes.set(augmentation, shape);
    groups.set(shape, [...(groups.get(shape) ?? []), view]);
  }
  return [...groups.values()];
}

/** Runs `work`; its errors begin with what they are of. */
function naming<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ContrastiveError
      ? errorOf(error.code, `${what}: ${error.message}`, { cause: error })
      : error;
  }
}

export function batchMaker(dataset: Dataset, options: ResolvedOptions): BatchMaker {
  const { augment, seed, precision, encoder, method, ranks } = options;
  return async (samples, round) => {
    // A thousand samples take milliseconds, and an epoch begins with several batches: timers must get their turn between.
    await eventLoopTurn();
    const labels = ranks ? commonLabels(dataset, method, samples) : labelsOf(samples);
    if (labels === undefined && method.labels === 'required')
      throw new DataError(
        `${dataset.name}: the method '${method.spec.name}' needs a label for every sample; 'simclr' needs none`,
      );
    const [first] = samples as readonly [LoadedSample];
    const groups = naming(`${dataset.name}: sample ${first.id}`, () => viewsBySize(augment, first));
    const inGroups = groups.flat();
    const images = groups.map((viewNumbers) =>
      naming(dataset.name, () =>
        applyViews(
          viewNumbers.map((view) => augment[view] as Augmentation),
          samples,
          {
            seed,
            epoch: round,
            device: encoder.device,
            dtype: precision === 'bfloat16' ? precision : 'float32',
            viewNumbers,
          },
        ),
      ),
    );
    return {
      images,
      viewOrder: inGroups.map((_, view) => inGroups.indexOf(view)),
      labels,
      ids: BigInt64Array.from(samples, ({ id }) => BigInt(id)),
      [Symbol.dispose]() {
        for (const tensor of images) tensor.dispose();
      },
    };
  };
}

/** What makes the batches of a training: the sampler that was asked for, else every sample in a new order each epoch. */
export async function samplerOf(
  dataset: Dataset,
  { sampler, batchSize, seed }: Pick<ResolvedOptions, 'sampler' | 'batchSize' | 'seed'>,
  signal?: AbortSignal,
): Promise<Sampler> {
  return sampler === undefined
    ? everySample(dataset, { batchSize, shuffle: true, seed, dropLast: true })
    : makeSampler(sampler, dataset, { batchSize, seed, signal });
}

/** The sampler of this rank's part of every batch, where several processes train together. */
export function partOfRank(sampler: Sampler, { ranks }: Pick<ResolvedOptions, 'ranks'>): Sampler {
  if (ranks === undefined) return sampler;
  const batches = async (epoch: number) => (await sampler.batches(epoch)).map((batch) => ranks.partOf(batch));
  return { ...sampler, length: sampler.length, batches };
}

/** The sampler's batches with fresh views; a function of (seed, epoch). */
export function trainBatches(dataset: Dataset, options: ResolvedOptions, sampler: Sampler): DataLoader<TrainBatch> {
  const make = batchMaker(dataset, options);
  return new DataLoader(dataset, {
    sampler,
    transform: (samples, epoch, step) => make(samples, roundOf(sampler, epoch, step)),
  });
}

/**
 * Where several processes share a batch, each knows its own samples: whether a loss that may look at labels gets any is decided by the
 * data set.
 */
function commonLabels(
  dataset: Dataset,
  { labels: use }: BoundMethod,
  samples: readonly Sample[],
): Int32Array | undefined {
  if (use === 'optional' && dataset.labels === undefined) return undefined;
  const labels = labelsOf(samples);
  if (use === 'optional' && labels === undefined)
    throw new DataError(`${dataset.name}: dataset.labels has labels, and a sample of the batch has none`);
  return labels;
}

function labelsOf(samples: readonly Sample[]): Int32Array | undefined {
  return samples.every((sample) => sample.label !== undefined)
    ? Int32Array.from(samples, (sample) => sample.label as number)
    : undefined;
}
