/** What metrics.jsonl says over a training: a curve for each figure. */
import { isObject } from '../files/strict-json.ts';

export interface Curve {
  /** Position of each value in epochs, a fraction inside an epoch; ascending. */
  readonly epochs: readonly number[];
  readonly values: readonly number[];
}

/** By the figure's name in metrics.jsonl. */
export type Curves = Readonly<Record<string, Curve>>;

type JsonRecord = Readonly<Record<string, unknown>>;

/** Of a step: what it is of, and what says how long it took. */
const notFigures = new Set(['kind', 'step', 'epoch', 'metrics', 'secondsLeft', 'chanceTop1', 'testImages']);

function figuresOf(record: JsonRecord): [string, number][] {
  const { metrics, ...own } = record;
  const figures = { ...(record.kind === 'step' && own), ...(isObject(metrics) && metrics) };
  return Object.entries(figures).filter(
    (entry): entry is [string, number] => !notFigures.has(entry[0]) && Number.isFinite(entry[1]),
  );
}

/** Steps of an epoch; undefined before the first step. */
export function stepsPerEpochOf(records: readonly JsonRecord[]): number | undefined {
  const ended = records.find(({ kind }) => kind === 'epoch');
  if (ended !== undefined) return Number(ended.step) / (Number(ended.epoch) + 1);
  return records.filter(({ kind, epoch }) => kind === 'step' && epoch === 0).length || undefined;
}

/** @param records of metrics.jsonl, or a training's events. */
export function curvesOf(records: readonly JsonRecord[]): Curves {
  const stepsPerEpoch = stepsPerEpochOf(records) ?? 1;
  const curves: Record<string, { epochs: number[]; values: number[] }> = {};
  for (const record of records.filter(({ kind }) => kind === 'step' || kind === 'monitor' || kind === 'epoch'))
    for (const [name, value] of figuresOf(record)) {
      curves[name] ??= { epochs: [], values: [] };
      curves[name].epochs.push(Number(record.step) / stepsPerEpoch);
      curves[name].values.push(value);
    }
  return curves;
}

/** A figure as people read it. */
export interface FigureText {
  readonly title: string;
  /** What the axis counts. */
  readonly axis: string;
  readonly isShare?: true;
  readonly explains: string;
}

/** In the order in which they are shown; what is not here comes last, under its own name. */
const texts: Readonly<Record<string, FigureText>> = {
  loss: {
    title: 'Loss',
    axis: 'loss',
    explains: 'Low when views that belong together lie close and all others lie apart.',
  },
  knnTop1: {
    title: 'kNN accuracy',
    axis: 'test images right',
    isShare: true,
    explains: 'Test images whose class their 20 nearest training images tell.',
  },
  probeTop1: {
    title: 'Online probe',
    axis: 'images right',
    isShare: true,
    explains: 'Training images whose class a linear classifier tells before it learns from them.',
  },
  queueKnnTop1: {
    title: 'kNN among the newest features',
    axis: 'images right',
    isShare: true,
    explains: 'Newest training images whose class the nearest others tell.',
  },
  top1: {
    title: 'Nearest is a positive',
    axis: 'rows of a batch',
    isShare: true,
    explains: 'Rows of a batch whose nearest other row belongs to them.',
  },
  rankMe: {
    title: 'Effective rank',
    axis: 'dimensions',
    explains: 'Dimensions that the features use (RankMe); a few mean a collapse.',
  },
  spread: {
    title: 'Spread',
    axis: '√dim · deviation',
    explains: '1: all over the sphere; 0: all embeddings are equal, a collapse.',
  },
  featureSpread: {
    title: 'Spread of the features',
    axis: '√dim · deviation',
    explains: 'As the spread, of what the encoder gives, before the head.',
  },
  alignment: {
    title: 'Alignment',
    axis: 'squared distance',
    explains: 'Mean squared distance of pairs that belong together; lower is closer.',
  },
  featureAlignment: {
    title: 'Alignment of the features',
    axis: 'squared distance',
    explains: 'As the alignment, before the head.',
  },
  uniformity: {
    title: 'Uniformity',
    axis: 'log potential',
    explains: 'Lower: spread more evenly over the sphere.',
  },
  featureUniformity: {
    title: 'Uniformity of the features',
    axis: 'log potential',
    explains: 'As the uniformity, before the head.',
  },
  positiveSimilarity: {
    title: 'Similarity of positives',
    axis: 'cosine',
    explains: 'Mean cosine of pairs that belong together.',
  },
  negativeSimilarity: {
    title: 'Similarity of the others',
    axis: 'cosine',
    explains: 'Mean cosine of pairs that do not belong together.',
  },
  gradientNorm: { title: 'Gradient', axis: '2-norm', explains: 'Length of the gradient before clipping.' },
  lossScale: {
    title: 'Loss scale',
    axis: 'factor',
    explains: 'Of the loss in float16; halved where a step is skipped.',
  },
  learningRate: { title: 'Learning rate', axis: 'rate', explains: 'Of the optimizer.' },
  samplesPerSecond: {
    title: 'Speed',
    axis: 'images a second',
    explains: 'Mean since the training began or was resumed.',
  },
  validAnchors: { title: 'Anchors with a positive', axis: 'rows of a batch', explains: 'Rows that the loss counts.' },
};

export const figureText = (name: string): FigureText =>
  texts[name] ?? { title: name, axis: name, explains: 'A figure of a monitor.' };

/** The names of the figures that any of `all` has, in the order in which they are shown. */
export function figureNames(all: readonly Curves[]): string[] {
  const found = new Set(all.flatMap((curves) => Object.keys(curves)));
  const known = Object.keys(texts).filter((name) => found.has(name));
  return [...known, ...[...found].filter((name) => !(name in texts)).sort()];
}
