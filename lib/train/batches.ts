/** A training step's input: the views of a batch of samples, and its labels. */
import { applyViews } from '../augment/augment.ts';
import type { Dataset, Sample } from '../data/dataset.ts';
import { DataLoader } from '../data/loader.ts';
import { DataError } from '../errors.ts';
import { isSingleClass } from '../losses/labels.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { ResolvedOptions } from './options.ts';

export interface TrainBatch extends Disposable {
  /** (views · batch, channels, height, width), view-major; being filled by the augmentation pool. */
  readonly images: Tensor;
  /** int32 (batch), when every sample has a label. */
  readonly labels: Tensor | undefined;
  readonly isSingleClass: boolean;
}

/** Shuffled batches with fresh views; a function of (seed, epoch). */
export function trainBatches(dataset: Dataset, options: ResolvedOptions): DataLoader<TrainBatch> {
  const { augment, batchSize, seed, precision, encoder, loss } = options;
  const needsLabels = typeof loss !== 'function' && loss.name === 'supcon';
  const transform = (samples: Sample[], epoch: number): TrainBatch => {
    const labels = labelsOf(samples);
    if (labels === undefined && needsLabels)
      throw new DataError(`${dataset.name}: the supcon loss needs a label for every sample; 'nt-xent' needs none`);
    const { device } = encoder;
    const images = applyViews(augment, samples, { seed, epoch, device, dtype: precision });
    const target = labels && tensor(labels, { device });
    return {
      images,
      labels: target,
      isSingleClass: needsLabels && labels !== undefined && isSingleClass(labels),
      [Symbol.dispose]() {
        images.dispose();
        target?.dispose();
      },
    };
  };
  return new DataLoader(dataset, { batchSize, shuffle: true, seed, dropLast: true, transform });
}

function labelsOf(samples: readonly Sample[]): Int32Array | undefined {
  return samples.every((sample) => sample.label !== undefined)
    ? Int32Array.from(samples, (sample) => sample.label as number)
    : undefined;
}
