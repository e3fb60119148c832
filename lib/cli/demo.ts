/** `contrastive demo`: three ways to learn from the same images, compared in a table and a report. */
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setAugmentThreads } from '../augment/augment.ts';
import { describeDataset } from '../data/dataset.ts';
import { DataError, messageOf } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import { loadAddon } from '../native/addon.ts';
import type { Precision } from '../tensor/precision.ts';
import { setThreads } from '../tensor/runtime.ts';
import type { EndEvent, TrainEvent } from '../train/events.ts';
import { type CommandContext, defineCommand, type OptionTable, type OptionValues } from './command.ts';
import { loadSplits, parseData, profileOf } from './data-option.ts';
import { type DemoPlan, measureFirstSteps, mostImages, planDemo } from './demo-plan.ts';
import { type DemoEncoder, demoReport, readForReport } from './demo-report.ts';
import { accuracyTable, extractSplits, judge, type LabelledSplits } from './evaluate-run.ts';
import { formatDuration } from './format.ts';
import type { Output } from './output.ts';
import { type Method, makeTraining, type RecipeChoices, type Training } from './recipe.ts';
import type { LossCurve, ReportFact } from './report/report-data.ts';
import { percent } from './report/results.ts';
import { ofDevice, ofThreads, positive } from './shared-options.ts';
import { formatRate, TrainProgress } from './train-progress.ts';

const bundled = 'fashion-mnist:bundled';

const demoOptions = {
  epochs: { ...positive, help: 'passes over the training images, for each method; default: what fits three minutes' },
  limitTrain: { ...positive, help: 'training images, at most 10000; default: what fits three minutes' },
  limitTest: { ...positive, default: 2000, help: 'test images, at most 2000' },
  out: { type: 'string', short: 'o', value: 'FILE', default: 'report.html', help: 'the report' },
  seed: { type: 'number', value: 'N', default: 0, min: 0, integer: true, help: 'of weights, order and views' },
  ...ofDevice,
  ...ofThreads,
} as const satisfies OptionTable;

type DemoOptions = OptionValues<typeof demoOptions>;

/** The best that was found for a minute a method, on fast and slow machines: many small steps, and strong jitter. */
const recipe = {
  encoder: 'resnet18',
  width: 16,
  headDim: 128,
  temperature: 0.1,
  optimizer: 'sgd',
  lr: 0.05,
  warmup: 0.05,
  jitter: 0.8,
  batchSize: 64,
} as const;

const methods = [
  { title: 'SimCLR', method: 'simclr' },
  { title: 'SupCon (out)', method: 'supcon', variant: 'out' },
  { title: 'SupCon (in)', method: 'supcon', variant: 'in' },
] as const;

export const command = defineCommand({
  name: 'demo',
  summary: 'train with SimCLR and SupCon on bundled images and write a report; a few minutes on two cores',
  help: `
Trains one encoder (ResNet-18 of width ${recipe.width}) three times from the same start on up to 10 000 images of Fashion-MNIST, which this package carries; how many, and how often it sees them, follows from this machine's speed, so that training takes about three minutes: with SimCLR, which sees no labels, and with both forms of SupCon. Then 2 000 test images are classified by the features of the encoder before training and after each: by their nearest training images (kNN) and by a linear probe.

Writes report.html: the table, loss curves, maps of the test images by each encoder, and images with their nearest neighbours. It is one file that loads nothing.

With --json, one object a line: { kind: "plan", imagesPerSecond, images, epochs, precision }, the events of training, each with its method, and at last { kind: "result", encoders: [{ name, knnTop1, linearTop1, … }], report, seconds }.`,
  examples: [
    { run: 'contrastive demo', explains: 'As much as fits about three minutes of training, into ./report.html.' },
    {
      run: 'contrastive demo --epochs 1 --limit-train 2000',
      explains: 'A look in half a minute; too short to get past the untrained encoder.',
    },
  ],
  options: demoOptions,
  run: demo,
});

async function demo({ options, signal, output }: CommandContext<typeof demoOptions>): Promise<void> {
  const began = performance.now();
  const out = resolve(options.out);
  await mkdir(dirname(out), { recursive: true }).catch((error: unknown) => {
    throw new DataError(`${dirname(out)}: cannot be made: ${messageOf(error)}`, { cause: error });
  });
  if (options.threads !== undefined) {
    setThreads(options.threads);
    setAugmentThreads(options.threads);
  }
  const { splits, plan } = await fitMachine({ options, signal, output });
  output.print(`${(await describeDataset(splits.train)).text}; ${splits.test.length} test images`);
  const { encoders, device } = await compare({ splits, plan, options, signal, output });
  output.progress.update('laying out the maps');
  const page = await demoReport(encoders, {
    title: 'SimCLR and SupCon on Fashion-MNIST',
    facts: factsOf(splits, plan, options, device, (performance.now() - began) / 1000),
    splits,
    seed: options.seed,
    signal,
  });
  await writeFileAtomic(out, page);
  const seconds = (performance.now() - began) / 1000;
  output.progress.done();
  output.print(`\n${accuracyTable(encoders.map(({ name, accuracies }) => [name, accuracies]))}\n`);
  output.print(`${formatDuration(seconds)} in all; open the report: ${out}`);
  output.emit({
    kind: 'result',
    encoders: encoders.map(({ name, accuracies, end }) => {
      const training = end && { loss: end.loss, samplesPerSecond: end.samplesPerSecond, seconds: end.seconds };
      return { name, ...accuracies, ...training };
    }),
    report: out,
    seconds,
  });
}

interface Plan extends DemoPlan {
  readonly precision: Precision;
}

/** How much to train here, by the speed of the first steps, and those images. */
async function fitMachine({ options, signal, output }: Omit<Comparison, 'splits' | 'plan'>) {
  const all = await bundledImages(options.limitTrain ?? mostImages, options.limitTest, output);
  output.progress.update('measuring the first steps');
  const batchSize = Math.min(recipe.batchSize, all.train.length);
  using training = prepare({ epochs: 100, batchSize, precision: 'auto' }, methods[0], options);
  const { imagesPerSecond, precision } = await measureFirstSteps(training, all.train, batchSize, signal);
  const plan: Plan = { ...planDemo(imagesPerSecond, options), precision };
  output.progress.done();
  const images = plan.images.toLocaleString('en');
  const duration = formatDuration((methods.length * plan.images * plan.epochs) / imagesPerSecond);
  output.print(
    `${formatRate(imagesPerSecond)} images/s in ${precision} here: ${counted(plan.epochs, 'epoch')} of ${images} images for each method, about ${duration} of training in all (--epochs and --limit-train choose otherwise)`,
  );
  output.emit({ kind: 'plan', imagesPerSecond, ...plan });
  const splits = plan.images === all.train.length ? all : await bundledImages(plan.images, options.limitTest, output);
  return { splits, plan };
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

async function bundledImages(limitTrain: number, limitTest: number, output: Output): Promise<LabelledSplits> {
  const { train, test, noTest } = await loadSplits(parseData(bundled), { train: limitTrain, test: limitTest, output });
  if (test === undefined) throw new DataError(noTest ?? 'fashion-mnist: the bundled test images are missing');
  return { train, test };
}

interface TrainedEncoder extends DemoEncoder {
  /** Absent before training. */
  readonly end?: EndEvent;
}

interface Comparison {
  readonly splits: LabelledSplits;
  readonly plan: Plan;
  readonly options: DemoOptions;
  readonly signal: AbortSignal;
  readonly output: Output;
}

const prepare = (
  { epochs, batchSize, precision }: Pick<RecipeChoices, 'epochs' | 'batchSize' | 'precision'>,
  { method, variant }: { readonly method: Method; readonly variant?: 'out' | 'in' },
  { device, seed }: DemoOptions,
): Training =>
  makeTraining(
    { ...recipe, method, variant, epochs, batchSize, precision, device, seed },
    profileOf(parseData(bundled)),
  );

/**
 * Trains by each method in turn, from the same start, and judges each encoder. The untrained one, which the same seed makes
 * again, is judged last, so that the first step of training comes at once; it stands first in the result.
 */
async function compare(comparison: Comparison): Promise<{ encoders: TrainedEncoder[]; device: string }> {
  const { splits, plan, options, output } = comparison;
  const { epochs } = plan;
  const sized = { ...plan, batchSize: Math.min(recipe.batchSize, splits.train.length) };
  const judged = (encoder: TrainedEncoder): TrainedEncoder => {
    output.progress.done();
    output.print(resultLine(encoder));
    return encoder;
  };
  const encoders: TrainedEncoder[] = [];
  for (const { title, ...choice } of methods) {
    using training = prepare(sized, choice, options);
    const progress = new TrainProgress(output, epochs, title);
    const { loss, end } = await trainOne(title, training, progress, comparison);
    encoders.push(judged({ name: title, ...(await assess(training, progress, comparison)), loss, end }));
  }
  using untrained = prepare(sized, methods[0], options);
  const used = untrained.encoder.to(options.device).device;
  const progress = new TrainProgress(output, epochs, 'Untrained');
  const reference = judged({ name: 'Untrained', ...(await assess(untrained, progress, comparison)) });
  return { encoders: [reference, ...encoders], device: used };
}

async function trainOne(
  method: string,
  { trainer }: Training,
  progress: TrainProgress,
  { splits, signal, output }: Comparison,
): Promise<{ loss: LossCurve; end: EndEvent }> {
  const epochs: number[] = [];
  const values: number[] = [];
  let stepsPerEpoch = 1;
  const onEvent = (event: TrainEvent): void => {
    if (event.kind !== 'warning') output.emit({ method, ...event });
    progress.show(event);
    if (event.kind === 'start') stepsPerEpoch = event.stepsPerEpoch;
    if (event.kind !== 'step') return;
    epochs.push(event.step / stepsPerEpoch);
    values.push(event.loss);
  };
  const end = await trainer.fit(splits.train, { signal, onEvent });
  return { loss: { epochs, values }, end };
}

async function assess(
  { encoder, evaluation }: Training,
  progress: TrainProgress,
  { splits, signal }: Comparison,
): Promise<Omit<DemoEncoder, 'name'>> {
  using features = await extractSplits(encoder, splits, {
    augment: evaluation,
    signal,
    onProgress: (done, total) => progress.evaluating(done, total),
  });
  const { knnTop1 = 0, linearTop1 = 0 } = await judge(features, { protocol: 'both', signal });
  return { accuracies: { knnTop1, linearTop1 }, ...(await readForReport(features)) };
}

function resultLine({ name, accuracies, end }: TrainedEncoder): string {
  const figures = `kNN ${percent(accuracies.knnTop1)}  linear probe ${percent(accuracies.linearTop1)}`;
  const training = end
    ? `  loss ${end.loss.toFixed(3)}  ${formatDuration(end.seconds)}, ${formatRate(end.samplesPerSecond)} images/s`
    : '';
  return `${name.padEnd(12)}  ${figures}${training}`;
}

function factsOf(
  { train, test }: LabelledSplits,
  { epochs, precision }: Plan,
  options: DemoOptions,
  device: string,
  seconds: number,
): ReportFact[] {
  const { torchVersion, threads } = loadAddon().info();
  return [
    { label: 'Training images', value: train.length.toLocaleString('en') },
    { label: 'Test images', value: test.length.toLocaleString('en') },
    { label: 'Encoder', value: `ResNet-18, width ${recipe.width}` },
    { label: 'Epochs, each method', value: String(epochs) },
    { label: 'Batch', value: `${recipe.batchSize} images, 2 views each` },
    { label: 'Peak learning rate', value: String(recipe.lr) },
    { label: 'Temperature', value: String(recipe.temperature) },
    { label: 'Colour jitter', value: String(recipe.jitter) },
    { label: 'Precision', value: precision },
    { label: 'Seed', value: String(options.seed) },
    { label: 'Device', value: device === 'cpu' ? `cpu, ${threads} threads` : device },
    { label: 'libtorch', value: torchVersion },
    { label: 'Time', value: formatDuration(seconds) },
  ];
}
