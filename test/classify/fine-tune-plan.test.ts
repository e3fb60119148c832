import { describe, expect, test } from 'vitest';
import { fineTunePlan } from '../../lib/classify/fine-tune-plan.ts';

const stepsOf = (images: number): number => {
  const { batchSize, epochs } = fineTunePlan(images);
  return Math.floor(images / batchSize) * epochs;
};

describe('a plan of fine-tuning', () => {
  test.each([
    [60, { batchSize: 30, epochs: 100, lr: 0.5 }],
    [48, { batchSize: 24, epochs: 100, lr: 0.5 }],
    [200, { batchSize: 28, epochs: 30, lr: 100 / 210 }],
    [1, { batchSize: 1, epochs: 200, lr: 0.5 }],
    [1000, { batchSize: 142, epochs: 30, lr: 100 / 210 }],
    [12_811, { batchSize: 256, epochs: 30, lr: 100 / 1500 }],
    [50_000, { batchSize: 256, epochs: 30, lr: 0.05 }],
  ])('for %i images', (images, plan) => expect(fineTunePlan(images)).toEqual(plan));

  test('makes at least 200 steps of any number of images, and leaves out less than a batch', () => {
    for (let images = 1; images < 5000; images++) {
      expect(stepsOf(images), `${images} images`).toBeGreaterThanOrEqual(200);
      const { batchSize } = fineTunePlan(images);
      expect(batchSize).toBeLessThanOrEqual(256);
      if (images >= 24) expect(batchSize).toBeGreaterThanOrEqual(24);
    }
  });

  test('keeps rate times steps between 200 and 2000 steps', () => {
    for (const images of [60, 500, 2000, 10_000, 17_000])
      expect(fineTunePlan(images).lr * stepsOf(images)).toBeCloseTo(100, 0);
  });

  test('follows what was chosen', () => {
    expect(fineTunePlan(60, { batchSize: 256 })).toEqual({ batchSize: 60, epochs: 200, lr: 0.5 });
    expect(fineTunePlan(60, { batchSize: 10, epochs: 400 })).toEqual({ batchSize: 10, epochs: 400, lr: 0.05 });
    expect(fineTunePlan(60, { lr: 0.3 })).toEqual({ batchSize: 30, epochs: 100, lr: 0.3 });
  });
});
