/** The demo's three trainings, and what their encoders are worth. */
import type { EndEvent, TrainEvent } from '../train/events.ts';
import type { FittedPlan } from './demo-plan.ts';
import { type DemoChoices, methods, prepareDemo, recipe } from './demo-recipe.ts';
import { type DemoEncoder, readForReport } from './demo-report.ts';
import { extractSplits, judge, type LabelledSplits } from './evaluate-run.ts';
import { formatDuration } from './format.ts';
import type { Output } from './output.ts';
import type { LossCurve } from './report/report-data.ts';
import { percent } from './report/results.ts';
import { formatRate, TrainProgress } from './train-progress.ts';
import type { Training } from './training.ts';

export interface TrainedEncoder extends DemoEncoder {
  /** Absent before training. */
  readonly end?: EndEvent;
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
    const { loss, end } = await trainOne(title, training, progress, comparison);
    encoders.push(judged({ name: title, ...(await assess(training, progress, comparison)), loss, end }));
  }
  using untrained = prepareDemo(sized, methods[0], options);
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
