/** What a training is where nobody chose it: its method, batches and epochs, by the images that there are. */
import type { Dataset } from '../data/dataset.ts';
import { load } from '../data/load.ts';
import { batchSizeOf, checkSampler, type SamplerSpec } from '../data/samplers/samplers.ts';
import { evenlyShared } from '../distributed/rows.ts';
import { OptionError } from '../errors.ts';
import { methodOf } from '../methods/all.ts';
import { type DataSource, lackOfClasses, titleOf } from './data-option.ts';
import { counted } from './format.ts';
import type { TrainingSpec } from './training.ts';

/** A method, and in words why it is that one. */
export interface UsualMethod {
  readonly method: 'supcon' | 'simclr';
  readonly reason: string;
}

/** Data sets of anyone's images, of which nothing is known before they are looked through. */
const ofAnyone: readonly string[] = ['folder', 'tar'];

/** SupCon where there are classes to learn from, else SimCLR. Images of anyone are looked through; of other data sets it is known. */
export async function usualMethod(source: DataSource, split: 'train' | 'unlabeled'): Promise<UsualMethod> {
  const dataset = ofAnyone.includes(source.name) ? await load(source.name, { root: source.path }) : undefined;
  const what = labelsIn(source);
  const known = split === 'train' ? undefined : `no ${what}`;
  const lack = dataset === undefined ? known : lackOfClasses(dataset, what);
  if (lack !== undefined)
    return {
      method: 'simclr',
      reason: `method simclr: it learns from the images alone, as ${titleOf(source)} has ${lack}`,
    };
  return {
    method: 'supcon',
    reason: `method supcon: it learns from the ${what} (--method simclr: from the images alone)`,
  };
}

const labelsIn = ({ name }: DataSource): string => (name === 'folder' ? 'class folders' : 'labels');

const mostInBatch = 256;
const fewInBatch = 32;

/** 256 images; of a small set batches of equal size, at least four or as many as hold 32, so that hardly an image is left out. */
export function usualBatchSize(images: number): number {
  if (images >= 4 * mostInBatch) return mostInBatch;
  const wanted = Math.max(fewInBatch, images / 4);
  return Math.floor(images / Math.ceil(images / wanted));
}

/** As many as show 10 000 images: at least 10, at most 200. */
export const usualEpochs = (images: number): number => Math.min(200, Math.max(10, Math.round(10_000 / images)));

const imagesBetweenCheckpoints = 1000;

/** Epochs: 1, or as many as show 1000 images, for a checkpoint takes longer than an epoch of few. */
export const usualCheckpointEvery = (images: number): number =>
  Math.max(1, Math.floor(imagesBetweenCheckpoints / images));

/** A training whose batches and length are known. */
export interface FittedSpec extends TrainingSpec {
  readonly batchSize: number;
  readonly epochs: number;
}

/**
 * The training with what goes with its images.
 * @throws {OptionError} images without the labels that the method needs, or fewer than a batch; a micro-batch that is larger.
 */
export function fitToData(spec: TrainingSpec, source: DataSource, { length, labels }: Dataset): FittedSpec {
  const { accumulate = 1, epochs = usualEpochs(length) } = spec;
  const isUnlabelled = ofAnyone.includes(source.name) && labels === undefined;
  if (isUnlabelled && methodOf(spec.method).labels === 'required')
    throw new OptionError(`${titleOf(source)} has no ${labelsIn(source)}; use --method simclr`);
  const usual = evenlyShared(usualBatchSize(Math.max(1, Math.floor(length / accumulate))));
  const { batchSize = batchSizeOfSampler(spec) ?? usual } = spec;
  if (batchSize > length)
    throw new OptionError(
      `--batch-size ${batchSize} is more than your ${counted(length, 'training image')}; try --batch-size ${usual}`,
    );
  if (spec.microBatch !== undefined && spec.microBatch > batchSize)
    throw new OptionError(
      `--micro-batch ${spec.microBatch} is more than the ${counted(batchSize, 'image')} of a batch`,
    );
  return { ...spec, batchSize, epochs };
}

const batchSizeOfSampler = ({ sampler }: TrainingSpec): number | undefined =>
  sampler === undefined ? undefined : batchSizeOf(checkSampler(sampler as unknown as SamplerSpec));
