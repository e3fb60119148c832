/** What a report says of how runs came about, and what they left out. */
import { stepsPerEpochOf } from './curves.ts';
import type { Splits } from './data-option.ts';
import { counted } from './format.ts';
import type { ReportFact } from './report/report-data.ts';
import type { ReportedRun } from './report-run.ts';
import { dataTextOf, encoderText } from './run-record.ts';
import { sideOf } from './training.ts';

/** A fact of each run, once where it is the same for all. */
function fact(label: string, runs: readonly ReportedRun[], of: (run: ReportedRun) => string): ReportFact {
  const values = runs.map(of);
  return { label, value: new Set(values).size === 1 ? (values[0] as string) : values.join(' · ') };
}

const wordOf = ({ name }: { readonly [option: string]: unknown }): string => String(name);

export function factsOf(runs: readonly ReportedRun[], { train, test }: Splits): ReportFact[] {
  return [
    fact('Method', runs, ({ record }) => record.config.method.name),
    fact('Encoder', runs, ({ record }) => encoderText(record.config)),
    fact('Data', runs, ({ record }) => dataTextOf(record.config)),
    { label: 'Training images here', value: train.length.toLocaleString('en') },
    ...(test ? [{ label: 'Test images', value: test.length.toLocaleString('en') }] : []),
    fact('Epochs', runs, ({ record }) => `${record.epochs} of ${record.config.epochs}`),
    fact('Checkpoint', runs, ({ record, checkpoint }) => checkpointText(record.best?.step, checkpoint.state.step)),
    fact('Batch', runs, ({ record: { config } }) =>
      config.accumulate === undefined
        ? counted(config.batchSize, 'image')
        : `${config.accumulate} × ${config.batchSize}`,
    ),
    fact('Optimizer', runs, ({ record: { config } }) => `${wordOf(config.optimizer)}, rate ${config.optimizer.lr}`),
    fact('Views', runs, ({ record: { config } }) => (config.preset ? wordOf(config.preset) : 'of a program')),
    fact('Precision', runs, ({ record }) => record.config.precision),
    fact('Seed', runs, ({ record }) => String(record.config.seed)),
  ];
}

const checkpointText = (best: number | undefined, step: number): string =>
  `${best === step ? 'best by kNN, ' : ''}step ${step.toLocaleString('en')}`;

/** @param unjudged why there are no accuracies. */
export function notesOf(
  runs: readonly ReportedRun[],
  { train: { leftOut = [] } }: Splits,
  unjudged: string | undefined,
): string[] {
  return [
    ...(unjudged === undefined ? [] : [`There are no accuracies: ${unjudged}.`]),
    ...runs.flatMap(({ record }) => droppedNote(record.name, record)),
    ...runs.flatMap(choiceNote),
    ...sidesNote(runs),
    ...(leftOut.length === 0 ? [] : [`In the folder and no part of the data: ${leftOut.join(', ')}.`]),
  ];
}

/** Of runs whose trainings decoded images to several sizes. */
const sidesNote = (runs: readonly ReportedRun[]): string[] =>
  new Set(runs.map(({ record }) => sideOf(record.config))).size === 1
    ? []
    : [
        'Here all images are decoded to the largest size that one of the trainings needed: figures may differ a little from theirs.',
      ];

/** A checkpoint that was chosen for its figure is a little worse than that. */
function choiceNote({ record: { name, best, knn }, checkpoint }: ReportedRun): string[] {
  const measured = knn?.epochs.length ?? 0;
  if (best?.step !== checkpoint.state.step || measured < 2) return [];
  return [
    `${name}: of ${measured} epochs at which kNN was measured on the test images of the run, this one was best; its accuracy on them flatters it a little.`,
  ];
}

/** Images that each epoch leaves out, since the last batch would not be full; others each time. */
function droppedNote(name: string, { config, records }: ReportedRun['record']): string[] {
  const steps = stepsPerEpochOf(records);
  const { dataset, batchSize, accumulate = 1, sampler } = config;
  if (steps === undefined || dataset === undefined || sampler !== undefined) return [];
  const dropped = dataset.length - steps * batchSize * accumulate;
  if (dropped <= 0) return [];
  return [
    `${name}: each epoch leaves out ${dropped.toLocaleString('en')} of ${counted(dataset.length, 'image')}, others each time: ${counted(steps, 'step')} of ${batchSize * accumulate}.`,
  ];
}
