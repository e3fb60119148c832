/** One training of one method, and what its encoder is worth. */
import { extractSplits, judge, type LabelledSplits } from '../../lib/cli/evaluate-run.ts';
import { defaultsOfMethod } from '../../lib/cli/methods.ts';
import {
  type Dataset,
  type Encoder,
  linearHead,
  loadDataset,
  type MethodSpec,
  NonFiniteLossError,
  type Precision,
  type PrecisionOption,
  presets,
  projectionHead,
  resnet18,
  setAugmentThreads,
  setThreads,
  subset,
  Trainer,
} from '../../lib/index.ts';
import { batchSizeFor, type Choice, headOptionsFor, optimizerOf } from './settings.ts';

/** Plain data, which a process of its own is given. */
export interface Job {
  /** Undefined: the encoder as its seed makes it. */
  readonly trained?: { readonly method: string; readonly choice: Choice };
  /** Of the initial weights, which all methods share, the order of images and their views. */
  readonly seed: number;
  readonly epochs: number;
  readonly limitTrain: number;
  readonly precision: PrecisionOption;
  /** Of operations, and of views; undefined for one a core. */
  readonly threads?: number | undefined;
  /** 'validation': every fifth training image, from which nothing is trained then. */
  readonly judgedOn: 'validation' | 'test';
}

export interface Accuracies {
  /** Shares of the images that it is judged on, 0 to 1. */
  readonly knn: number;
  readonly linear: number;
}

export interface Speed {
  readonly precision: Precision;
  /** Images, not views. */
  readonly imagesPerSecond: number;
  /** MB: the highest resident memory up to the end of the training, libtorch and the images among it. */
  readonly peakMemory: number;
}

export interface Figures extends Accuracies {
  /** Undefined where nothing was trained. */
  readonly speed?: Speed;
}

const input = { size: 28, mean: 0.286, std: 0.353 } as const;

async function splitsOf({ limitTrain, judgedOn }: Job): Promise<LabelledSplits> {
  const train = await loadDataset('fashion-mnist', { subset: 'bundled', split: 'train', limit: limitTrain });
  if (judgedOn === 'test')
    return { train, test: await loadDataset('fashion-mnist', { subset: 'bundled', split: 'test' }) };
  const indices = [...Array(train.length).keys()];
  return {
    train: subset(
      train,
      indices.filter((index) => index % 5 !== 0),
    ),
    test: subset(
      train,
      indices.filter((index) => index % 5 === 0),
    ),
  };
}

/** The baseline has a classifier in the place of a projection head, and one view of an image. */
function headFor(method: string, { featureDim: inFeatures }: Encoder, dataset: Dataset, seed: number) {
  if (method !== 'cross-entropy')
    return { views: 2, head: projectionHead({ ...headOptionsFor(method), inFeatures, seed }) };
  return { views: 1, head: linearHead({ inFeatures, outFeatures: dataset.classes?.length ?? 0, seed }) };
}

async function train(
  encoder: Encoder,
  dataset: Dataset,
  { method, choice }: NonNullable<Job['trained']>,
  { seed, epochs, precision }: Job,
): Promise<Speed> {
  const { views, head } = headFor(method, encoder, dataset, seed);
  using _ = head;
  const spec = { ...defaultsOfMethod(method).options, ...choice.options, name: method } satisfies MethodSpec;
  const trainer = new Trainer({
    ...{ encoder, head, views, batchSize: batchSizeFor(method), epochs, precision, seed },
    method: spec,
    augment: presets.supcon({ ...input, strength: 2 }),
    optimizer: optimizerOf(choice),
    metrics: false,
  });
  let used: Precision = 'float32';
  const { samplesPerSecond } = await trainer.fit(dataset, {
    onEvent: (event) => {
      if (event.kind === 'start') used = event.precision;
    },
  });
  const peakMemory = process.resourceUsage().maxRSS / 1024;
  return { precision: used, imagesPerSecond: samplesPerSecond, peakMemory };
}

/** Trains and judges; null where the training diverged. */
export async function perform(job: Job): Promise<Figures | null> {
  if (job.threads !== undefined) {
    setThreads(job.threads);
    setAugmentThreads(job.threads);
  }
  const splits = await splitsOf(job);
  using encoder = resnet18({ stem: 'cifar', width: 16, inChannels: 1, seed: job.seed });
  try {
    const speed = job.trained && (await train(encoder, splits.train, job.trained, job));
    using features = await extractSplits(encoder, splits, { augment: presets.evaluation(input) });
    const { knnTop1 = 0, linearTop1 = 0 } = await judge(features, { protocol: 'both' });
    return { knn: knnTop1, linear: linearTop1, ...(speed && { speed }) };
  } catch (error) {
    if (error instanceof NonFiniteLossError) return null;
    throw error;
  }
}
