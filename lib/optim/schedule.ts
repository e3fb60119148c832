/** Learning rate by step: plain data, or a function. */
import { OptionError } from '../errors.ts';
import type { OptionTable, ResolvedVariantOf, VariantOf } from '../options/option.ts';
import { resolveVariant } from '../options/resolve.ts';
import { describe, expectNumber } from '../validate.ts';

const share = { min: 0, max: 1 - Number.EPSILON / 2 } as const;

const warmUp = {
  /** Share of all steps over which the rate rises linearly, in [0, 1). Default 0. */
  warmup: { type: 'number', ...share, help: 'share of all steps over which the rate rises' },
  /** The same in epochs; of the three, one may be given. */
  warmupEpochs: { type: 'number', min: 0, help: 'epochs over which the rate rises' },
  /** The same in steps. */
  warmupSteps: { type: 'number', min: 0, integer: true, help: 'steps over which the rate rises' },
  /** Multiplies the base rate: 'linear' by the samples a step / 256, 'sqrt' by √samples. Default 'none'. */
  scaling: {
    type: 'string',
    choices: ['none', 'linear', 'sqrt'],
    default: 'none',
    help: 'of the rate with the samples a step: linear by 1/256 of them, sqrt by their root',
  },
} as const satisfies OptionTable;

const rising = {
  ...warmUp,
  /** The rate that the rise begins from, default 0. The first step is one step above it. */
  warmupStart: { type: 'number', default: 0, min: 0, help: 'rate that the rise begins from' },
} as const satisfies OptionTable;

const falling = {
  ...rising,
  /** The rate that it falls to, default 0. */
  minLr: { type: 'number', default: 0, min: 0, help: 'rate that it falls to' },
} as const satisfies OptionTable;

function checkMilestones(name: string, epochs: readonly number[]): readonly number[] {
  if (!Array.isArray(epochs) || epochs.length === 0)
    throw new OptionError(`${name} must be an array of epochs, got ${describe(epochs)}`);
  return epochs.map((epoch, i) =>
    expectNumber(`${name}[${i}]`, epoch, { above: i === 0 ? 0 : (epochs[i - 1] as number) }),
  );
}

/** The schedules' options, by name. */
export const schedules = {
  constant: rising,
  cosine: falling,
  step: {
    ...rising,
    /** Epochs behind which the rate is multiplied by `factor`, in rising order. */
    milestones: { type: 'checked', required: true, check: checkMilestones },
    /** Default 0.1. */
    factor: { type: 'number', default: 0.1, above: 0 },
  },
  poly: {
    ...falling,
    /** Default 1: a straight line. */
    power: {
      type: 'number',
      default: 1,
      above: 0,
      help: 'of the share of steps that is left, by which the rate falls',
    },
  },
  'one-cycle': {
    ...warmUp,
    /** Share of all steps over which the rate rises, here along half a cosine. Default 0.3. */
    warmup: { ...warmUp.warmup, help: `${warmUp.warmup.help}; default 0.3` },
    /** The rate of the first step, default 1/25 of the highest. */
    warmupStart: { type: 'number', min: 0, help: 'rate of the first step; default 1/25 of the highest' },
    /** The rate of the last step, default 1/10000 of the first. */
    minLr: { type: 'number', min: 0, help: 'rate of the last step; default 1/10000 of the first' },
  },
} as const satisfies Readonly<Record<string, OptionTable>>;

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

/** A learning rate ≥ 0 of your own for each step. */
export type CustomSchedule = (context: ScheduleContext) => number;

export type ScheduleSpec = VariantOf<typeof schedules>;

export type ResolvedSchedule = ResolvedVariantOf<typeof schedules>;

function resolve(spec: ScheduleSpec): ResolvedSchedule {
  const resolved = resolveVariant('schedule', schedules, spec, 'a name, { name, … } or a function');
  const { warmup, warmupEpochs, warmupSteps } = resolved;
  if ([warmup, warmupEpochs, warmupSteps].filter((length) => length !== undefined).length > 1)
    throw new OptionError('schedule takes one of warmup (a share of all steps), warmupEpochs and warmupSteps');
  return resolved;
}

/** `spec` with its defaults. @throws {OptionError} an unknown name or option, or a value out of range. */
export const checkSchedule = (spec: ScheduleSpec | CustomSchedule): ResolvedSchedule | CustomSchedule =>
  typeof spec === 'function' ? spec : resolve(spec);

const factors = { none: () => 1, linear: (batch: number) => batch / 256, sqrt: Math.sqrt } as const;

type Lengths = Pick<ScheduleContext, 'totalSteps' | 'stepsPerEpoch'>;

/** Steps of warm-up, not rounded. */
function warmUpOf(schedule: ResolvedSchedule, { totalSteps, stepsPerEpoch }: Lengths): number {
  const { warmup = schedule.name === 'one-cycle' ? 0.3 : 0, warmupEpochs, warmupSteps } = schedule;
  return warmupSteps ?? (warmupEpochs === undefined ? warmup * totalSteps : warmupEpochs * stepsPerEpoch);
}

/** From `from` to `to` along half a cosine, when `progress` in [0, 1] lies behind. */
const alongCosine = (from: number, to: number, progress: number): number =>
  to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * progress));

function oneCycleAt(
  schedule: ResolvedSchedule & { readonly name: 'one-cycle' },
  base: number,
  context: ScheduleContext,
): number {
  const { step, totalSteps } = context;
  const { warmupStart = base / 25, minLr = warmupStart / 1e4 } = schedule;
  const highest = Math.max(0, warmUpOf(schedule, context) - 1); // its step
  if (step < highest) return alongCosine(warmupStart, base, step / highest);
  return alongCosine(base, minLr, Math.min(1, (step - highest) / Math.max(1, totalSteps - 1 - highest)));
}

/** What to warn of: a rate that rises until the training ends. */
export function warmUpWarning(schedule: ResolvedSchedule | CustomSchedule, lengths: Lengths): string | undefined {
  if (typeof schedule === 'function') return undefined;
  const { totalSteps } = lengths;
  const steps = Math.floor(warmUpOf(schedule, lengths));
  if (totalSteps === 0 || steps < totalSteps) return undefined;
  return `the learning rate rises until the training ends: steps of the warm-up ${steps}, of the training ${totalSteps}`;
}

/**
 * The learning rate of step s of S, with W steps of warm-up, the scaled base rate b and p = (s − W)/(S − W):
 *
 * s < W: start + (b − start)·(s + 1)/W;  then
 * - constant: b
 * - cosine: min + (b − min)·½(1 + cos πp)  (Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5, without restarts)
 * - step: b·factor^(milestones behind s)  (PyTorch's MultiStepLR; epochs count from the beginning of the training)
 * - poly: min + (b − min)·(1 − p)^power  (PyTorch's PolynomialLR)
 *
 * one-cycle (Smith & Topin 2019, arXiv:1708.07120; PyTorch's OneCycleLR, without its cycle of the momentum): from start to b
 * along half a cosine until step W − 1, then along another one to min at step S − 1.
 *
 * Linear warm-up and scaling of Goyal et al. 2017, arXiv:1706.02677; '√' scaling of SimCLR, appendix B.1.
 * @throws {OptionError} as checkSchedule; a function that returns no rate.
 */
export function learningRateAt(spec: ScheduleSpec | CustomSchedule, context: ScheduleContext): number {
  if (typeof spec === 'function') return expectNumber('what schedule returns', spec(context), { min: 0 });
  const schedule = resolve(spec);
  const { baseLearningRate, step, totalSteps, stepsPerEpoch, batchSize } = context;
  const base = baseLearningRate * factors[schedule.scaling](batchSize);
  if (schedule.name === 'one-cycle') return oneCycleAt(schedule, base, context);
  const { warmupStart } = schedule;
  const warm = Math.floor(warmUpOf(schedule, context));
  if (step < warm) return warmupStart + ((base - warmupStart) * (step + 1)) / warm;
  const progress = Math.min(1, (step - warm) / Math.max(1, totalSteps - warm));
  switch (schedule.name) {
    case 'constant':
      return base;
    case 'cosine':
      return alongCosine(base, schedule.minLr, progress);
    case 'step':
      return base * schedule.factor ** schedule.milestones.filter((epoch) => step >= epoch * stepsPerEpoch).length;
    case 'poly':
      return schedule.minLr + (base - schedule.minLr) * (1 - progress) ** schedule.power;
  }
}
