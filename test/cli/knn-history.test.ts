import { describe, expect, it } from 'vitest';
import { bestOf, intervalText, knnHistory, knnLines, lastOf, verdictOf } from '../../lib/cli/knn-history.ts';
import { knnLeft } from '../../lib/cli/train-knn.ts';

/** Records of a run: the accuracy before training, and of epochs 0, 1, … */
function records(before: number | undefined, epochs: readonly number[], testImages = 1000) {
  const figures = (knnTop1: number) => ({ knnTop1, chanceTop1: 0.1, testImages });
  return [
    ...(before === undefined ? [] : [{ kind: 'monitor', epoch: 0, step: 0, metrics: figures(before) }]),
    ...epochs.flatMap((top1, epoch) => [
      { kind: 'step', epoch, step: 10 * epoch + 10, loss: 1, metrics: { top1: 0.5 } },
      { kind: 'epoch', epoch, step: 10 * epoch + 10, loss: 1, metrics: { probeTop1: 0.2, ...figures(top1) } },
    ]),
  ];
}

const historyOf = (...args: Parameters<typeof records>) => {
  const history = knnHistory(records(...args));
  if (history === undefined) throw new Error('expected a history');
  return history;
};

describe('knnHistory', () => {
  it('reads what was measured, and nothing else', () => {
    const history = historyOf(0.4, [0.5, 0.7, 0.6]);
    expect(history).toMatchObject({ before: 0.4, chance: 0.1, testImages: 1000 });
    expect(lastOf(history)).toEqual({ epoch: 2, top1: 0.6 });
    expect(bestOf(history)).toEqual({ epoch: 1, top1: 0.7 });
    expect(knnHistory(records(0.4, []))).toBeUndefined();
    expect(knnHistory([{ kind: 'epoch', epoch: 0, metrics: { knnTop1: 0.5 } }])).toBeUndefined();
  });

  it('says at the end what was reached, beside the start, chance and the best', () => {
    expect(knnLines(historyOf(0.4, [0.5, 0.7, 0.6]))).toEqual([
      `kNN 60.0% of 1,000 test images (95% interval ${intervalText(0.6, 1000)}); before training 40.0%, chance 10.0%`,
      'best: 70.0% after epoch 2, kept in checkpoints/best',
    ]);
    expect(intervalText(0.6, 1000)).toBe('56.9 to 63.0%');
    const one = historyOf(undefined, [1], 1);
    expect(knnLines(one)).toEqual(['kNN 100.0% of 1 test image (95% interval 20.7 to 100.0%); chance 10.0%']);
    expect(verdictOf(one, 1)).toEqual({
      isBetter: false,
      text: 'no difference from chance beyond the noise of 1 test image; 1 step may be too few: raise --epochs',
    });
  });
});

describe('verdictOf', () => {
  it.each([
    [[0.41], 20, /^no difference from before training .*20 steps may be too few/],
    [[0.41], 1000, /^no difference from before training beyond the noise of 1,000 test images$/],
    [[0.3], 1000, /^worse than before training/],
    [[0.6], 20, /^better than before training, beyond the noise of 1,000 test images$/],
    [[0.445], 1000, /^better than before training/],
    [[0.445, 0.44, 0.43], 1000, /^no difference from before training/], // the best of three
    [[0.5, 0.51, 0.6], 1000, /still rising/],
    [[0.5, 0.51, 0.52], 1000, /level over the later epochs/],
    [[0.5, 0.6, 0.5], 1000, /falling/],
  ])('of %j after %d steps', (epochs, steps, expected) => {
    const { isBetter, text } = verdictOf(historyOf(0.4, epochs), steps);
    expect(text).toMatch(expected);
    expect(isBetter).toBe(text.startsWith('better'));
  });
});

describe('knnLeft', () => {
  it('counts the measurements of an epoch and those behind it', () => {
    expect([0, 1, 2, 9].map((epoch) => knnLeft(epoch, { epochs: 10 }))).toEqual([5, 5, 4, 1]);
    expect(knnLeft(0, { epochs: 7, knnEvery: 3 })).toBe(3);
    expect([0, 6].map((epoch) => knnLeft(epoch, { epochs: 7, knnEvery: 0 }))).toEqual([1, 1]);
  });
});
