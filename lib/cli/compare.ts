/** `contrastive compare`: how runs differ in their configs, and what came of it. */
import { OptionError } from '../errors.ts';
import { sharesDiffer } from '../evaluate/proportion.ts';
import { clip } from '../validate.ts';
import { type CommandContext, defineCommand, type OptionTable } from './command.ts';
import { compareConfigs } from './config-differences.ts';
import { type Curve, curvesOf, figureNames, figureText } from './curves.ts';
import { dataText } from './data-option.ts';
import { counted, formatTable } from './format.ts';
import { bestOf, intervalText } from './knn-history.ts';
import { placeFor, writeOutput } from './output-file.ts';
import { valueText } from './report/chart.ts';
import { renderComparison } from './report/comparison.ts';
import { percent } from './report/results.ts';
import { namesOf } from './run-names.ts';
import { type RunRecord, readRun } from './run-record.ts';

const compareOptions = {
  html: { type: 'string', value: 'FILE', help: 'also write a page with the curves over each other' },
} as const satisfies OptionTable;

export const command = defineCommand({
  name: 'compare',
  summary: 'how runs differ: their configs, the differences first, curves and figures side by side',
  positionals: 'RUN RUN…',
  maxPositionals: 8,
  help: `
Says of two runs or more what differs in their configs, what each figure was at its end, and how it went (▁ to █, on one scale for all runs). Only what metrics.jsonl and config.json hold is read; nothing is computed anew: contrastive report judges the encoders side by side on the same images.

The best kNN accuracies are compared by a test of two proportions at 5%, where all are of the same data and were measured on as many test images.

With --json, one object: runs (run, step, epochs, and the last value of each figure), and differences, the values of each field by run.`,
  examples: [
    { run: 'contrastive compare runs/a runs/b', explains: 'On the terminal.' },
    { run: 'contrastive compare runs/a runs/b --html compare.html', explains: 'And as a page with charts.' },
  ],
  options: compareOptions,
  run: compare,
});

async function compare({ options, positionals, output }: CommandContext<typeof compareOptions>): Promise<void> {
  if (positionals.length < 2) throw new OptionError('contrastive compare: needs two runs at least');
  const file = options.html === undefined ? undefined : await placeFor(options.html, '--html', '.html');
  const runs: RunRecord[] = [];
  for (const path of positionals) runs.push(await readRun(path));
  const names = namesOf(runs);
  const fields = compareConfigs(runs.map(({ config }) => config));
  const different = fields.filter(({ differs }) => differs);
  const curves = runs.map(({ records }) => curvesOf(records));

  output.print(
    different.length === 0
      ? 'The configs are the same.'
      : formatTable([
          ['differs', ...names],
          ...different.map(({ name, values }) => [name, ...values.map((value) => clip(value ?? '–', widest))]),
        ]),
  );
  output.print(`\n${counted(fields.length - different.length, 'other field')} of the configs are the same.\n`);
  output.print(formatTable([['', ...names], ...figureRows(runs, curves)]));
  const word = knnWord(runs, names);
  if (word !== undefined) output.print(`\n${word}`);
  if (file !== undefined) {
    const trainings = runs.map((_, i) => ({ name: names[i] as string, curves: curves[i] as (typeof curves)[number] }));
    await writeOutput(file, renderComparison({ runs, names, fields, trainings, word }));
    output.print(`\nopen the page: ${file}`);
  }
  output.emit({
    kind: 'result',
    runs: runs.map(({ path, step, epochs }, i) => ({ run: path, step, epochs, figures: lastValues(curves[i] ?? {}) })),
    differences: Object.fromEntries(different.map(({ name, values }) => [name, values.map((value) => value ?? null)])),
  });
}

const lastValues = (curves: Readonly<Record<string, Curve>>): Record<string, number> =>
  Object.fromEntries(Object.entries(curves).map(([name, { values }]) => [name, values.at(-1) as number]));

/** Of a cell that is printed; a page and --json have values whole. */
const widest = 40;

const blocks = '▁▂▃▄▅▆▇█';
const sparkColumns = 16;

/** A curve in a few characters, between the least and the largest value of all runs. */
export function spark({ values }: Curve, low: number, high: number): string {
  const columns = Math.min(sparkColumns, values.length);
  return Array.from({ length: columns }, (_, i) => {
    const part = values.slice(
      Math.floor((i * values.length) / columns),
      Math.floor(((i + 1) * values.length) / columns),
    );
    const mean = part.reduce((sum, value) => sum + value, 0) / part.length;
    const place = high > low ? (mean - low) / (high - low) : 0.5;
    return blocks[Math.min(blocks.length - 1, Math.floor(place * blocks.length))];
  }).join('');
}

function figureRows(runs: readonly RunRecord[], curves: readonly Readonly<Record<string, Curve>>[]): string[][] {
  const knn = (of: (run: RunRecord) => string | undefined, title: string): string[][] => {
    const cells = runs.map(of);
    return cells.some((cell) => cell !== undefined) ? [[title, ...cells.map((cell) => cell ?? '–')]] : [];
  };
  return [
    ['state', ...runs.map(({ state }) => state)],
    ['epochs', ...runs.map(({ epochs, config }) => `${epochs}/${config.epochs}`)],
    ['steps', ...runs.map(({ step }) => step.toLocaleString('en'))],
    ...knn((run) => run.knn && bestText(run), 'best kNN'),
    ...knn(
      ({ knn: history }) => (history?.before === undefined ? undefined : percent(history.before)),
      'kNN before training',
    ),
    ...figureNames(curves).map((name) => {
      const all = curves.flatMap(({ [name]: curve }) => curve?.values ?? []);
      const [low, high] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
      const { title, isShare = false } = figureText(name);
      const cell = (curve: Curve | undefined): string =>
        curve === undefined ? '–' : `${valueText(curve.values.at(-1) as number, isShare)} ${spark(curve, low, high)}`;
      return [`${title.slice(0, 1).toLowerCase()}${title.slice(1)}`, ...curves.map(({ [name]: curve }) => cell(curve))];
    }),
  ];
}

/** "61.2% (59.0 to 63.3%), epoch 8 of 10" */
export function bestText({ knn, epochs }: Pick<RunRecord, 'knn' | 'epochs'>): string | undefined {
  if (knn === undefined) return undefined;
  const best = bestOf(knn);
  return `${percent(best.top1)} (${intervalText(best.top1, knn.testImages)}), epoch ${best.epoch + 1} of ${epochs}`;
}

/** Whether the best run is ahead of the others beyond noise; undefined where their accuracies cannot be compared. */
export function knnWord(runs: readonly RunRecord[], names: readonly string[]): string | undefined {
  const measured = runs.flatMap(({ knn }, i) =>
    knn === undefined ? [] : [{ name: names[i] as string, top1: bestOf(knn).top1, count: knn.testImages }],
  );
  if (measured.length > 1 && new Set(runs.map(({ config }) => dataText(config.data))).size > 1)
    return 'The runs are of different data: their kNN accuracies are not compared.';
  const [first, second] = measured.toSorted((a, b) => b.top1 - a.top1);
  if (first === undefined || second === undefined) return undefined;
  const { count } = first;
  if (measured.some((each) => each.count !== count))
    return 'The kNN accuracies were measured on different numbers of test images: they are not compared.';
  const noise = `the noise of ${counted(count, 'test image')}`;
  return sharesDiffer(first.top1, second.top1, count)
    ? `${first.name} is ahead by kNN, beyond ${noise}.`
    : `The best two by kNN, ${first.name} and ${second.name}, do not differ beyond ${noise}.`;
}
