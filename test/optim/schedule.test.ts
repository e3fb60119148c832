import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  checkSchedule,
  learningRateAt,
  type ScheduleContext,
  type ScheduleSpec,
  warmUpWarning,
} from '../../lib/optim/schedule.ts';

const stored = JSON.parse(readFileSync(new URL('../fixtures/optim/rates.json', import.meta.url), 'utf8')) as {
  spec: ScheduleSpec;
  rates: number[];
}[];

const context = (step: number, more: object = {}) => ({
  baseLearningRate: 0.4,
  step,
  totalSteps: 40,
  stepsPerEpoch: 4,
  batchSize: 512,
  ...more,
});

describe('learningRateAt', () => {
  it.each(stored)("gives PyTorch's rates: $spec", ({ spec, rates }) => {
    expect(rates.length).toBe(40);
    rates.forEach((expected, step) => {
      expect(learningRateAt(spec, context(step))).toBeCloseTo(expected, 14);
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

  it('warms up over steps, epochs or a share', () => {
    const at = (spec: object) => learningRateAt({ name: 'constant', ...spec }, context(3));
    expect([{ warmupSteps: 8 }, { warmupEpochs: 2 }, { warmup: 0.2 }].map(at)).toEqual([0.2, 0.2, 0.2]);
  });

  it('counts milestones from the beginning, behind a warm-up too', () => {
    const spec: ScheduleSpec = { name: 'step', milestones: [1, 3], warmupEpochs: 2 };
    const at = (step: number) => learningRateAt(spec, context(step));
    expect(at(3)).toBeCloseTo(0.2, 14);
    expect([8, 11].map(at)).toEqual([0.4 * 0.1, 0.4 * 0.1]);
    expect(at(12)).toBeCloseTo(0.004, 14);
  });

  it('falls to a least rate by a power, behind a warm-up', () => {
    const spec: ScheduleSpec = { name: 'poly', power: 2, minLr: 0.1, warmupSteps: 20 };
    expect(learningRateAt(spec, context(19))).toBe(0.4);
    expect(learningRateAt(spec, context(30))).toBeCloseTo(0.1 + 0.3 * 0.25, 14);
    expect(learningRateAt(spec, context(40))).toBeCloseTo(0.1, 14);
  });

  it('goes by one cycle whose rise is given in steps', () => {
    const spec: ScheduleSpec = { name: 'one-cycle', warmupSteps: 11, warmupStart: 0.2, minLr: 0, scaling: 'linear' };
    const at = (step: number) => learningRateAt(spec, context(step));
    expect(at(0)).toBeCloseTo(0.2, 14);
    expect(at(5)).toBeCloseTo(0.5, 14);
    expect(at(10)).toBeCloseTo(0.8, 14);
    expect(at(39)).toBeCloseTo(0, 14);
    expect(learningRateAt({ name: 'one-cycle' }, context(0, { totalSteps: 1 }))).toBe(0.4);
    expect(learningRateAt({ name: 'one-cycle', warmup: 0 }, context(0))).toBe(0.4);
  });

  it('asks a function', () => {
    const asked = ({ baseLearningRate, step, totalSteps }: ScheduleContext) =>
      baseLearningRate * (1 - step / totalSteps);
    expect(checkSchedule(asked)).toBe(asked);
    expect(learningRateAt(asked, context(10))).toBeCloseTo(0.3, 14);
    expect(() => learningRateAt(() => Number.NaN, context(0))).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTION',
        message: 'what schedule returns must be a finite number >= 0, got NaN (number)',
      }),
    );
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

  it('is warned of where it rises until the training ends', () => {
    const lengths = { totalSteps: 20, stepsPerEpoch: 10 };
    const of = (spec: ScheduleSpec): string | undefined => {
      const schedule = checkSchedule(spec);
      return warmUpWarning(schedule, lengths);
    };
    expect(of({ name: 'cosine', warmupEpochs: 2 })).toMatch(/steps of the warm-up 20, of the training 20$/);
    expect(of({ name: 'one-cycle', warmupSteps: 300 })).toMatch(/warm-up 300, of the training 20$/);
    expect(of({ name: 'cosine', warmupEpochs: 1.9 })).toBeUndefined();
    expect(of('constant')).toBeUndefined();
    expect(warmUpWarning(() => 1, lengths)).toBeUndefined();
    expect(
      warmUpWarning(checkSchedule({ name: 'cosine', warmupEpochs: 2 }), { totalSteps: 0, stepsPerEpoch: 10 }),
    ).toBe(undefined);
  });

  it('copes with a single step', () => {
    expect(learningRateAt({ name: 'cosine', warmup: 0.05 }, context(0, { totalSteps: 1 }))).toBe(0.4);
  });

  it.each<[object | null, RegExp]>([
    [null, /schedule must be/],
    [
      { name: 'cosin' },
      /schedule.name must be one of 'constant', 'cosine', 'step', 'poly', 'one-cycle'.*did you mean 'cosine'\?/,
    ],
    [{ name: 'cosine', warmUp: 0.1 }, /unknown option 'warmUp'; did you mean 'warmup'\?/],
    [{ name: 'constant', minLr: 0 }, /unknown option 'minLr'/],
    [{ name: 'cosine', warmup: 1 }, /schedule.warmup must be/],
    [{ name: 'cosine', warmup: 0.1, warmupEpochs: 1 }, /one of warmup/],
    [{ name: 'one-cycle', warmupSteps: 3, warmupEpochs: 1 }, /one of warmup/],
    [{ name: 'cosine', warmupSteps: 1.5 }, /schedule.warmupSteps must be an integer/],
    [{ name: 'step' }, /schedule.milestones must be an array of epochs, got undefined/],
    [{ name: 'step', milestones: [] }, /schedule.milestones must be an array of epochs, got an array of 0/],
    [{ name: 'step', milestones: [3, 3] }, /schedule.milestones\[1\] must be a finite number > 3/],
    [{ name: 'poly', power: 0 }, /schedule.power must be/],
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
