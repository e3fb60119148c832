/** The trainer's options: declared; checked, with their defaults filled in. */
import type { Augmentation } from '../augment/augment.ts';
import type { SamplerFunction } from '../data/samplers/custom.ts';
import { batchSizeOf, checkSampler, type SamplerSpec } from '../data/samplers/samplers.ts';
import { localDevice } from '../distributed/local-device.ts';
import type { Ranks } from '../distributed/ranks.ts';
import { OptionError } from '../errors.ts';
import type { LossName, LossSpec } from '../losses/all.ts';
import { type BoundMethod, type MethodSpec, methodOf, type NamedMethod } from '../methods/all.ts';
import type { CustomLoss } from '../methods/custom-loss.ts';
import type { CustomHead } from '../methods/network.ts';
import { methodOfLoss } from '../methods/short-form.ts';
import { Module } from '../nn/module.ts';
import { checkOptimizer, type OptimizerSpec } from '../optim/optimizer.ts';
import { type CustomSchedule, checkSchedule, type ScheduleSpec } from '../optim/schedule.ts';
import { countOption, deviceOption, instanceOf, orNull, seedOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { asGiven, resolveOptions } from '../options/resolve.ts';
import { type Precision, type PrecisionOption, precisionOption } from '../tensor/precision.ts';
import { expectDevice } from '../tensor/runtime.ts';
import { describe, expectNumber } from '../validate.ts';
import { emaOptions } from './averaged-weights.ts';
import type { LossScale } from './loss-scale.ts';

const expectHead = (name: string, value: Module | CustomHead): Module | CustomHead => {
  const { forward, namedParameters } = (value ?? {}) as Partial<CustomHead>;
  if (value instanceof Module || [forward, namedParameters].every((part) => typeof part === 'function')) return value;
  throw new OptionError(`${name} must be a Module, { forward, namedParameters } or null, got ${describe(value)}`);
};

type Views = Augmentation | readonly Augmentation[];

function expectViews(name: string, value: Views): Views {
  const list: readonly Augmentation[] = Array.isArray(value) ? value : [value];
  if (list.length > 0 && list.every((augmentation) => typeof augmentation?.outputShape === 'function')) return value;
  throw new OptionError(
    `${name} must be what augment() or a preset returns, or an array of them, got ${describe(value)}`,
  );
}

export const trainerOptions = {
  encoder: {
    ...{ type: 'checked', required: true, value: 'Module', help: 'what is trained' },
    check: instanceOf<Module>(Module, 'a Module such as resnet18() returns'),
  },
  /** A projection head, one of your own, or null: the loss then sees the encoder's features. Default null. */
  head: {
    ...{ type: 'checked', default: null, check: orNull(expectHead) },
    ...{ value: 'Module, { forward, namedParameters }, null', help: 'projection head; null: losses see the features' },
  },
  /**
   * What `simclr()`, `byol()` and the other methods return, `{ name, … }`, or a name for its defaults; one of your own by what
   * `defineMethod` returned, or `{ name }`. Default 'supcon'.
   */
  method: {
    ...{ type: 'checked', check: asGiven<NamedMethod['name'] | NamedMethod | MethodSpec> },
    ...{ value: '`simclr()` and others, or a name', usual: "`'supcon'`", help: 'what is learned by' },
  },
  /** In the place of `method`: the contrastive loss of a batch by name, a classifier's, or one of your own. */
  loss: {
    ...{ type: 'checked', check: asGiven<LossName | LossSpec | CustomLoss> },
    ...{ value: 'a name, { name, … }, or a function', help: 'in the place of `method`: a loss of the features' },
  },
  /** One for all views, or one a view (asymmetric views), whose sizes may differ (`multiCrop`). */
  augment: {
    ...{ type: 'checked', required: true, check: expectViews },
    ...{ value: 'what a preset or `augment()` returns, or an array', help: 'how views are made; an array: one a view' },
  },
  /** Views of each sample, default 2. */
  views: { ...countOption, max: 64, usual: '2', help: 'views of each sample' },
  /** Default { name: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 1e-4 }. */
  optimizer: {
    ...{ type: 'checked', check: (_: string, spec: OptimizerSpec) => checkOptimizer(spec) },
    default: { name: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 1e-4 },
    ...{ value: 'a name, or { name, lr, … }', help: 'sgd, adam, adamw or lars', guide: 'optimization.md#optimizers' },
  },
  /** Of the learning rate, or a function of your own. Default: cosine to 0 with a linear warm-up of a twentieth of the steps. */
  schedule: {
    ...{ type: 'checked', check: (_: string, spec: ScheduleSpec | CustomSchedule) => checkSchedule(spec) },
    default: { name: 'cosine', warmup: 0.05 },
    ...{
      value: 'a name, { name, … }, or a function',
      help: 'of the learning rate',
      guide: 'optimization.md#schedules',
    },
  },
  /** 'cpu' (default), 'cuda[:N]', 'mps', 'auto'. */
  device: { ...deviceOption, value: "'cpu', 'cuda[:N]', 'mps', 'auto'", help: 'where encoder, head and method are' },
  /**
   * Of the forward and backward pass; weights, loss and update stay float32. 'auto' takes what is faster on this machine for
   * this model: where bfloat16 is computed in hardware it measures both for a second or two, elsewhere it takes float32.
   * 'float16' is for GPUs without bfloat16; its loss is scaled (docs/optimization.md). A run that goes on keeps its precision.
   * Default 'float32'.
   */
  precision: {
    ...precisionOption,
    help: 'of the forward and backward pass, weights stay float32; auto measures for a second where the CPU has bfloat16',
  },
  /**
   * Samples (not views) a batch, at most those of the data set; of all processes together, where there are several. Default: the
   * sampler's, else 256 or all of a smaller data set.
   */
  batchSize: { ...countOption, usual: '256, or all samples', help: 'samples a step, not views' },
  /**
   * Which samples make the batches (`makeSampler`): { name: 'class-balanced', classes: 8, perClass: 16 } and others, or a
   * function. A sample's views then change with the step in place of the epoch, for it may come several times an epoch.
   * Default: each sample once an epoch, in a new order each time.
   */
  sampler: {
    ...{ type: 'checked', check: (_: string, spec: SamplerSpec | SamplerFunction) => checkSampler(spec) },
    ...{ value: 'a name, { name, … }, or a function', help: 'which samples make a batch', guide: 'batches.md' },
  },
  /**
   * Samples that go through the encoder at once, at most; default: batchSize. Below it, gradients are cached (Gao et al.
   * 2021, arXiv:2101.06983): the loss and its gradient are those of the whole batch, in the memory of a micro-batch, for
   * one more forward pass. Batch normalisation takes its statistics within micro-batches. It need not divide batchSize:
   * micro-batches are made as even as can be.
   */
  microBatch: {
    ...countOption,
    usual: 'the whole batch',
    help: 'samples that go through the encoder at once; with fewer than the batch, gradients are cached: less memory, a third more time',
    guide: 'large-batches.md',
  },
  /**
   * Batches whose gradients are added up, divided by their number, for one update; default 1. Memory is that of one batch, and a
   * contrastive loss still compares within each batch only: for more to compare with, there is microBatch, beside which this
   * does not go. What follows an update (a teacher, a queue) sees the last of the batches.
   */
  accumulate: {
    ...{ ...countOption, default: 1, value: 'BATCHES' },
    help: 'batches an update, whose gradients are added up; the loss compares within each of them only',
  },
  /**
   * A running mean of the weights (`{}` for the defaults), which monitors, checkpoints and, when fit has ended, encoder and head have
   * in the place of the weights that were trained. Default: none.
   */
  ema: { type: 'group', options: emaOptions, help: 'averaged weights', guide: 'optimization.md#averaged-weights' },
  /** Whether the events of steps have contrastive metrics (`contrastiveMetrics`). Default true, but for cross-entropy. */
  metrics: { type: 'boolean', usual: '`true`', help: 'contrastive metrics in the events of steps' },
  /**
   * Records the first step and runs each one as one native job (`compile`). Encoder, head and method must then be functions of
   * tensors, which read no values and keep no count of their calls. Default: true where they say that they are (`isPure`), as those
   * of the package do; a loss that is a function does not.
   */
  compile: {
    type: 'boolean',
    usual: 'where all parts are pure',
    help: 'a step is one native job',
    guide: 'compile.md',
  },
  /**
   * On a GPU, where steps are compiled: whether what a step launches is kept as graphs of the device (`compile`), which small
   * networks gain from. It takes more memory. A warning says why, where a step cannot be kept so. Default false.
   */
  graph: {
    ...{ type: 'boolean', default: false },
    help: 'on a GPU: a compiled step is a few launches',
    guide: 'compile.md#graphs-of-a-gpu',
  },
  /**
   * Where several processes train together: whether batch normalisation takes its statistics over the rows of all of them, as one
   * process would. Without, each takes those of its own rows; at the end of an epoch all have rank 0's running statistics. Default true.
   */
  syncBatchNorm: {
    ...{ type: 'boolean', default: true },
    help: 'of several processes: batch normalisation over the rows of all',
    off: 'where several processes train together: each takes the statistics of batch normalisation over its own images; default over those of all',
    guide: 'distributed.md',
  },
  /**
   * Where several processes train together: whether a loss compares the samples of all of them. Without, each compares its own, and the
   * gradients are averaged, as accumulate does; for methods whose loss is of the features of a batch alone. Default true.
   */
  gather: {
    ...{ type: 'boolean', default: true },
    help: 'of several processes: losses compare the samples of all',
    guide: 'distributed.md',
  },
  /** Default 10. With 0 nothing is trained: a run of the weights as they are, to compare with. */
  epochs: {
    ...{ type: 'number', default: 10, min: 0, integer: true },
    help: 'passes over the samples; 0: a run of the weights as they are, to compare with',
  },
  /** Of shuffling, augmentation and dropout, default 0. The initial weights have their own, at the model. */
  seed: { ...seedOption, help: 'of order, views and dropout' },
} as const satisfies OptionTable;

export interface TrainerOptions extends OptionsOf<typeof trainerOptions> {}

type Declared = ResolvedOf<typeof trainerOptions>;

export interface ResolvedOptions extends Omit<Declared, 'method' | 'loss' | 'views'> {
  readonly method: BoundMethod;
  /** One a view. */
  readonly augment: readonly Augmentation[];
  readonly precision: Precision;
  readonly batchSize: number;
  /** At most batchSize. */
  readonly microBatch: number;
  readonly metrics: boolean;
  /** Where several processes train together. */
  readonly ranks?: Ranks;
  /** In float16. */
  readonly lossScale?: LossScale;
}

/** Checked; the precision may still have to be measured. */
export interface CheckedOptions extends Omit<ResolvedOptions, 'precision'> {
  readonly precision: PrecisionOption;
  /** Nobody gave a batch size: a smaller data set lowers it. */
  readonly isDefaultBatch: boolean;
}

function resolveMethod({ method, loss }: Pick<Declared, 'method' | 'loss'>): BoundMethod {
  if (method !== undefined && loss !== undefined)
    throw new OptionError('loss does not go with method: it is a short form of one');
  return methodOf(loss === undefined ? (method ?? 'supcon') : methodOfLoss(loss));
}

/** An augmentation for each view. */
function eachView({ augment, views }: Pick<Declared, 'augment' | 'views'>): readonly Augmentation[] {
  if (!Array.isArray(augment)) return new Array<Augmentation>(views ?? 2).fill(augment as Augmentation);
  const count = expectNumber('views', views ?? augment.length, trainerOptions.views);
  if (augment.length !== count)
    throw new OptionError(`augment must hold one augmentation a view: expected ${count}, got ${augment.length}`);
  return augment;
}

/** @throws {OptionError} naming the option, what was expected and what came; {DeviceError} a device that is not there. */
export function checkTrainerOptions(options: TrainerOptions): CheckedOptions {
  const { loss, views, ...declared } = resolveOptions('Trainer', trainerOptions, options);
  expectDevice(localDevice(declared.device));
  const method = resolveMethod({ method: declared.method, loss });
  const givenSize = declared.batchSize ?? batchSizeOf(declared.sampler);
  const { batchSize = givenSize ?? 256, metrics = method.hasMetrics } = declared;
  if (metrics && !method.hasMetrics)
    throw new OptionError(`metrics must be false for the method '${method.spec.name}', which compares no features`);
  const resolved = {
    ...declared,
    ...{ method, batchSize, metrics },
    augment: eachView({ augment: declared.augment, views }),
    isDefaultBatch: givenSize === undefined,
    microBatch: expectNumber('microBatch', declared.microBatch ?? batchSize, { ...countOption, max: batchSize }),
  };
  if (!resolved.gather && !method.isOfFeatures)
    throw new OptionError(
      `gather must not be false for the method '${method.spec.name}': what it keeps between steps is of the samples of all processes`,
    );
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
