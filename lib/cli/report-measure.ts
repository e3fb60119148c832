/** What `report` measures of the encoders of runs, and writes into them. */
import type { Augmentation } from '../augment/augment.ts';
import { presets } from '../augment/presets.ts';
import { classifierOf, holdsClassifier } from '../checkpoint/classifier.ts';
import { presetInput } from '../checkpoint/preset-input.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Encoder } from '../encoders/registry.ts';
import { extractFeatures } from '../evaluate/features.ts';
import { accuracyOf, type LabelledFeatures, readIndices } from '../evaluate/labelled.ts';
import { inEvaluation } from '../nn/evaluation.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import { extractSplits, type LabelledSplits } from './evaluate-run.ts';
import {
  evaluationFile,
  type KeptEncoder,
  type RunEvaluation,
  readEvaluation,
  writeEvaluation,
} from './evaluation-file.ts';
import { evaluationMark } from './evaluation-mark.ts';
import {
  type ArrangedEncoder,
  arrange,
  type ExaminedEncoder,
  examine,
  judgedOf,
  type Mapped,
  voting,
} from './examine.ts';
import type { Output } from './output.ts';
import type { Arrangement, Evaluation } from './report/report-data.ts';
import { arrangementOf, evaluationOf, withMaps } from './report-evaluation.ts';
import { encoderOfRun, type ReportedRun, untrainedOf } from './report-run.ts';

export interface Measuring {
  /** With what to call them. */
  readonly runs: readonly { readonly name: string; readonly run: ReportedRun }[];
  /** Where the images came from. */
  readonly data: RunConfig['data'];
  /** Why they may be nothing new to the encoders. */
  readonly doubt: string | undefined;
  readonly device: string;
  /** Shorter side that images were decoded to, in pixels. */
  readonly side: number;
  /** Of the maps. */
  readonly seed: number;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** @param run that the encoder is of; undefined for an untrained one. */
type Look<T> = (name: string, encoder: Encoder, augment: Augmentation, run: ReportedRun | undefined) => Promise<T>;

/** What is known before: of the untrained encoder, and of the runs by their places. */
interface Known<T> {
  readonly untrained?: T | undefined;
  readonly trained: readonly (T | undefined)[];
}

/** Looks at the untrained encoder of the first run, where it can be made, and at that of each run, unless it is known. */
async function lookAtAll<T>(
  { runs, device }: Measuring,
  look: Look<T>,
  known: Known<T> = { trained: [] },
): Promise<{ untrained: T | undefined; trained: T[] }> {
  const augmentOf = ({ record }: ReportedRun) => presets.evaluation(presetInput(record.config.input));
  const lookAtUntrained = async ({ run }: Measuring['runs'][number]): Promise<T | undefined> => {
    using random = await untrainedOf(run, device);
    return random && (await look('Untrained', random, augmentOf(run), undefined));
  };
  const untrained = known.untrained ?? (await lookAtUntrained(runs[0] as Measuring['runs'][number]));
  const trained: T[] = [];
  for (const [i, { name, run }] of runs.entries()) {
    const before = known.trained[i];
    if (before !== undefined) {
      trained.push(before);
      continue;
    }
    using encoder = encoderOfRun(run, device);
    trained.push(await look(name, encoder, augmentOf(run), run));
  }
  return { untrained, trained };
}

/** Judges the encoders on labelled images, but for what the runs' files have of the same. @returns also these files. */
export async function measure(
  splits: LabelledSplits,
  measuring: Measuring,
): Promise<{ evaluation: Evaluation; files: string[] }> {
  const { runs, doubt, seed, output, signal } = measuring;
  const marks = await Promise.all(runs.map(({ run }) => evaluationMark(run, splits, measuring)));
  const kept = await Promise.all(runs.map(({ run }, i) => readEvaluation(run.record.path, marks[i] as string)));
  const known = {
    untrained: kept[0]?.untrained && restored('Untrained', kept[0].untrained, kept[0]),
    trained: kept.map((each, i) => each && restored(runs[i]?.name as string, each.trained, each)),
  };
  const look: Look<Mapped<ExaminedEncoder> | ExaminedEncoder> = async (name, encoder, augment, run) => {
    using features = await extractSplits(encoder, splits, {
      ...{ augment, signal },
      onProgress: (done, total) => output.progress.update(() => `${name}: features of ${done}/${total} images`),
    });
    const fineTuneTop1 = run && (await fineTunedShare(run, splits.test.classes, features.test));
    return { ...(await examine(name, features, signal)), ...(fineTuneTop1 !== undefined && { fineTuneTop1 }) };
  };
  const { untrained: reference, trained: looked } = await lookAtAll(measuring, look, known);
  const all = [...(reference ? [reference] : []), ...looked];
  if (all.some((each) => !('map' in each))) output.progress.update('laying out the maps');
  const encoders = await withMaps(all, { seed, signal });
  const untrained = reference && encoders[0];
  const trained = encoders.slice(untrained ? 1 : 0);
  const files: string[] = [];
  for (const [i, { run }] of runs.entries()) {
    const { path } = run.record;
    if (kept[i] !== undefined && (i > 0 || reference === known.untrained)) {
      files.push(evaluationFile(path));
      output.print(`${evaluationFile(path)}: measured before, of the same weights and images`);
      continue;
    }
    const found = recordOf(run, splits, trained[i] as Mapped<ExaminedEncoder>, i === 0 ? untrained : undefined);
    files.push(await writeEvaluation(path, { of: marks[i] as string, data: measuring.data, ...found }));
  }
  const hasReference = untrained !== undefined;
  const evaluation = await evaluationOf({ encoders, hasReference, splits, ...(doubt !== undefined && { doubt }) });
  return { evaluation, files };
}

/** How the encoders arrange images without labels. */
export async function measureArrangement(dataset: Dataset, measuring: Measuring): Promise<Arrangement> {
  const { seed, output, signal } = measuring;
  const { untrained, trained } = await lookAtAll<ArrangedEncoder>(measuring, async (name, encoder, augment) => {
    const { features: owned } = await extractFeatures(encoder, dataset, {
      ...{ evaluation: augment, signal },
      onProgress: (done, total) => output.progress.update(() => `${name}: features of ${done}/${total} images`),
    });
    using features = owned;
    return await arrange(name, features, signal);
  });
  output.progress.update('laying out the maps');
  return arrangementOf(await withMaps([...(untrained ? [untrained] : []), ...trained], { seed, signal }), dataset);
}

/** As evaluation.json keeps it; nine digits are all that a float32 has. */
const shortened = ({ map, neighbours, mistakes, ...judged }: Mapped<ExaminedEncoder>): KeptEncoder => ({
  ...judgedOf(judged),
  map: Array.from(map, (value) => Number(value.toPrecision(9))),
  neighbours: neighbours.map((row) => [...row]),
  mistakes: mistakes.map(({ test, neighbours: row }) => ({ test, neighbours: [...row] })),
});

const restored = (
  name: string,
  { map, ...kept }: KeptEncoder,
  { labels, chanceTop1 }: RunEvaluation,
): Mapped<ExaminedEncoder> => ({ name, ...kept, map: Float32Array.from(map), labels, chanceTop1 });

/** The share of the test images that a run's own classifier gets right; undefined without one, or of images of other classes. */
async function fineTunedShare(
  { record, checkpoint }: ReportedRun,
  classes: readonly string[] | undefined,
  { features, labels }: LabelledFeatures,
): Promise<number | undefined> {
  if (!holdsClassifier(record.config) || JSON.stringify(classes) !== JSON.stringify(record.config.classes))
    return undefined;
  using head = classifierOf(record, checkpoint).head.to(features.device);
  using found = noGrad(() => tidy(() => inEvaluation([head], () => head.forward(features)).argmax(1)));
  return accuracyOf(await readIndices(found), labels as Int32Array);
}

/** What evaluation.json keeps of a run. */
const recordOf = (
  { checkpoint }: ReportedRun,
  { train, test }: LabelledSplits,
  trained: Mapped<ExaminedEncoder>,
  untrained: Mapped<ExaminedEncoder> | undefined,
): Omit<RunEvaluation, 'of' | 'data'> => ({
  step: checkpoint.state.step,
  trainImages: train.length,
  testImages: test.length,
  ...voting,
  classes: train.classes ?? [],
  labels: trained.labels,
  chanceTop1: trained.chanceTop1,
  trained: shortened(trained),
  ...(untrained && { untrained: shortened(untrained) }),
});
