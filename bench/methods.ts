/**
 * Every method on the bundled images, from the same initial encoder (ResNet-18 of width 16, CIFAR stem), for as many epochs,
 * with the same views: kNN and linear probe on the test images, as mean and deviation over seeds, beside the encoder as
 * it was initialised, by more seeds; images/s and peak memory, each training in a process of its own. Supervised cross entropy is the baseline.
 * Prints a table in Markdown; progress goes to stderr.
 *
 * With --tune, no test image is read: each method is trained on four fifths of the training images with each learning rate and
 * each option of its grid, and judged on the last fifth. The best go into bench/methods/settings.ts by hand.
 *
 * usage: npm run bench -- methods [--help]
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { methodNames, methodOf } from '../lib/methods/all.ts';
import { countOption } from '../lib/options/kinds.ts';
import { expectOneOf } from '../lib/validate.ts';
import { batchSizeFor, type Choice, chosenFor, gridOf } from './methods/settings.ts';
import { findings, mean, methodTable, percent, type Row } from './methods/table.ts';
import { type Figures, type Job, perform } from './methods/training.ts';
import { benchOptions, countOf, forChild } from './parts/options.ts';
import { markdown } from './peer.ts';

const values = benchOptions({
  epochs: countOf(5, 'passes over the images'),
  seeds: countOf(3, 'trainings of each method'),
  untrainedSeeds: countOf(10, 'encoders with initial weights'),
  limitTrain: countOf(10_000, 'training images'),
  methods: { type: 'string', value: 'NAMES', help: 'these alone, joined by commas' },
  threads: { ...countOption, value: 'N', help: 'CPU threads; default one a core' },
  tune: { type: 'boolean', help: 'on held-back images, to choose learning rates' },
  job: forChild,
});
const [epochs, limitTrain] = [values.epochs, values.limitTrain];
const { threads } = values;
const upTo = (count: number): number[] => [...Array(count).keys()];
const seeds = upTo(values.seeds);
const known = methodNames().filter((name) => name !== 'custom');
const methods = values.methods?.split(',').map((name) => expectOneOf('--methods', name, known)) ?? known;
/** Measured by the first training, and kept by the others. */
let precision: Job['precision'] = 'auto';

/** In a process of its own; undefined where the training diverged. */
function run(job: Pick<Job, 'trained' | 'seed' | 'judgedOn'>): Figures | undefined {
  const text = JSON.stringify({ ...job, epochs, limitTrain, precision, threads } satisfies Job);
  const args = ['--import', 'tsx', fileURLToPath(import.meta.url), '--job', text];
  const figures = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Figures | null;
  precision = figures?.speed?.precision ?? precision;
  const title = job.trained ? `${job.trained.method} ${show(job.trained.choice)}` : 'untrained';
  console.error(`${title}, seed ${job.seed}: ${describe(figures)}`);
  return figures ?? undefined;
}

const show = ({ lr, options }: Choice): string =>
  `lr ${lr}${Object.keys(options).length > 0 ? ` ${JSON.stringify(options)}` : ''}`;

function describe(figures: Figures | null): string {
  if (figures === null) return 'diverged';
  const { knn, linear, speed } = figures;
  const rate = speed ? `, ${speed.imagesPerSecond.toFixed(0)} images/s` : '';
  return `kNN ${percent([knn])} %, linear probe ${percent([linear])} %${rate}`;
}

/** @throws {Error} the training diverged. */
function judged(method: string | undefined, seed: number): Figures {
  const trained = method !== undefined && { method, choice: chosenFor(method) };
  const figures = run({ ...(trained && { trained }), seed, judgedOn: 'test' });
  if (figures === undefined) throw new Error(`${method}: the training diverged with seed ${seed}`);
  return figures;
}

/** Seed by seed, so that a drift of the machine's speed meets all methods. */
function compareMethods(): void {
  if (seeds.length < 2) throw new Error(`--seeds must be at least 2 for a deviation, got ${values.seeds}`);
  const allSeeds = upTo(Math.max(seeds.length, values.untrainedSeeds));
  const untrained: Row = {
    ...{ title: 'untrained', isSupervised: false },
    figures: allSeeds.map((seed) => judged(undefined, seed)),
  };
  const bySeed = seeds.map((seed) => methods.map((method) => judged(method, seed)));
  const rows = methods.map(
    (title, column): Row => ({
      title,
      batchSize: batchSizeFor(title),
      isSupervised: methodOf(title).labels === 'required',
      figures: bySeed.map((figures) => figures[column] as Figures),
    }),
  );
  console.log(
    `${limitTrain} training images, ${epochs} epochs, ${precision}${threads === undefined ? '' : `, threads ${threads}`}; ` +
      `mean ± deviation of ${seeds.length} seeds, of the untrained encoder of ${allSeeds.length}\n`,
  );
  console.log(`${methodTable(untrained, rows)}\n`);
  for (const finding of findings(untrained, rows)) console.log(finding);
}

function tune(method: string): string[] {
  const results = gridOf(method).map((choice) => {
    const figures = seeds.map((seed) => run({ trained: { method, choice }, seed, judgedOn: 'validation' }));
    const scores = figures.map((each) => (each === undefined ? 0 : (each.knn + each.linear) / 2));
    return { choice, score: mean(scores) };
  });
  const best = results.reduce((a, b) => (b.score > a.score ? b : a));
  return [method, show(best.choice), percent([best.score])];
}

if (values.job !== undefined) console.log(JSON.stringify(await perform(JSON.parse(values.job) as Job)));
else if (values.tune)
  console.log(markdown([['method', 'best', 'mean of kNN and linear probe, %'], ...methods.map(tune)]));
else compareMethods();
