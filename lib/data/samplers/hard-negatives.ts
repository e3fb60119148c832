/** Batches of samples that are near neighbours of each other. */
import { createHash } from 'node:crypto';
import { DataError, OptionError, ShapeError } from '../../errors.ts';
import { readNpy } from '../../files/npy.ts';
import type { OptionTable, ResolvedOf } from '../../options/option.ts';
import * as internal from '../../tensor/internal-ops.ts';
import { noGrad, tidy } from '../../tensor/modes.ts';
import { Tensor, tensor } from '../../tensor/tensor.ts';
import { describe, throwIfAborted } from '../../validate.ts';
import type { Sampler } from '../sampler.ts';
import { indicesUpTo } from '../shuffle.ts';
import { drawsOf, fullBatches, type SamplerContext } from './context.ts';

/**
 * Hard negatives: a batch is made of samples drawn at random, each followed by those of its nearest neighbours that no batch
 * of the epoch has yet. Neighbours are by cosine similarity of features that were computed before, by another encoder or an
 * earlier training. Each sample comes at most once an epoch.
 *
 * Near neighbours may be of one class: to a loss without labels these are false negatives, so that few neighbours do better
 * than many there.
 *
 * Source: after Yang et al. 2023, arXiv:2306.03355 (BatchSampler), section 3. Differs: neighbours in place of random walks
 * over the graph of them, and each sample once.
 */
export const hardNegativesOptions = {
  /** Floating (samples, dim), a row a sample, as `extractFeatures` gives. */
  features: {
    type: 'checked',
    check(name: string, value: Tensor): Tensor {
      if (value instanceof Tensor) return value;
      throw new OptionError(`${name} must be a Tensor, got ${describe(value)}`);
    },
  },
  /** A .npy file with them, float32, in place of `features`. */
  file: {
    type: 'string',
    value: 'FILE',
    help: '.npy file with the features of the training images, float32, a row an image',
  },
  /** Nearest others of a drawn sample that follow it. */
  neighbours: {
    type: 'number',
    min: 1,
    integer: true,
    default: 7,
    value: 'K',
    help: 'nearest others that follow an image into its batch',
  },
  /** Of the features' float32 values, as a run's config states it: others are refused. */
  sha256: { type: 'string' },
} as const satisfies OptionTable;

type HardNegativesOptions = ResolvedOf<typeof hardNegativesOptions>;

/** Rows of features that are compared with all others in one job. */
const rowsAJob = 1024;

/** The k nearest other rows of each row, nearest first, (rows · k). @throws {AbortError} the signal fired. */
async function nearestOthers(features: Tensor, k: number, signal: AbortSignal | undefined): Promise<Uint32Array> {
  const rows = features.shape[0] as number;
  const nearest = new Uint32Array(rows * k);
  using bank = noGrad(() => internal.unitBank(features));
  for (let begin = 0; begin < rows; begin += rowsAJob) {
    throwIfAborted(signal);
    const found = await tidy(() => {
      const block = noGrad(() => features.narrow(0, begin, Math.min(rowsAJob, rows - begin)));
      return internal.nearestNeighbours(block, bank, { k: k + 1, unit: true })[0].data();
    });
    for (let at = 0; at < found.length; at += k + 1) {
      const row = begin + at / (k + 1);
      const others = Array.from(found.subarray(at, at + k + 1), Number).filter((other) => other !== row);
      nearest.set(others.slice(0, k), row * k); // where more rows equal it than were asked for, it is not among them
    }
  }
  return nearest;
}

async function featuresOf({ features, file }: HardNegativesOptions): Promise<Tensor> {
  if ((features === undefined) === (file === undefined))
    throw new OptionError('the hard-negatives sampler needs features or file, and not both');
  if (features !== undefined) return features.detach();
  const { values, rows, dim } = await readNpy(file as string);
  return tensor(values, { shape: [rows, dim] });
}

async function digestOf(features: Tensor): Promise<string> {
  const values = await tidy(() => noGrad(() => features.to('float32')).data());
  return createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');
}

/** @throws {ShapeError} features not 2-D. @throws {DataError} not a row a sample, not finite, or others than `sha256` says. */
export async function makeHardNegatives(options: HardNegativesOptions, context: SamplerContext): Promise<Sampler> {
  const { dataset, batchSize, signal } = context;
  const { neighbours, file, sha256 } = options;
  using features = await featuresOf(options);
  if (features.shape.length !== 2)
    throw new ShapeError(`sampler.features must have shape (samples, dim), got [${features.shape}]`);
  if (features.shape[0] !== dataset.length)
    throw new DataError(
      `${dataset.name}: sampler.features must have ${dataset.length} rows, one a sample, got ${features.shape[0]}`,
    );
  const digest = await digestOf(features);
  if (sha256 !== undefined && sha256 !== digest)
    throw new DataError(`${file ?? 'sampler.features'}: must be the features with sha256 ${sha256}, got ${digest}`);
  const k = Math.min(neighbours, dataset.length - 1);
  const nearest = await nearestOthers(features, k, signal);
  const length = fullBatches(context);
  return {
    length,
    batches(epoch) {
      const order = drawsOf(context, epoch).shuffle(indicesUpTo(dataset.length));
      const isUsed = new Uint8Array(dataset.length);
      let at = 0;
      return Array.from({ length }, () => {
        const batch = new Uint32Array(batchSize);
        let size = 0;
        const put = (index: number): void => {
          if (size === batchSize || isUsed[index]) return;
          isUsed[index] = 1;
          batch[size++] = index;
        };
        while (size < batchSize) {
          const drawn = order[at++] as number;
          if (isUsed[drawn]) continue;
          put(drawn);
          for (const other of nearest.subarray(drawn * k, (drawn + 1) * k)) put(other);
        }
        return batch;
      });
    },
    config: { name: 'hard-negatives', neighbours, ...(file !== undefined && { file }), sha256: digest },
  };
}
