/** How well an encoder's features tell the classes of the test images apart, by all processes of a training; shared by train, eval and demo. */
import type { Augmentation } from '../augment/augment.ts';
import type { Dataset } from '../data/dataset.ts';
import { failTogether } from '../distributed/rows.ts';
import type { Encoder } from '../encoders/registry.ts';
import { DataError } from '../errors.ts';
import { extractFeatures } from '../evaluate/features.ts';
import { knnClassify, knnOptions } from '../evaluate/knn.ts';
import type { LabelledFeatures } from '../evaluate/labelled.ts';
import { linearProbe } from '../evaluate/linear-probe.ts';
import { chanceShare, wilsonInterval } from '../evaluate/proportion.ts';
import { formatTable } from './format.ts';
import { intervalText } from './knn-history.ts';
import { percent } from './report/results.ts';

/** Which classifiers of frozen features. */
export type Protocol = 'knn' | 'linear' | 'both';

export interface LabelledSplits {
  readonly train: Dataset;
  readonly test: Dataset;
}

/**
 * What to warn of before test images are classified: classes that training images lack. Nothing where labels are not known
 * without reading images.
 */
export function missingClasses({ train, test }: LabelledSplits): string | undefined {
  if (train.labels === undefined || test.labels === undefined) return undefined;
  const known = new Set(Array.from(train.labels));
  const labels = Array.from(test.labels);
  const missing = labels.filter((label) => !known.has(label));
  if (missing.length === 0) return undefined;
  const [some, all] = [new Set(missing).size, new Set(labels).size];
  return (
    `${some} of the ${all} classes of the test images have no training image (${percent(missing.length / labels.length)} of ` +
    'the test images): no classifier can name them. Of classes that training never sees, recall at 1 tells more: ' +
    'nearestNeighbours(features, features, { k: 1, excludeSelf: true })'
  );
}

/** Both disposed together, by their owner. */
export interface SplitFeatures extends Disposable {
  readonly train: LabelledFeatures;
  readonly test: LabelledFeatures;
}

export interface ExtractSplitsOptions {
  readonly augment: Augmentation;
  readonly signal?: AbortSignal | undefined;
  /** Images done, of both splits together. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** @throws {DataError} a data set without labels. */
export async function extractSplits(
  encoder: Encoder,
  splits: LabelledSplits,
  { augment, signal, onProgress }: ExtractSplitsOptions,
): Promise<SplitFeatures> {
  const total = splits.train.length + splits.test.length;
  const extract = async (dataset: Dataset, before: number): Promise<LabelledFeatures> => {
    const { features, labels } = await extractFeatures(encoder, dataset, {
      ...{ evaluation: augment, distributed: true },
      ...(signal && { signal }),
      onProgress: (done, ofPart) => onProgress?.(before + Math.round((done / ofPart) * dataset.length), total),
    });
    if (labels !== undefined) return { features, labels };
    features.dispose();
    throw new DataError(`${dataset.name}: evaluation needs a label for every image; '${dataset.source}' has none`);
  };
  const train = await extract(splits.train, 0);
  try {
    const test = await extract(splits.test, splits.train.length);
    return {
      train,
      test,
      [Symbol.dispose]() {
        train.features.dispose();
        test.features.dispose();
      },
    };
  } catch (error) {
    train.features.dispose();
    throw error;
  }
}

export interface JudgeOptions {
  readonly protocol: Protocol;
  /** Neighbours that vote; at most the number of training images is used. Default 20. */
  readonly k?: number;
  /** T of the votes. Default 0.1. */
  readonly temperature?: number;
  readonly signal?: AbortSignal | undefined;
  /** Hears what is at work, and how much of it is done, in units of its own. */
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/**
 * Shares of the test images whose class was predicted, or was among the first five, 0 to 1; those that the protocol asks
 * for. Top-5 with more than five classes only.
 */
export interface Accuracies {
  readonly knnTop1?: number;
  readonly knnTop5?: number;
  readonly linearTop1?: number;
  readonly linearTop5?: number;
  readonly fineTuneTop1?: number;
  readonly fineTuneTop5?: number;
  /** Of whoever always names the class that most training images have; of frozen features. */
  readonly chanceTop1?: number;
}

/** @throws {AbortError} the signal fired. */
export async function judge({ train, test }: SplitFeatures, options: JudgeOptions): Promise<Accuracies> {
  const {
    protocol,
    k = knnOptions.k.default,
    temperature = knnOptions.temperature.default,
    signal,
    onProgress,
  } = options;
  const listen = (what: string) => ({
    signal,
    onProgress: (done: number, total: number) => onProgress?.(what, done, total),
  });
  const rows = train.features.shape[0] as number;
  const knn =
    protocol === 'linear'
      ? undefined
      : await knnClassify(train, test, {
          ...{ k: Math.min(k, rows), temperature, distributed: true },
          ...listen('kNN: test images'),
        });
  const linear =
    protocol === 'knn' ? undefined : await failTogether(() => linearProbe(train, test, listen('linear probe: steps')));
  return {
    ...(knn && { knnTop1: knn.accuracy, ...(knn.top5 !== undefined && { knnTop5: knn.top5 }) }),
    ...(linear && { linearTop1: linear.accuracy, ...(linear.top5 !== undefined && { linearTop5: linear.top5 }) }),
    chanceTop1: chanceShare(train.labels as Int32Array, test.labels as Int32Array),
  };
}

const columnTitles: readonly (readonly [title: string, key: keyof Accuracies])[] = [
  ['kNN', 'knnTop1'],
  ['top-5', 'knnTop5'],
  ['linear probe', 'linearTop1'],
  ['top-5', 'linearTop5'],
  ['fine-tuned', 'fineTuneTop1'],
  ['top-5', 'fineTuneTop5'],
];

/** The 95 % intervals of the accuracies by name, of so many test images. */
export const intervalsOf = (accuracies: Accuracies, testImages: number) =>
  Object.fromEntries(
    columnTitles.flatMap(([, key]) => {
      const { [key]: share } = accuracies;
      return share === undefined ? [] : [[key, wilsonInterval(share, testImages)]];
    }),
  );

/** "kNN 59.1 to 63.2%, linear probe 70.2 to 74.1%": the intervals of what was right at first. */
export const intervalTexts = (accuracies: Accuracies, testImages: number): string =>
  columnTitles
    .flatMap(([title, key]) => {
      const { [key]: share } = accuracies;
      return share === undefined || key.endsWith('Top5') ? [] : [`${title} ${intervalText(share, testImages)}`];
    })
    .join(', ');

/** A row an encoder; a column for each figure that one of them has. */
export function accuracyTable(rows: readonly (readonly [title: string, accuracies: Accuracies])[]): string {
  const columns = columnTitles.filter(([, key]) => rows.some(([, accuracies]) => accuracies[key] !== undefined));
  return formatTable(
    [
      ['', ...columns.map(([title]) => title)],
      ...rows.map(([title, accuracies]) => [
        title,
        ...columns.map(([, key]) => (accuracies[key] === undefined ? '–' : percent(accuracies[key]))),
      ]),
    ],
    { numeric: true },
  );
}
