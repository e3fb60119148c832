import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkSchedule, learningRateAt, type ScheduleSpec } from '../../lib/optim/schedule.ts';

const lambda = JSON.parse(readFileSync(new URL('../fixtures/optim/lambda-lr.json', import.meta.url), 'utf8')) as {
  base: number;
  total: number;
  warm: number;
  rates: number[];
};

const context = (step: number, more: object = {}) => ({
  baseLearningRate: 0.4,
  step,
  totalSteps: 40,
  stepsPerEpoch: 4,
  batchSize: 512,
  ...more,
});

describe('learningRateAt', () => {
  it("gives PyTorch's LambdaLR with the same closed form", () => {
    const { base, total, warm, rates } = lambda;
    rates.forEach((expected, step) => {
      const spec: ScheduleSpec = { name: 'cosine', warmup: warm / total };
      expect(learningRateAt(spec, context(step, { baseLearningRate: base, totalSteps: total }))).toBeCloseTo(
        expected,
        14,
      );
    });
  });

  it('rises linearly to the base rate, then falls to the minimum', () => {
    const spec: ScheduleSpec = { name: 'cosine', warmupEpochs: 2, warmupStart: 0.1, minLr: 0.04 };
    expect(learningRateAt(spec, context(0))).toBeCloseTo(0.1 + 0.3 / 8, 14);
    expect(learningRateAt(spec, context(7))).toBe(0.4);
    expect(learningRateAt(spec, context(8))).toBe(0.4);
    expect(learningRateAt(spec, context(24))).toBeCloseTo(0.04 + 0.36 / 2, 14);
    expect(learningRateAt(spec, context(39))).toBeCloseTo(0.04 + 0.18 * (1 + Math.cos((Math.PI * 31) / 32)), 14);
    expect(learningRateAt(spec, context(40))).toBeCloseTo(0.04, 14);
    expect(learningRateAt(spec, context(99))).toBeCloseTo(0.04, 14);
  });

  it('stays at the base rate when constant', () => {
    expect([0, 20, 39].map((step) => learningRateAt({ name: 'constant' }, context(step)))).toEqual([0.4, 0.4, 0.4]);
    expect(learningRateAt({ name: 'constant', warmup: 0.5 }, context(9))).toBe(0.2);
  });

  it('scales with the batch', () => {
    const at = (scaling: 'none' | 'linear' | 'sqrt') => learningRateAt({ name: 'constant', scaling }, context(0));
    expect(at('none')).toBe(0.4);
    expect(at('linear')).toBe(0.8);
    expect(at('sqrt')).toBeCloseTo(0.4 * Math.sqrt(512), 14);
  });

  it('copes with a single step', () => {
    expect(learningRateAt({ name: 'cosine', warmup: 0.05 }, context(0, { totalSteps: 1 }))).toBe(0.4);
  });

  it.each<[object | null, RegExp]>([
    [null, /schedule must be/],
    [{ name: 'cosin' }, /schedule.name must be one of 'constant', 'cosine'.*did you mean 'cosine'\?/],
    [{ name: 'cosine', warmUp: 0.1 }, /unknown option 'warmUp'; did you mean 'warmup'\?/],
    [{ name: 'constant', minLr: 0 }, /unknown option 'minLr'/],
    [{ name: 'cosine', warmup: 1 }, /schedule.warmup must be/],
    [{ name: 'cosine', warmup: 0.1, warmupEpochs: 1 }, /not both/],
    [{ name: 'cosine', warmupEpochs: -1 }, /schedule.warmupEpochs/],
    [{ name: 'cosine', warmupStart: -1 }, /schedule.warmupStart/],
    [{ name: 'cosine', minLr: '0' }, /schedule.minLr must be a finite number/],
    [{ name: 'cosine', scaling: 'log' }, /schedule.scaling must be one of/],
  ])('refuses %o', (spec, message) => {
    expect(() => checkSchedule(spec as ScheduleSpec)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(message) }),
    );
  });
});
