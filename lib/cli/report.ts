/** `contrastive report`: a page about one run or several. */

import { join, resolve } from 'node:path';
import { describeDataset } from '../data/dataset.ts';
import { OptionError } from '../errors.ts';
import { seedOption } from '../options/kinds.ts';
import { type CommandContext, defineCommand, type OptionTable, type OptionValues } from './command.ts';
import { curvesOf } from './curves.ts';
import { dataOption, dataText, type Splits } from './data-option.ts';
import { accuracyTable, type LabelledSplits } from './evaluate-run.ts';
import { flag } from './flag.ts';
import { listed } from './format.ts';
import { setMachine } from './machine.ts';
import { placeFor, writeOutput } from './output-file.ts';
import type { Level } from './report/chart.ts';
import { renderReport } from './report/report.ts';
import type { Evaluation } from './report/report-data.ts';
import { factsOf, notesOf } from './report-facts.ts';
import { measure, measureArrangement } from './report-measure.ts';
import { openReported, type ReportedRun } from './report-run.ts';
import { loadRunData, ofRunData, type RunData } from './run-data.ts';
import { namesOf } from './run-names.ts';
import { ofDevice, ofThreads } from './shared-options.ts';
import { shellWord } from './train-options.ts';
import { sideOf } from './training.ts';

const reportOptions = {
  out: {
    type: 'string',
    short: 'o',
    value: 'FILE',
    help: 'the page; default report.html in the run, or here for several',
  },
  data: { ...dataOption, help: "as in train; default the runs' own images" },
  ...ofRunData,
  seed: flag(seedOption, { help: 'of the maps, and of what is put aside where there are no test images' }),
  ...ofDevice,
  ...ofThreads,
} as const satisfies OptionTable;

type ReportOptions = OptionValues<typeof reportOptions>;

export const command = defineCommand({
  name: 'report',
  summary: 'write a page about a run or several: curves, accuracies, classes, mistakes, maps, neighbours',
  positionals: 'RUN…',
  maxPositionals: 6,
  help: `
Judges the encoder of each run by its best checkpoint (by kNN, where training measured it; the newest otherwise; RUN/checkpoints/STEP names another) on the run's own test images, beside the same network with random weights, and writes one HTML file that loads nothing: every figure of metrics.jsonl over the epochs, accuracies with 95% intervals, class by class, the worst mistakes, maps, neighbours, what was left out, and the commands that do it again. Several runs must be of the same data, with the same images put aside.

Every number of the page is in a file: the curves in metrics.jsonl, the choices in config.json, and the rest in evaluation.json, which this writes into the folder of each run. What that file has of the same weights and images is not measured again: of a run that has not changed, the page is there at once. The page carries them as CSV and JSON too.

Without labelled test images the page has no accuracies, but maps of the training images, and the nearest others of some.

With --json, one object: report (the page), evaluations (files), encoders: [{ name, knnTop1, linearTop1 }], of runs of fine-tune with fineTuneTop1, what their classifier reaches.`,
  examples: [
    { run: 'contrastive report runs/photos', explains: 'Into runs/photos/report.html.' },
    { run: 'contrastive report runs/a runs/b --out ab.html', explains: 'Two encoders judged on the same images.' },
  ],
  options: reportOptions,
  run: report,
});

async function report({ options, positionals, signal, output }: CommandContext<typeof reportOptions>): Promise<void> {
  if (positionals.length === 0) throw new OptionError('contrastive report: RUN is missing, the folder of a run');
  setMachine(options);
  const runs: ReportedRun[] = [];
  for (const path of positionals) runs.push(await openReported(path, output));
  const [first, ...others] = runs as [ReportedRun, ...ReportedRun[]];
  refuseOtherData([first, ...others], options.data);
  const names = namesOf(runs.map(({ record }) => record));
  const usual = runs.length === 1 ? join(first.record.path, 'report.html') : 'report.html';
  const out = await placeFor(options.out ?? usual, '--out', '.html');
  const splits = await loadFor([first, ...others], options, { output, signal });
  const labelled = await labelledSplits(splits);
  const { device, seed } = options;
  const measuring = {
    runs: runs.map((run, i) => ({ name: names[i] as string, run })),
    ...{ data: splits.data, doubt: splits.doubt, side: sideFor(runs), device, seed, output, signal },
  };
  const measured = labelled && (await measure(labelled, measuring));
  const evaluation = measured?.evaluation;
  const arrangement =
    labelled || splits.train.length < 2 ? undefined : await measureArrangement(splits.train, measuring);
  const page = await renderReport({
    title: names.length === 1 ? `Run ${names[0]}` : listed(names),
    facts: factsOf(runs, splits),
    notes: notesOf(runs, splits, labelled === undefined ? (splits.noTest ?? 'the images have no labels') : undefined),
    commands: commandsOf(runs, positionals, options),
    trainings: runs.map(({ record }, i) => ({ name: names[i] as string, curves: curvesOf(record.records) })),
    levels: { knnTop1: levelsOf(runs, evaluation) },
    ...(evaluation && { evaluation }),
    ...(arrangement && { arrangement }),
  });
  await writeOutput(out, page);
  output.progress.done();
  if (evaluation !== undefined) output.print(accuracyTable(evaluation.encoders.map((each) => [each.name, each])));
  output.print(`open the report: ${out}`);
  output.emit({
    kind: 'result',
    report: out,
    evaluations: measured?.files ?? [],
    encoders: (evaluation?.encoders ?? []).map(({ name, knnTop1, linearTop1, fineTuneTop1 }) => ({
      ...{ name, knnTop1, linearTop1 },
      ...(fineTuneTop1 !== undefined && { fineTuneTop1 }),
    })),
  });
}

/** @throws {OptionError} runs that are judged on other images than the first, where nobody says on which to judge. */
function refuseOtherData([first, ...others]: readonly [ReportedRun, ...ReportedRun[]], data: string | undefined): void {
  if (data !== undefined) return;
  const textOf = ({ record: { config } }: ReportedRun): string => dataText(config.data);
  for (const other of others) {
    if (textOf(other) !== textOf(first))
      throw new OptionError(
        `the runs are of different data, ${textOf(first)} and ${textOf(other)}: --data says on which to judge them`,
      );
    if (asideText(other) !== asideText(first))
      throw new OptionError(
        `the runs put aside different images to judge on, ${first.record.name} ${asideText(first)} and ${other.record.name} ${asideText(other)}, ` +
          'so that one was trained on test images of the other: --data takes a folder with test images of its own',
      );
  }
}

/** The side to decode images to: as the trainings did, so that their figures come out again. */
const sideFor = (runs: readonly ReportedRun[]): number => Math.max(...runs.map(({ record }) => sideOf(record.config)));

/** What a run put aside of its images. */
function asideText({ record: { config } }: ReportedRun): string {
  const { heldOut } = config.data;
  return heldOut === undefined ? 'none' : `${heldOut.fraction} of each class by seed ${heldOut.seed}`;
}

async function loadFor(
  [first, ...others]: readonly [ReportedRun, ...ReportedRun[]],
  options: ReportOptions,
  { output, signal }: Pick<CommandContext, 'output' | 'signal'>,
): Promise<RunData> {
  const { path, config } = first.record;
  const side = sideFor([first, ...others]);
  const loaded = await loadRunData({ ...options, run: path, side }, config, { output, signal });
  if (!loaded.isJudgedOnHeldOut || new Set([first, ...others].map(asideText)).size === 1) return loaded;
  const doubt =
    'the runs put aside different images: if these are theirs, some were trained on images that all are judged on';
  output.warn(doubt);
  return { ...loaded, doubt };
}

/** Undefined where there is nothing to judge on. */
async function labelledSplits({ train, test }: Splits): Promise<LabelledSplits | undefined> {
  if (test === undefined) return undefined;
  const { labelled } = await describeDataset(test);
  return labelled ? { train, test } : undefined;
}

/** What the kNN accuracies over the epochs are compared with: of one run its own beginning, of several chance alone. */
function levelsOf(runs: readonly ReportedRun[], evaluation: Evaluation | undefined): Level[] {
  const [first] = runs;
  const { before, chance = evaluation?.chanceTop1 } = first?.record.knn ?? {};
  return [
    ...(runs.length === 1 && before !== undefined ? [{ name: 'before training', value: before }] : []),
    ...(chance === undefined ? [] : [{ name: 'chance', value: chance }]),
  ];
}

function commandsOf(runs: readonly ReportedRun[], paths: readonly string[], given: ReportOptions): string[] {
  const { data, limitTrain, limitTest, skipDamaged, seed } = given;
  const flags = [
    ...(data === undefined ? [] : ['--data', shellWord(data)]),
    ...(limitTrain === undefined ? [] : ['--limit-train', limitTrain]),
    ...(limitTest === undefined ? [] : ['--limit-test', limitTest]),
    ...(given.split === 'test' ? [] : ['--split', given.split]),
    ...(skipDamaged ? ['--skip-damaged'] : []),
    ...(seed === 0 ? [] : ['--seed', seed]),
  ];
  return [
    ...runs.map(({ record }) => {
      const config = join(record.path, 'config.json');
      return `npx contrastive train --config ${shellWord(config)} --out ${shellWord(`${record.path}-again`)}`;
    }),
    ['npx contrastive report', ...paths.map((path) => shellWord(resolve(path))), ...flags].join(' '),
  ];
}
