/** What a training run shows of itself: the live line, and a plain line for each epoch. */
import { worldSize } from '../distributed/group.ts';
import type { EndEvent, StepEvent, TrainEvent } from '../train/events.ts';
import type { Figures } from '../train/monitors.ts';
import type { FittedSpec } from './fit-data.ts';
import { counted, formatDuration } from './format.ts';
import { bestOf, intervalText, type KnnHistory, knnLines, lastOf, verdictOf } from './knn-history.ts';
import { figureTexts } from './monitor-option.ts';
import type { Output } from './output.ts';
import { percent } from './report/results.ts';
import { shellWord, typedPath } from './train-options.ts';

/** "1,243", "2.4" */
export const formatRate = (perSecond: number): string =>
  perSecond < 9.95 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString('en');

export class TrainProgress {
  readonly #output: Output;
  readonly #epochs: number;
  readonly #title: string;
  #stepsPerEpoch = 1;
  /** The monitors' newest figures. */
  #figures: Figures = {};
  /** Seconds that evaluations behind an epoch, from 0, will take. */
  #evaluations = (_epoch: number): number => 0;

  /** @param title before the live line and the epochs' lines, where several runs follow each other. */
  constructor(output: Output, epochs: number, title = '') {
    this.#output = output;
    this.#epochs = epochs;
    this.#title = title === '' ? '' : `${title}  `;
  }

  /** Records for machines are the caller's to emit. */
  show(event: TrainEvent): void {
    const { progress } = this.#output;
    if (event.kind === 'start') this.#stepsPerEpoch = event.stepsPerEpoch;
    if (event.kind === 'monitor' || event.kind === 'epoch') this.#figures = event.metrics;
    if (event.kind === 'step') {
      const share = event.step / (this.#stepsPerEpoch * this.#epochs);
      progress.update(() => this.#line(event), share);
    }
    if (event.kind === 'warning') this.#output.warn(event.message);
  }

  #line({ epoch, step, loss, metrics, samplesPerSecond, secondsLeft }: StepEvent): string {
    const inEpoch = step - epoch * this.#stepsPerEpoch;
    const left = secondsLeft + this.#evaluations(epoch);
    return [
      `${this.#title}epoch ${epoch + 1}/${this.#epochs}`,
      `step ${inEpoch}/${this.#stepsPerEpoch}`,
      `loss ${loss.toFixed(4)}`,
      ...(metrics === undefined || Number.isNaN(metrics.top1) ? [] : [`top-1 ${percent(metrics.top1)}`]),
      ...figureTexts(this.#figures),
      `${formatRate(samplesPerSecond)} images/s`,
      ...(left > 0 ? [`${formatDuration(left)} left`] : []),
    ].join('  ');
  }

  /** Shows that a monitor or an evaluation is at work. */
  evaluating(done: number, total: number): void {
    this.#output.progress.update(() => `${this.#title}evaluating: features of ${done}/${total} images`);
  }

  /** An evaluation took so long, and so many are to come in an epoch and behind it: they count to the time left. */
  evaluated(seconds: number, left: (epoch: number) => number): void {
    this.#evaluations = (epoch) => seconds * left(epoch);
  }

  /** The line that an epoch leaves. */
  epochLine(event: TrainEvent & { readonly kind: 'epoch' }): string {
    const { knnTop1, testImages } = event.metrics;
    const interval = knnTop1 === undefined || testImages === undefined ? '' : ` (${intervalText(knnTop1, testImages)})`;
    return [
      `${this.#title}epoch ${event.epoch + 1}/${this.#epochs}`,
      `loss ${event.loss.toFixed(4)}`,
      ...(knnTop1 === undefined ? [] : [`kNN ${percent(knnTop1)}${interval}`]),
      ...figureTexts(event.metrics),
    ].join('  ');
  }
}

/** What the training computes in, and by which figures that was chosen. */
function precisionText({ precision, precisionSpeeds: speeds }: TrainEvent & { kind: 'start' }): string {
  if (speeds === undefined) return precision;
  const all = Object.entries(speeds).sort(([name]) => (name === precision ? -1 : 1));
  const [[, own], [other, itsOwn]] = all as [[string, number], [string, number]];
  return `${precision} (${formatRate(own)} images/s, ${other} ${formatRate(itsOwn)})`;
}

/** What is trained, and how much. */
export function startLine(
  event: TrainEvent & { kind: 'start' },
  { encoder: { name, width, file }, epochs, batchSize, accumulate = 1, sampler }: FittedSpec,
  featureDim: number,
  out: string,
): string {
  const network =
    file === undefined ? `${name}${width === undefined ? '' : ` of width ${width}`}` : `the network of ${file}`;
  const from = event.startStep > 0 ? `, from step ${event.startStep}` : '';
  const images = `${counted(event.stepsPerEpoch, 'step')} of ${counted(batchSize * accumulate, 'image')}`;
  const left = event.samples - event.stepsPerEpoch * batchSize * accumulate;
  const leftOut = left > 0 && sampler === undefined ? ` (${left} left out of each epoch, others each time)` : '';
  const processes = worldSize() === 1 ? '' : ` in ${worldSize()} processes`;
  return `${network} (${featureDim} features), ${precisionText(event)} on ${event.device}${processes}: ${counted(epochs, 'epoch')} of ${images}${leftOut}${from}, into ${typedPath(out)}`;
}

/** What came of it, and what to do next. @param next a command that takes the run. */
export function reportEnd(
  { step, loss, samplesPerSecond, seconds }: EndEvent,
  { startStep, knn, next }: { startStep: number | undefined; knn: KnnHistory | undefined; next: string },
  { output, out, device }: { output: Output; out: string; device: string },
): void {
  const hasTrained = step > (startStep ?? 0);
  if (!hasTrained && step > 0) output.warn(`${out}: has all its epochs already; a larger --epochs goes on`);
  if (hasTrained)
    output.print(
      `${counted(step, 'step')} in ${formatDuration(seconds)}: loss ${loss.toFixed(4)}, ${formatRate(samplesPerSecond)} images/s`,
    );
  if (knn !== undefined) {
    const { isBetter, text } = verdictOf(knn, step);
    for (const line of knnLines(knn)) output.print(line);
    output.print(text, isBetter ? 'good' : 'warning');
  }
  output.print(`${typedPath(out)}\nnext: npx contrastive ${next} ${shellWord(typedPath(out))}`);
  output.emit({
    kind: 'result',
    samplesPerSecond,
    loss: Number.isFinite(loss) ? loss : null,
    knnTop1: knn ? lastOf(knn).top1 : null,
    ...(knn && {
      ...(knn.before !== undefined && { knnBefore: knn.before }),
      ...{ knnBest: bestOf(knn).top1, chanceTop1: knn.chance, testImages: knn.testImages },
    }),
    step,
    seconds,
    device,
    out,
  });
}
