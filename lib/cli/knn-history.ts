/** The kNN accuracies that a run has recorded, and what they say: is it learning? */
import { sharesDiffer, wilsonInterval } from '../evaluate/proportion.ts';
import { isObject } from '../files/strict-json.ts';
import { counted } from './format.ts';
import { percent } from './report/results.ts';

/** Below so many steps, a contrastive loss has hardly begun to fall. */
const fewSteps = 100;

export interface Measured {
  /** From 0. */
  readonly epoch: number;
  /** Share of the test images, 0 to 1. */
  readonly top1: number;
}

export interface KnnHistory {
  /** Of the encoder before its first step. */
  readonly before?: number;
  /** At least one. */
  readonly epochs: readonly Measured[];
  /** Of whoever always names the class that most training images have. */
  readonly chance: number;
  readonly testImages: number;
}

/** @param records of metrics.jsonl. Undefined where no epoch's accuracy was measured. */
export function knnHistory(records: readonly Readonly<Record<string, unknown>>[]): KnnHistory | undefined {
  const measured = records.flatMap(({ kind, step, epoch, metrics }) => {
    if (!isObject(metrics) || typeof metrics.knnTop1 !== 'number') return [];
    const { knnTop1, chanceTop1, testImages } = metrics as Record<string, number>;
    return [{ isStart: kind === 'monitor' && step === 0, epoch: Number(epoch), top1: knnTop1, chanceTop1, testImages }];
  });
  const epochs = measured.filter(({ isStart }) => !isStart).map(({ epoch, top1 }) => ({ epoch, top1: top1 as number }));
  const { chanceTop1, testImages } = measured.at(-1) ?? {};
  if (epochs.length === 0 || chanceTop1 === undefined || testImages === undefined) return undefined;
  const before = measured.find(({ isStart }) => isStart)?.top1;
  return { ...(before !== undefined && { before }), epochs, chance: chanceTop1, testImages };
}

export const lastOf = ({ epochs }: KnnHistory): Measured => epochs.at(-1) as Measured;

/** The first of the highest, whose checkpoint is kept. */
export const bestOf = ({ epochs }: KnnHistory): Measured =>
  epochs.reduce((best, next) => (next.top1 > best.top1 ? next : best));

/** "59.1 to 63.2%": where the share lies, 95 times in 100. */
export function intervalText(share: number, count: number): string {
  const [low, high] = wilsonInterval(share, count);
  return `${(low * 100).toFixed(1)} to ${percent(high)}`;
}

/** What a training reached. */
export function knnLines(history: KnnHistory): string[] {
  const { before, chance, testImages } = history;
  const [last, best] = [lastOf(history), bestOf(history)];
  return [
    `kNN ${percent(last.top1)} of ${counted(testImages, 'test image')} (95% interval ${intervalText(last.top1, testImages)}); ` +
      `${before === undefined ? '' : `before training ${percent(before)}, `}chance ${percent(chance)}`,
    ...(best.top1 > last.top1
      ? [`best: ${percent(best.top1)} after epoch ${best.epoch + 1}, kept in checkpoints/best`]
      : []),
  ];
}

export interface Verdict {
  readonly isBetter: boolean;
  /** A sentence. */
  readonly text: string;
}

/**
 * Whether it is learning. Shares differ where a test of two proportions at 5 % says so; as the best of several measurements is
 * taken, it is that much stricter.
 * @param steps that were trained in all.
 */
export function verdictOf(history: KnnHistory, steps: number): Verdict {
  const { chance, testImages, epochs, before = chance } = history;
  const { top1 } = bestOf(history);
  const than = history.before === undefined ? 'chance' : 'before training';
  const noise = `the noise of ${counted(testImages, 'test image')}`;
  const few = steps < fewSteps ? `; ${counted(steps, 'step')} may be too few: raise --epochs` : '';
  if (!sharesDiffer(top1, before, testImages, epochs.length))
    return { isBetter: false, text: `no difference from ${than} beyond ${noise}${few}` };
  if (top1 < before) return { isBetter: false, text: `worse than ${than}, beyond ${noise}${few}` };
  return { isBetter: true, text: `better than ${than}, beyond ${noise}${trend(history)}` };
}

/** How the last measurement compares with the best one of the first half; nothing with fewer than three. */
function trend({ epochs, testImages }: KnnHistory): string {
  if (epochs.length < 3) return '';
  const early = Math.max(...epochs.slice(0, Math.ceil(epochs.length / 2)).map(({ top1 }) => top1));
  const { top1 } = epochs.at(-1) as Measured;
  if (!sharesDiffer(top1, early, testImages)) return '; level over the later epochs';
  return top1 > early ? '; still rising, so that more epochs may help' : '; falling over the later epochs';
}
