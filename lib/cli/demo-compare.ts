/** The demo's three trainings, and what their encoders are worth. */
import type { EndEvent, TrainEvent } from '../train/events.ts';
import { type Curves, curvesOf } from './curves.ts';
import type { FittedPlan } from './demo-plan.ts';
import { type DemoChoices, methods, prepareDemo, recipe } from './demo-recipe.ts';
import { extractSplits, type LabelledSplits } from './evaluate-run.ts';
import { type ExaminedEncoder, examine } from './examine.ts';
import { formatDuration } from './format.ts';
import type { Output } from './output.ts';
import { percent } from './report/results.ts';
import { formatRate, TrainProgress } from './train-progress.ts';
import type { Training } from './training.ts';

export interface TrainedEncoder extends ExaminedEncoder {
  /** Absent before training. */
  readonly end?: EndEvent;
  readonly curves?: Curves;
}

interface Comparison {
  readonly splits: LabelledSplits;
  readonly plan: FittedPlan;
  readonly options: DemoChoices;
  readonly signal: AbortSignal;
  readonly output: Output;
}

/**
 * Trains by each method in turn, from the same start, and judges each encoder. The untrained one, which the same seed makes
 * again, is judged last, so that the first step of training comes at once; it stands first in the result.
 */
export async function compare(comparison: Comparison): Promise<{ encoders: TrainedEncoder[]; device: string }> {
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
    using training = prepareDemo(sized, choice, options);
    const progress = new TrainProgress(output, epochs, title);
    const trained = await trainOne(title, training, progress, comparison);
    encoders.push(judged({ ...(await assess(title, training, progress, comparison)), ...trained }));
  }
  using untrained = prepareDemo(sized, methods[0], options);
  const used = untrained.encoder.to(options.device).device;
  const progress = new TrainProgress(output, epochs, 'Untrained');
  const reference = judged(await assess('Untrained', untrained, progress, comparison));
  return { encoders: [reference, ...encoders], device: used };
}

async function trainOne(
  method: string,
  { trainer }: Training,
  progress: TrainProgress,
  { splits, signal, output }: Comparison,
): Promise<{ curves: Curves; end: EndEvent }> {
  const events: TrainEvent[] = [];
  const onEvent = (event: TrainEvent): void => {
    if (event.kind !== 'warning') output.emit({ method, ...event });
    progress.show(event);
    events.push(event);
  };
  const end = await trainer.fit(splits.train, { signal, onEvent });
  return { curves: curvesOf(events.map((event) => ({ ...event }))), end };
}

async function assess(
  name: string,
  { encoder, evaluation }: Training,
  progress: TrainProgress,
  { splits, signal }: Comparison,
): Promise<ExaminedEncoder> {
  using features = await extractSplits(encoder, splits, {
    augment: evaluation,
    signal,
    onProgress: (done, total) => progress.evaluating(done, total),
  });
  return await examine(name, features, signal);
}

function resultLine({ name, knnTop1, linearTop1, end }: TrainedEncoder): string {
  const figures = `kNN ${percent(knnTop1)}  linear probe ${percent(linearTop1)}`;
  const training = end
    ? `  loss ${end.loss.toFixed(3)}  ${formatDuration(end.seconds)}, ${formatRate(end.samplesPerSecond)} images/s`
    : '';
  return `${name.padEnd(12)}  ${figures}${training}`;
}
