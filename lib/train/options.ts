/** The trainer's options: checked, with their defaults filled in. */
import type { Augmentation } from '../augment/augment.ts';
import type { SamplerFunction } from '../data/samplers/custom.ts';
import { batchSizeOf, checkSampler, type SamplerSpec } from '../data/samplers/samplers.ts';
import { OptionError } from '../errors.ts';
import { Module } from '../nn/module.ts';
import { checkOptimizer, type OptimizerSpec } from '../optim/optimizer.ts';
import { checkSchedule, type ScheduleSpec } from '../optim/schedule.ts';
import { type Precision, type PrecisionOption, precisionOptions } from '../tensor/precision.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectBoolean, expectNumber, expectOneOf, expectString } from '../validate.ts';
import { type CustomLoss, checkLoss, type LossSpec } from './loss.ts';
import { checkMomentumEncoder, type MomentumEncoderOptions, type ResolvedMomentumOptions } from './momentum-options.ts';

/** A projection head of your own that is no Module: a function and the tensors that it is trained by. */
export interface CustomHead {
  /** (n, featureDim) → (n, dim), differentiable. */
  forward(features: Tensor): Tensor;
  /** What the optimizer trains, by name. */
  namedParameters(): ReadonlyMap<string, Tensor>;
}

export interface TrainerOptions {
  readonly encoder: Module;
  /** A projection head, one of your own, or null: the loss then sees the encoder's features. Default null. */
  readonly head?: Module | CustomHead | null;
  /** Default { name: 'supcon' }. */
  readonly loss?: LossSpec | CustomLoss;
  /** One for all views, or one a view (asymmetric views), whose sizes may differ (`multiCrop`). */
  readonly augment: Augmentation | readonly Augmentation[];
  /** Views of each sample, default 2. */
  readonly views?: number;
  /** Default { name: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 1e-4 }. */
  readonly optimizer?: OptimizerSpec;
  /** Default: cosine to 0 with a linear warm-up of a twentieth of the steps. */
  readonly schedule?: ScheduleSpec;
  /** 'cpu' (default), 'cuda[:N]', 'mps', 'auto'. */
  readonly device?: string;
  /**
   * Of the forward and backward pass; weights, loss and update stay float32. 'auto' takes what is faster on this machine for
   * this model: where bfloat16 is computed in hardware it measures both for a second or two, elsewhere it takes float32.
   * A run that goes on keeps its precision. Default 'float32'.
   */
  readonly precision?: PrecisionOption;
  /** Samples (not views) a step, at most those of the data set. Default: the sampler's, else 256 or all of a smaller data set. */
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
   * Momentum contrast (MoCo; He et al. 2020, arXiv:1911.05722): view 0 goes through the encoder, view 1 through a copy that
   * follows it slowly, and a query is compared with its own key and a queue of keys of earlier batches, in place of the
   * rest of its batch. `{}` for the defaults. Not with microBatch, more than two views or a head that is no Module.
   * Default: none.
   */
  readonly momentumEncoder?: MomentumEncoderOptions;
  /** Whether the events of steps have contrastive metrics (`contrastiveMetrics`). Default true; false for cross-entropy. */
  readonly metrics?: boolean;
  /**
   * Records the first step and runs each one as one native job (`compile`). Encoder, head and loss must then be functions of
   * tensors, which read no values and keep no count of their calls. Default: true where the loss is one by name and the
   * modules say that they are (`isPure`), as those of the package do.
   */
  readonly compile?: boolean;
  /** Default 10. With 0 nothing is trained: a run of the weights as they are, to compare with. */
  readonly epochs?: number;
  /** Of shuffling and augmentation, default 0. The initial weights have their own, at the model. */
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
  readonly loss: LossSpec | CustomLoss;
  /** One a view. */
  readonly augment: readonly Augmentation[];
  readonly optimizer: OptimizerSpec;
  readonly schedule: ScheduleSpec;
  readonly device: string;
  readonly precision: Precision;
  readonly batchSize: number;
  readonly sampler: SamplerSpec | SamplerFunction | undefined;
  /** At most batchSize. */
  readonly microBatch: number;
  readonly momentumEncoder: ResolvedMomentumOptions | undefined;
  readonly metrics: boolean;
  readonly compile: boolean;
  readonly epochs: number;
  readonly seed: number;
}

const known = [
  'encoder',
  'head',
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
  'momentumEncoder',
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

const isPure = (part: Module | CustomHead | null): boolean => part === null || (part instanceof Module && part.isPure);

const isClassifiers = (loss: LossSpec | CustomLoss): boolean =>
  typeof loss !== 'function' && loss?.name === 'cross-entropy';

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
  const { encoder, head = null, loss = { name: 'supcon' } } = options;
  if (!(encoder instanceof Module))
    throw new OptionError(`encoder must be a Module such as resnet18() returns, got ${describe(encoder)}`);
  if (head !== null && !isHead(head))
    throw new OptionError(`head must be a Module, { forward, namedParameters } or null, got ${describe(head)}`);
  const { sampler } = options;
  const sampled = sampler === undefined ? undefined : batchSizeOf(checkSampler(sampler));
  const batchSize = expectNumber('batchSize', options.batchSize ?? sampled ?? 256, { min: 1, integer: true });
  const resolved = {
    encoder,
    head,
    loss: typeof loss === 'function' ? loss : checkLoss(loss),
    augment: resolveViews(options.augment, options.views),
    optimizer: checkOptimizer(options.optimizer ?? { name: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 1e-4 }),
    schedule: checkSchedule(options.schedule ?? { name: 'cosine', warmup: 0.05 }),
    device: expectString('device', options.device ?? 'cpu'),
    precision: expectOneOf('precision', options.precision ?? 'float32', precisionOptions),
    batchSize,
    isDefaultBatch: options.batchSize === undefined && sampled === undefined,
    sampler,
    microBatch: expectNumber('microBatch', options.microBatch ?? batchSize, { min: 1, max: batchSize, integer: true }),
    metrics: expectBoolean('metrics', options.metrics ?? !isClassifiers(loss)),
    compile: expectBoolean(
      'compile',
      options.compile ?? (typeof loss !== 'function' && isPure(encoder) && isPure(head)),
    ),
    epochs: expectNumber('epochs', options.epochs ?? 10, { min: 0, integer: true }),
    seed: expectNumber('seed', options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }),
  };
  const { momentumEncoder } = options;
  return {
    ...resolved,
    momentumEncoder: momentumEncoder === undefined ? undefined : checkMomentumEncoder(momentumEncoder, resolved),
  };
}
