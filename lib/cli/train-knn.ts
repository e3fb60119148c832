/** The kNN accuracy in a training: before the first step, and after the epochs that are due. */
import type { Figures, MonitorContext } from '../train/monitors.ts';
import { extractSplits, judge, type LabelledSplits } from './evaluate-run.ts';
import type { TrainProgress } from './train-progress.ts';
import type { Training } from './training.ts';

/** Measurements behind epochs where nothing else was asked for. */
const usualCount = 5;

export interface KnnPlan {
  readonly epochs: number;
  /** Epochs between measurements; 0: at the end only. Default: a fifth of the epochs. */
  readonly knnEvery?: number | undefined;
}

const isDue = (epoch: number, { epochs, knnEvery = Math.ceil(epochs / usualCount) }: KnnPlan): boolean =>
  epoch + 1 === epochs || (knnEvery > 0 && (epoch + 1) % knnEvery === 0);

/** How many measurements are to come at the end of `epoch`, from 0, and of those behind it. */
export const knnLeft = (epoch: number, plan: KnnPlan): number =>
  Array.from({ length: plan.epochs - epoch }, (_, i) => epoch + i).filter((at) => isDue(at, plan)).length;

/** Figures knnTop1, chanceTop1 (of whoever names the most frequent class) and testImages. */
export function knnMonitor(
  { encoder, evaluation }: Training,
  splits: LabelledSplits,
  plan: KnnPlan,
  progress: TrainProgress,
): (context: MonitorContext) => Promise<Figures> {
  return async ({ epoch, signal }) => {
    if (epoch >= 0 && !isDue(epoch, plan)) return {};
    const began = performance.now();
    using features = await extractSplits(encoder, splits, {
      augment: evaluation,
      signal,
      onProgress: (done, total) => progress.evaluating(done, total),
    });
    const { knnTop1 = 0, chanceTop1 = 0 } = await judge(features, { protocol: 'knn', signal });
    progress.evaluated((performance.now() - began) / 1000, (at) => knnLeft(at, plan));
    return { knnTop1, chanceTop1, testImages: splits.test.length };
  };
}
