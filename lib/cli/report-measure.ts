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
import { type RunEvaluation, writeEvaluation } from './evaluation-file.ts';
import { type ArrangedEncoder, arrange, type ExaminedEncoder, examine, judgedOf, voting } from './examine.ts';
import type { Output } from './output.ts';
import type { Arrangement, Evaluation, Judged } from './report/report-data.ts';
import { arrangementOf, evaluationOf } from './report-evaluation.ts';
import { encoderOfRun, type ReportedRun, untrainedOf } from './report-run.ts';

export interface Measuring {
  /** With what to call them. */
  readonly runs: readonly { readonly name: string; readonly run: ReportedRun }[];
  /** Where the images came from. */
  readonly data: RunConfig['data'];
  /** Why they may be nothing new to the encoders. */
  readonly doubt: string | undefined;
  readonly device: string;
  /** Of the maps. */
  readonly seed: number;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** @param run that the encoder is of; undefined for an untrained one. */
type Look<T> = (name: string, encoder: Encoder, augment: Augmentation, run: ReportedRun | undefined) => Promise<T>;

/** Looks at the untrained encoder of the first run, where it can be made, and at that of each run. */
async function lookAtAll<T>(
  { runs, device }: Measuring,
  look: Look<T>,
): Promise<{ untrained: T | undefined; trained: T[] }> {
  const [first] = runs as [Measuring['runs'][number]];
  const augmentOf = ({ record }: ReportedRun) => presets.evaluation(presetInput(record.config.input));
  using random = await untrainedOf(first.run, device);
  const untrained = random && (await look('Untrained', random, augmentOf(first.run), undefined));
  const trained: T[] = [];
  for (const { name, run } of runs) {
    using encoder = encoderOfRun(run, device);
    trained.push(await look(name, encoder, augmentOf(run), run));
  }
  return { untrained, trained };
}

/** Judges the encoders on labelled images. @returns also the files of what was measured. */
export async function measure(
  splits: LabelledSplits,
  measuring: Measuring,
): Promise<{ evaluation: Evaluation; files: string[] }> {
  const { runs, data, doubt, seed, output, signal } = measuring;
  const { untrained, trained } = await lookAtAll(measuring, async (name, encoder, augment, run) => {
    using features = await extractSplits(encoder, splits, {
      ...{ augment, signal },
      onProgress: (done, total) => output.progress.update(() => `${name}: features of ${done}/${total} images`),
    });
    const fineTuneTop1 = run && (await fineTunedShare(run, splits.test.classes, features.test));
    return { ...(await examine(name, features, signal)), ...(fineTuneTop1 !== undefined && { fineTuneTop1 }) };
  });
  const files: string[] = [];
  for (const [i, { run }] of runs.entries()) {
    const record = recordOf(run, data, splits, trained[i] as ExaminedEncoder, i === 0 ? untrained : undefined);
    files.push(await writeEvaluation(run.record.path, record));
  }
  output.progress.update('laying out the maps');
  const evaluation = await evaluationOf({
    encoders: [...(untrained ? [untrained] : []), ...trained],
    hasReference: untrained !== undefined,
    ...{ splits, seed, signal, ...(doubt !== undefined && { doubt }) },
  });
  return { evaluation, files };
}

/** How the encoders arrange images without labels. */
export async function measureArrangement(dataset: Dataset, measuring: Measuring): Promise<Arrangement> {
  const { seed, output, signal } = measuring;
  const { untrained, trained } = await lookAtAll<ArrangedEncoder>(measuring, async (name, encoder, augment) => {
    const { features: owned } = await extractFeatures(encoder, dataset, {
      ...{ augment, signal },
      onProgress: (done, total) => output.progress.update(() => `${name}: features of ${done}/${total} images`),
    });
    using features = owned;
    return await arrange(name, features, signal);
  });
  output.progress.update('laying out the maps');
  return arrangementOf([...(untrained ? [untrained] : []), ...trained], dataset, { seed, signal });
}

/** As evaluation.json keeps it. */
const shortened = (judged: Judged): Judged => ({
  ...judgedOf(judged),
  confidences: judged.confidences.map((value) => Number(value.toFixed(6))),
});

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

/** What evaluation.json keeps. */
function recordOf(
  { checkpoint }: ReportedRun,
  data: RunConfig['data'],
  { train, test }: LabelledSplits,
  trained: ExaminedEncoder,
  untrained: ExaminedEncoder | undefined,
): RunEvaluation {
  return {
    step: checkpoint.state.step,
    data,
    trainImages: train.length,
    testImages: test.length,
    ...voting,
    classes: train.classes ?? [],
    labels: trained.labels,
    chanceTop1: trained.chanceTop1,
    trained: shortened(trained),
    ...(untrained && { untrained: shortened(untrained) }),
  };
}
