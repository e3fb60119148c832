/** MoCo: queries against a queue of keys that a slowly moving copy of the network made. */
import { OptionError } from '../errors.ts';
import {
  type BoundLoss,
  checkLoss,
  type KeyBank,
  type LossName,
  type LossSpec,
  type LossValue,
  lossOf,
} from '../losses/all.ts';
import type { Module } from '../nn/module.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { type Ramp, rampAt } from '../options/ramp.ts';
import * as internal from '../tensor/internal-ops.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type CustomLoss, type CustomLossBatch, callCustom } from './custom-loss.ts';
import { expectHoldsStep, KeyQueue, queueOption } from './key-queue.ts';
import { Method, type MethodBatch, type MethodParts, type MethodValue, type Targets } from './method.ts';
import { dimOf, expectModules } from './network.ts';
import { type Around, defineMethod } from './registry.ts';
import { Teacher, teacherMomentum } from './teacher.ts';

function checkKeyLoss(name: string, loss: LossName | LossSpec | CustomLoss): LossSpec | CustomLoss {
  const checked = checkLoss<LossSpec | CustomLoss>(loss, name);
  if (typeof checked === 'function') return checked;
  if (checked.name === 'cross-entropy')
    throw new OptionError(`${name} must be a contrastive loss: cross-entropy has no keys`);
  if (typeof loss === 'object' && 'anchors' in loss && loss.anchors === 'all')
    throw new OptionError(`${name}.anchors must not be 'all': keys have no gradient and are no anchors`);
  const { anchors: _, ...spec } = checked as typeof checked & { readonly anchors?: unknown }; // the queries are
  return spec as LossSpec;
}

const table = {
  /**
   * m in [0, 1]: the part of each key parameter that stays at a step; the rest comes from the encoder. A number, or how it
   * changes over the training: { from: 0.99, to: 1, schedule: 'cosine' }. Default 0.99.
   */
  momentum: { ...teacherMomentum, default: 0.99 },
  /** Keys that the queue holds, at least a batch. Default 4096. */
  queueSize: { ...queueOption, default: 4096, help: 'keys that the queue holds, at least a batch' },
  /**
   * What batch normalisation of the key network takes: 'batch' (default), the statistics of the batch's keys, or, where processes keep
   * their own (`syncBatchNorm: false`), of keys that are shuffled over all processes for it and put back, as MoCo does; 'average', running
   * statistics that follow the encoder's as the parameters do, so that no key knows of its batch (Cai et al. 2021, arXiv:2101.08482).
   */
  statistics: {
    type: 'string',
    choices: ['batch', 'average'],
    default: 'batch',
    help: 'of the batch normalisation of keys',
  },
  /**
   * Whether both views are queries in turn, each with the other as its key: twice the passes and the anchors, and two keys a
   * sample into the queue. Default false, as in the paper.
   */
  symmetric: { type: 'boolean', default: false, help: 'whether both views are queries in turn' },
  /** A contrastive loss by name, or one of your own, which gets the queue as `bank`. Default { name: 'nt-xent' }. */
  loss: { type: 'checked', check: checkKeyLoss, default: { name: 'nt-xent' }, help: 'of queries and keys' },
} as const satisfies OptionTable;

export type MocoOptions = OptionsOf<typeof table>;
type Resolved = ResolvedOf<typeof table>;

interface MocoNumbers {
  /** m */
  readonly momentum: number;
  /** What changes of the loss. */
  readonly [option: string]: number;
}

type MocoTensors = Targets<MocoNumbers>['numbers'];

interface MocoValue extends MethodValue, Pick<Targets, 'labels' | 'ids'> {
  /** float32 (queries, dim), without a gradient. */
  readonly keys: Tensor;
  readonly bank: KeyBank | undefined;
}

export class Moco extends Method<MocoNumbers, MocoValue> {
  readonly teacher: Teacher;
  readonly #queue: KeyQueue;
  readonly #momentum: number | Ramp;
  readonly #symmetric: boolean;
  readonly #loss: BoundLoss | CustomLoss;

  constructor({ momentum, queueSize, statistics, symmetric, loss }: Resolved, parts: MethodParts) {
    super(parts);
    this.#momentum = momentum;
    this.#symmetric = symmetric;
    this.#loss = typeof loss === 'function' ? loss : lossOf(loss);
    this.teacher = new Teacher(parts.student, { statistics, shuffled: statistics === 'batch' });
    this.#queue = new KeyQueue(this, {
      size: queueSize,
      dim: dimOf('moco', parts.student),
      device: parts.device,
      normalize: !('normalize' in loss && loss.normalize === false),
    });
  }

  override get isPure(): boolean {
    return typeof this.#loss !== 'function';
  }

  /** Undefined while the queue fills, when each step is of another kind. */
  override get modeKey(): string | undefined {
    return this.#queue.isFilling ? undefined : super.modeKey;
  }

  override get movedModules(): readonly Module[] {
    return [this.teacher];
  }

  override numbersAt(progress: number): MocoNumbers {
    const changing = typeof this.#loss === 'function' ? {} : this.#loss.numbersAt(progress);
    return { ...changing, momentum: rampAt(this.#momentum, progress) };
  }

  /** Queries and their keys: view 0 and view 1; behind them, where it is symmetric, the same with the views exchanged. */
  override loss({ views, numbers, ...targets }: MethodBatch<MocoNumbers>): MocoValue {
    const turns = (this.#symmetric ? [0, 1] : [0]).map((view) => ({
      queries: this.student.forward(views.at(view)),
      keys: this.teacher.forward(views.at(1 - view)),
    }));
    const repeated = (each: Tensor): Tensor => (this.#symmetric ? ops.cat([each, each]) : each);
    const keys = ops.cat(turns.map((turn) => turn.keys));
    const features = ops.stack([ops.cat(turns.map((turn) => turn.queries)), keys], 1); // (queries, 2, dim)
    const labels = targets.labels && repeated(targets.labels);
    const ids = repeated(targets.ids);
    const bank = this.#queue.bank(labels !== undefined);
    const value = this.#compare(features, { labels, ids, bank }, numbers);
    return { ...value, features, keys, labels, ids, bank };
  }

  #compare(features: Tensor, batch: CustomLossBatch, { momentum: _, ...numbers }: MocoTensors): LossValue {
    const loss = this.#loss;
    if (typeof loss === 'function') return callCustom(loss, features, batch);
    return loss.call(features, { ...batch, hasKeys: true }, numbers);
  }

  /** Of the pairs of a query with its own key and with the queue: `top1` is the part of the queries whose nearest key is a positive. */
  override metrics({ features, labels, ids, bank }: MocoValue): Tensor {
    return internal.queryMetrics(features.detach(), ids, {
      labels,
      bank: bank?.features,
      bankIds: bank?.ids,
      bankLabels: bank?.labels,
    });
  }

  override afterUpdate({ keys, labels, ids }: MocoValue, { numbers }: Targets<MocoNumbers>, status: Tensor): Tensor {
    const followed = this.teacher.follow(numbers.momentum, status);
    return this.#queue.push(keys, { labels, ids }, followed);
  }

  override loadStateDict(...args: Parameters<Module['loadStateDict']>): ReturnType<Module['loadStateDict']> {
    const result = super.loadStateDict(...args);
    this.#queue.recount();
    return result;
  }
}

/** @throws {OptionError} a network that cannot be copied, or a queue that does not hold the keys of a batch. */
function refuse({ queueSize, symmetric }: Resolved, around: Around): void {
  expectModules('moco', around);
  dimOf('moco', around);
  const { batchSize = 1 } = around;
  expectHoldsStep('moco.queueSize', queueSize, symmetric ? 2 * batchSize : batchSize);
}

/**
 * Momentum contrast. View 0, the query q, goes through the network; view 1, the key k, through a copy that follows it slowly. A query is
 * compared with its own key and with a queue of keys of earlier batches, in place of the rest of its batch: so batches can be small.
 *
 *     L_i = −log( exp(q_i·k_i/τ) / (exp(q_i·k_i/τ) + Σ_{n∈queue} exp(q_i·k_n/τ)) )
 *     θ_k ← m θ_k + (1 − m) θ_q        after each step; then the keys take the places of the oldest in the queue
 *
 * Source: He et al. 2020, arXiv:1911.05722, eq. 1, 2 and algorithm 1; v2: Chen et al. 2020, arXiv:2003.04297. Published for
 * ImageNet: ResNet-50, batch 256, SGD, lr 0.03 with a cosine, weight decay 1e-4, m 0.999, 65 536 keys, τ 0.2 (v2). The defaults are those
 * of the authors' demo for CIFAR: m 0.99, 4096 keys, τ 0.1; there, batch normalisation takes its statistics over each of 8 parts of the batch.
 * Differs: the queue starts empty instead of with noise; old keys of a sample in the batch are its positives.
 *
 * With `loss: { name: 'supcon' }` the keys of the query's class are positives, and the queue keeps labels.
 * @example
 * new Trainer({ encoder, head, augment: presets.mocoV2({ size: 32 }), method: moco({ queueSize: 8192 }), batchSize: 64 });
 */
export const moco = defineMethod({
  name: 'moco',
  labels: ({ loss }: Resolved) => {
    if (typeof loss === 'function') return 'optional';
    return lossOf(loss).usesLabels ? 'required' : 'none';
  },
  usesIds: true,
  views: [2, 2],
  options: table,
  refuse,
  make: (options, parts) => new Moco(options, parts),
});
