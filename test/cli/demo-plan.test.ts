import { describe, expect, it } from 'vitest';
import { planDemo } from '../../lib/cli/demo-plan.ts';

/** Minutes that three methods train. */
const minutes = (rate: number, { images, epochs }: { images: number; epochs: number }): number =>
  (3 * images * epochs) / rate / 60;

describe('how much the demo trains', () => {
  it('is about three minutes on slow and fast machines', () => {
    for (const rate of [150, 200, 333, 400, 742, 1000, 2000, 3000]) {
      const plan = planDemo(rate, {});
      expect(minutes(rate, plan), `${rate} images/s`).toBeGreaterThan(2.4);
      expect(minutes(rate, plan), `${rate} images/s`).toBeLessThan(3.6);
      expect(plan.epochs).toBeGreaterThanOrEqual(2);
    }
  });

  it('takes all images where they are seen twice in the time', () => {
    expect(planDemo(155, {})).toEqual({ images: 4500, epochs: 2 });
    expect(planDemo(400, {})).toEqual({ images: 10_000, epochs: 2 });
    expect(planDemo(1000, {})).toEqual({ images: 10_000, epochs: 6 });
  });

  it('is no less than what gets past the untrained encoder, and no more than is of use', () => {
    expect(planDemo(5, {})).toEqual({ images: 4500, epochs: 2 });
    expect(planDemo(100_000, {})).toEqual({ images: 10_000, epochs: 20 });
  });

  it('what was asked for wins, and the other number follows', () => {
    expect(planDemo(155, { epochs: 7, limitTrain: 64 })).toEqual({ images: 64, epochs: 7 });
    expect(planDemo(1000, { epochs: 1 })).toEqual({ images: 10_000, epochs: 1 });
    expect(planDemo(155, { epochs: 3 })).toEqual({ images: 3000, epochs: 3 });
    expect(planDemo(1000, { limitTrain: 5000 })).toEqual({ images: 5000, epochs: 12 });
  });
});
