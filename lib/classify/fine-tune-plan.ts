/** How long and at what rate to fine-tune, by the number of images: few images make few steps, and few steps must be longer. */
import { evenlyShared } from '../distributed/rows.ts';

/** As fineTune's options of these names. */
export interface FineTunePlan {
  readonly batchSize: number;
  readonly epochs: number;
  /** Learning rate for a batch of 256 images; the schedule scales it to the batch. */
  readonly lr: number;
}

const mostInBatch = 256;
/** With fewer, the statistics of batch normalisation are noise. */
const fewInBatch = 24;
const usualEpochs = 30;
const fewestSteps = 200;
const publishedLr = 0.05;
const mostLr = 0.5;
/** Steps from which on the published rate is enough. */
const manySteps = 2000;

/**
 * What goes with so many images, where it was not chosen:
 *
 * - batches of 256; of fewer than 1792 images equal ones, so small (but not below 24) that 30 epochs make 200 steps; of several
 *   processes a multiple of their number;
 * - 30 epochs, or as many as make 200 steps;
 * - a rate of 0.05 · 2000 / steps, from 0.05 (2000 steps and more) to 0.5 (200 and fewer).
 *
 * Chen et al. 2020 (arXiv:2002.05709, appendix B.5) take lr 0.05 · batch / 256 and batches of 4096: for 1 % of ImageNet that is a
 * rate of 0.8 for 190 steps. Linear scaling gives a smaller batch a smaller rate because it makes more steps. Where images are few
 * it makes hardly any, and 60 images, 30 epochs and 0.05 end after 30 steps that led nowhere: rate times steps is kept instead.
 *
 * @param images at least 1.
 */
export function fineTunePlan(
  images: number,
  chosen: { readonly [K in keyof FineTunePlan]?: number | undefined } = {},
): FineTunePlan {
  const batchSize = Math.min(chosen.batchSize ?? evenlyShared(usualBatchSize(images)), images);
  const stepsPerEpoch = Math.floor(images / batchSize);
  const epochs = chosen.epochs ?? Math.max(usualEpochs, Math.ceil(fewestSteps / stepsPerEpoch));
  const usualLr = (publishedLr * manySteps) / (epochs * stepsPerEpoch);
  return { batchSize, epochs, lr: chosen.lr ?? Math.min(mostLr, Math.max(publishedLr, usualLr)) };
}

function usualBatchSize(images: number): number {
  const wanted = Math.min(Math.ceil(fewestSteps / usualEpochs), Math.floor(images / fewInBatch));
  return Math.min(mostInBatch, Math.floor(images / Math.max(1, wanted)));
}
