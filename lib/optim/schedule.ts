/** Learning rate by step, from plain data. */
import { OptionError } from '../errors.ts';
import { checkOptions, describe, expectNumber, expectOneOf } from '../validate.ts';

interface CommonSchedule {
  /** Share of all steps over which the rate rises linearly, in [0, 1). Default 0. */
  readonly warmup?: number;
  /** The same in epochs; not beside `warmup`. */
  readonly warmupEpochs?: number;
  /** The rate that the rise begins from, default 0. The first step is one step above it. */
  readonly warmupStart?: number;
  /** Multiplies the base rate: 'linear' by batchSize / 256, 'sqrt' by √batchSize. Default 'none'. */
  readonly scaling?: 'none' | 'linear' | 'sqrt';
}

export interface ConstantSchedule extends CommonSchedule {
  readonly name: 'constant';
}

export interface CosineSchedule extends CommonSchedule {
  readonly name: 'cosine';
  /** The rate that the cosine falls to, default 0. */
  readonly minLr?: number;
}

export type ScheduleSpec = ConstantSchedule | CosineSchedule;

export interface ScheduleContext {
  /** The optimizer's `lr`. */
  readonly baseLearningRate: number;
  /** From 0. */
  readonly step: number;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** Samples a step, for `scaling`. */
  readonly batchSize: number;
}

const common = ['name', 'warmup', 'warmupEpochs', 'warmupStart', 'scaling'] as const;

/** Returns `spec` when it is a schedule. @throws {OptionError} an unknown name or option, or a value out of range. */
export function checkSchedule(spec: ScheduleSpec): ScheduleSpec {
  if (spec === null || typeof spec !== 'object')
    throw new OptionError(`schedule must be { name, … }, got ${describe(spec)}`);
  expectOneOf('schedule.name', spec.name, ['constant', 'cosine']);
  checkOptions('schedule', spec, spec.name === 'cosine' ? [...common, 'minLr'] : common);
  if (spec.warmup !== undefined) {
    expectNumber('schedule.warmup', spec.warmup, { min: 0, max: 1 - Number.EPSILON / 2 });
    if (spec.warmupEpochs !== undefined)
      throw new OptionError('schedule takes warmup (a share of all steps) or warmupEpochs, not both');
  }
  if (spec.warmupEpochs !== undefined) expectNumber('schedule.warmupEpochs', spec.warmupEpochs, { min: 0 });
  if (spec.warmupStart !== undefined) expectNumber('schedule.warmupStart', spec.warmupStart, { min: 0 });
  if (spec.scaling !== undefined) expectOneOf('schedule.scaling', spec.scaling, ['none', 'linear', 'sqrt']);
  if (spec.name === 'cosine' && spec.minLr !== undefined) expectNumber('schedule.minLr', spec.minLr, { min: 0 });
  return spec;
}

const factors = { none: () => 1, linear: (batch: number) => batch / 256, sqrt: Math.sqrt } as const;

/**
 * The learning rate of step s of S, with W steps of warm-up and the scaled base rate b:
 *
 * s < W: start + (b − start)·(s + 1)/W;  then, cosine: min + (b − min)·½(1 + cos(π(s − W)/(S − W))); constant: b.
 * Source: Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5, without restarts; linear warm-up and scaling of Goyal et al.
 * 2017, arXiv:1706.02677; '√' scaling of SimCLR, appendix B.1.
 * @throws {OptionError} as checkSchedule.
 */
export function learningRateAt(spec: ScheduleSpec, context: ScheduleContext): number {
  const { warmup = 0, warmupEpochs, warmupStart = 0, scaling = 'none' } = checkSchedule(spec);
  const { baseLearningRate, step, totalSteps, stepsPerEpoch, batchSize } = context;
  const base = baseLearningRate * factors[scaling](batchSize);
  const warm = Math.floor(warmupEpochs === undefined ? warmup * totalSteps : warmupEpochs * stepsPerEpoch);
  if (step < warm) return warmupStart + ((base - warmupStart) * (step + 1)) / warm;
  if (spec.name === 'constant') return base;
  const progress = Math.min(1, (step - warm) / Math.max(1, totalSteps - warm));
  const { minLr = 0 } = spec;
  return minLr + (base - minLr) * 0.5 * (1 + Math.cos(Math.PI * progress));
}
