/** The trainer's options: checked, with their defaults filled in. */
import type { Augmentation } from '../augment/augment.ts';
import type { SamplerFunction } from '../data/samplers/custom.ts';
import { batchSizeOf, checkSampler, type SamplerSpec } from '../data/samplers/samplers.ts';
import { OptionError } from '../errors.ts';
import type { LossSpec } from '../losses/all.ts';
import { type BoundMethod, type MethodSpec, methodOf } from '../methods/all.ts';
import type { CustomLoss } from '../methods/custom-loss.ts';
import type { CustomHead } from '../methods/network.ts';
import { methodOfLoss } from '../methods/short-form.ts';
import { Module } from '../nn/module.ts';
import { checkOptimizer, type OptimizerSpec } from '../optim/optimizer.ts';
import { type CustomSchedule, checkSchedule, type ScheduleSpec } from '../optim/schedule.ts';
import { resolveOptions } from '../options/resolve.ts';
import { type Precision, type PrecisionOption, precisionOptions } from '../tensor/precision.ts';
import { checkOptions, describe, expectBoolean, expectNumber, expectOneOf, expectString } from '../validate.ts';
import { type EmaOptions, emaOptions, type ResolvedEma } from './averaged-weights.ts';

export interface TrainerOptions {
  readonly encoder: Module;
  /** A projection head, one of your own, or null: the loss then sees the encoder's features. Default null. */
  readonly head?: Module | CustomHead | null;
  /** What `simclr()`, `byol()` and the other methods return, or a name for their defaults. Default 'supcon'. */
  readonly method?: string | MethodSpec;
  /** In the place of `method`: the contrastive loss of a batch by name, a classifier's, or one of your own. */
  readonly loss?: LossSpec | CustomLoss;
  /** One for all views, or one a view (asymmetric views), whose sizes may differ (`multiCrop`). */
  readonly augment: Augmentation | readonly Augmentation[];
  /** Views of each sample, default 2. */
  readonly views?: number;
  /** Default { name: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 1e-4 }. */
  readonly optimizer?: OptimizerSpec;
  /** Of the learning rate, or a function of your own. Default: cosine to 0 with a linear warm-up of a twentieth of the steps. */
  readonly schedule?: ScheduleSpec | CustomSchedule;
  /** 'cpu' (default), 'cuda[:N]', 'mps', 'auto'. */
  readonly device?: string;
  /**
   * Of the forward and backward pass; weights, loss and update stay float32. 'auto' takes what is faster on this machine for
   * this model: where bfloat16 is computed in hardware it measures both for a second or two, elsewhere it takes float32.
   * A run that goes on keeps its precision. Default 'float32'.
   */
  readonly precision?: PrecisionOption;
  /** Samples (not views) a batch, at most those of the data set. Default: the sampler's, else 256 or all of a smaller data set. */
  readonly batchSize?: number;
  /**
   * Which samples make the batches (`makeSampler`): { name: 'class-balanced', classes: 8, perClass: 16 } and others, or a
   * function. A sample's views then change with the step in place of the epoch, for it may come several times an epoch.
   * Default: each sample once an epoch, in a new order each time.
   */
  readonly sampler?: SamplerSpec | SamplerFunction;
  /**
   * Samples that go through the encoder at once, at most; default: batchSize. Below it, gradients are cached (Gao et al.
   * 2021, arXiv:2101.06983): the loss and its gradient are those of the whole batch, in the memory of a micro-batch, for
   * one more forward pass. Batch normalisation takes its statistics within micro-batches. It need not divide batchSize:
   * micro-batches are made as even as can be.
   */
  readonly microBatch?: number;
  /**
   * Batches whose gradients are added up, divided by their number, for one update; default 1. Memory is that of one batch, and a
   * contrastive loss still compares within each batch only: for more to compare with, there is microBatch, beside which this
   * does not go. What follows an update (a teacher, a queue) sees the last of the batches.
   */
  readonly accumulate?: number;
  /**
   * A running mean of the weights (`{}` for the defaults), which monitors, checkpoints and, when fit has ended, encoder and head have
   * in the place of the weights that were trained. Default: none.
   */
  readonly ema?: EmaOptions;
  /** Whether the events of steps have contrastive metrics (`contrastiveMetrics`). Default true, but for cross-entropy. */
  readonly metrics?: boolean;
  /**
   * Records the first step and runs each one as one native job (`compile`). Encoder, head and method must then be functions of
   * tensors, which read no values and keep no count of their calls. Default: true where they say that they are (`isPure`), as those
   * of the package do; a loss that is a function does not.
   */
  readonly compile?: boolean;
  /** Default 10. With 0 nothing is trained: a run of the weights as they are, to compare with. */
  readonly epochs?: number;
  /** Of shuffling, augmentation and dropout, default 0. The initial weights have their own, at the model. */
  readonly seed?: number;
}

/** Checked; the precision may still have to be measured. */
export interface CheckedOptions extends Omit<ResolvedOptions, 'precision'> {
  readonly precision: PrecisionOption;
  /** Nobody gave a batch size: a smaller data set lowers it. */
  readonly isDefaultBatch: boolean;
}

export interface ResolvedOptions {
  readonly encoder: Module;
  readonly head: Module | CustomHead | null;
  readonly method: BoundMethod;
  /** One a view. */
  readonly augment: readonly Augmentation[];
  readonly optimizer: OptimizerSpec;
  readonly schedule: ScheduleSpec | CustomSchedule;
  readonly device: string;
  readonly precision: Precision;
  readonly batchSize: number;
  readonly sampler: SamplerSpec | SamplerFunction | undefined;
  /** At most batchSize. */
  readonly microBatch: number;
  readonly accumulate: number;
  readonly ema: ResolvedEma | undefined;
  readonly metrics: boolean;
  /** Undefined: where encoder, head and method are pure. */
  readonly compile: boolean | undefined;
  readonly epochs: number;
  readonly seed: number;
}

const known = [
  'encoder',
  'head',
  'method',
  'loss',
  'augment',
  'views',
  'optimizer',
  'schedule',
  'device',
  'precision',
  'batchSize',
  'sampler',
  'microBatch',
  'accumulate',
  'ema',
  'metrics',
  'compile',
  'epochs',
  'seed',
] as const;

const isHead = (value: unknown): boolean =>
  value instanceof Module ||
  (value !== null &&
    typeof value === 'object' &&
    typeof (value as CustomHead).forward === 'function' &&
    typeof (value as CustomHead).namedParameters === 'function');

function resolveMethod({ method, loss }: TrainerOptions): BoundMethod {
  if (method !== undefined && loss !== undefined)
    throw new OptionError('loss does not go with method: it is a short form of one');
  return methodOf(loss === undefined ? (method ?? 'supcon') : methodOfLoss(loss));
}

function resolveViews(augment: TrainerOptions['augment'], views: number | undefined): readonly Augmentation[] {
  const list: readonly Augmentation[] = Array.isArray(augment) ? augment : [];
  if (list.length === 0 && (augment === null || typeof (augment as Augmentation)?.apply !== 'function'))
    throw new OptionError(
      `augment must be what augment() or a preset returns, or an array of them, got ${describe(augment)}`,
    );
  const count = expectNumber('views', views ?? (list.length || 2), { min: 1, max: 64, integer: true });
  if (list.length > 0 && list.length !== count)
    throw new OptionError(`augment must hold one augmentation a view: expected ${count}, got ${list.length}`);
  return list.length > 0 ? list : new Array<Augmentation>(count).fill(augment as Augmentation);
}

/** @throws {OptionError} naming the option, what was expected and what came. */
export function checkTrainerOptions(options: TrainerOptions): CheckedOptions {
  checkOptions('Trainer', options, known);
  const { encoder, head = null } = options;
  if (!(encoder instanceof Module))
    throw new OptionError(`encoder must be a Module such as resnet18() returns, got ${describe(encoder)}`);
  if (head !== null && !isHead(head))
    throw new OptionError(`head must be a Module, { forward, namedParameters } or null, got ${describe(head)}`);
  const { sampler } = options;
  const sampled = sampler === undefined ? undefined : batchSizeOf(checkSampler(sampler));
  const batchSize = expectNumber('batchSize', options.batchSize ?? sampled ?? 256, { min: 1, integer: true });
  const method = resolveMethod(options);
  const resolved = {
    encoder,
    head,
    method,
    augment: resolveViews(options.augment, options.views),
    optimizer: checkOptimizer(options.optimizer ?? { name: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 1e-4 }),
    schedule: checkSchedule(options.schedule ?? { name: 'cosine', warmup: 0.05 }),
    device: expectString('device', options.device ?? 'cpu'),
    precision: expectOneOf('precision', options.precision ?? 'float32', precisionOptions),
    batchSize,
    isDefaultBatch: options.batchSize === undefined && sampled === undefined,
    sampler,
    microBatch: expectNumber('microBatch', options.microBatch ?? batchSize, { min: 1, max: batchSize, integer: true }),
    accumulate: expectNumber('accumulate', options.accumulate ?? 1, { min: 1, integer: true }),
    ema: options.ema === undefined ? undefined : resolveOptions('ema', emaOptions, options.ema, 'ema.'),
    metrics: expectBoolean('metrics', options.metrics ?? method.hasMetrics),
    compile: options.compile === undefined ? undefined : expectBoolean('compile', options.compile),
    epochs: expectNumber('epochs', options.epochs ?? 10, { min: 0, integer: true }),
    seed: expectNumber('seed', options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }),
  };
  if (resolved.accumulate > 1 && resolved.microBatch < batchSize)
    throw new OptionError(
      'accumulate does not go with microBatch, which gives the gradient of the whole batch already: expected a larger batchSize instead',
    );
  expectMethodFits(resolved, { isBatchKnown: !resolved.isDefaultBatch });
  return resolved;
}

/** Samples that an update is made of. */
export const samplesOfStep = ({ batchSize, accumulate }: Pick<ResolvedOptions, 'batchSize' | 'accumulate'>): number =>
  batchSize * accumulate;

/** @param isBatchKnown the batch size is one that was given, or follows from the data. @throws {OptionError} */
export function expectMethodFits(options: CheckedOptions, { isBatchKnown }: { readonly isBatchKnown: boolean }): void {
  const { method, encoder, head, augment, batchSize, microBatch } = options;
  const batch = { batchSize: isBatchKnown ? batchSize : undefined, microBatch: isBatchKnown ? microBatch : undefined };
  method.expectFit({ encoder, head, views: augment.length, ...batch });
}
