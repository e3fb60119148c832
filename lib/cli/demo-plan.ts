/** How much the demo trains on this machine. */
import type { Dataset } from '../data/dataset.ts';
import { DataError } from '../errors.ts';
import type { Precision } from '../tensor/precision.ts';
import { loadSplits } from './data-option.ts';
import { bundled, type DemoChoices, methods, prepareDemo, recipe } from './demo-recipe.ts';
import type { LabelledSplits } from './evaluate-run.ts';
import { counted, formatDuration } from './format.ts';
import type { Output } from './output.ts';
import { formatRate } from './train-progress.ts';
import type { Training } from './training.ts';

/** Images in the package. */
export const mostImages = 10_000;
/** Below this, training does not get clearly past the untrained encoder. */
const leastSamples = 9000;
const leastEpochs = 2;
const mostEpochs = 20;
const secondsAMethod = 60;

export interface DemoPlan {
  readonly images: number;
  readonly epochs: number;
}

/**
 * Images and epochs of each of three methods, so that they train about three minutes together: all images where they are
 * seen twice in the time, else as many as are. A machine below 150 images a second takes longer: with less training, the
 * encoders are not clearly past the untrained one. What was asked for wins, and the other number follows from it.
 */
export function planDemo(
  imagesPerSecond: number,
  asked: { readonly epochs?: number | undefined; readonly limitTrain?: number | undefined },
): DemoPlan {
  const samples = Math.max(leastSamples, imagesPerSecond * secondsAMethod);
  const fitting = Math.round(samples / (asked.epochs ?? leastEpochs) / 500) * 500;
  const images = Math.min(mostImages, asked.limitTrain ?? Math.max(1000, fitting));
  const epochs = asked.epochs ?? Math.min(mostEpochs, Math.max(1, Math.round(samples / images)));
  return { images, epochs };
}

/** What the first steps of a training show. */
interface FirstSteps {
  readonly imagesPerSecond: number;
  readonly precision: Precision;
}

const warmUpSteps = 2;
const enoughSteps = 12;
const enoughSeconds = 4;

/** Trains for a few steps, on as many threads and in the precision that the rest will have. */
async function measureFirstSteps(
  { trainer }: Training,
  dataset: Dataset,
  batchSize: number,
  signal: AbortSignal,
): Promise<FirstSteps> {
  let precision: Precision = 'float32';
  let began = 0;
  for await (const event of trainer.events(dataset, { signal })) {
    if (event.kind === 'start') precision = event.precision;
    if (event.kind !== 'step') continue;
    if (event.step === warmUpSteps) began = performance.now();
    const seconds = (performance.now() - began) / 1000;
    const steps = event.step - warmUpSteps;
    if (steps >= enoughSteps || (steps > 0 && seconds >= enoughSeconds))
      return { imagesPerSecond: (steps * batchSize) / seconds, precision };
  }
  throw new RangeError('the training to measure is too short');
}

/** The plan in the precision that goes with it. */
export interface FittedPlan extends DemoPlan {
  readonly precision: Precision;
}

interface Asked extends DemoChoices {
  readonly epochs?: number | undefined;
  readonly limitTrain?: number | undefined;
  readonly limitTest: number;
}

/** How much to train here, by the speed of the first steps, and those images; says so. */
export async function fitMachine({
  options,
  signal,
  output,
}: {
  readonly options: Asked;
  readonly signal: AbortSignal;
  readonly output: Output;
}): Promise<{ splits: LabelledSplits; plan: FittedPlan }> {
  const all = await bundledImages(options.limitTrain ?? mostImages, options.limitTest, output);
  output.progress.update('measuring the first steps');
  const batchSize = Math.min(recipe.batchSize, all.train.length);
  using training = prepareDemo({ epochs: 100, batchSize, precision: 'auto' }, methods[0], options);
  const { imagesPerSecond, precision } = await measureFirstSteps(training, all.train, batchSize, signal);
  const plan: FittedPlan = { ...planDemo(imagesPerSecond, options), precision };
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

async function bundledImages(limitTrain: number, limitTest: number, output: Output): Promise<LabelledSplits> {
  const { train, test, noTest } = await loadSplits(bundled, { train: limitTrain, test: limitTest, output });
  if (test === undefined) throw new DataError(noTest ?? 'fashion-mnist: the bundled test images are missing');
  return { train, test };
}
