/** The key encoder of momentum contrast, and the queue of its keys. */
import type { Encoder } from '../encoders/registry.ts';
import { CheckpointError } from '../errors.ts';
import { Module } from '../nn/module.ts';
import { rampAt } from '../options/ramp.ts';
import { noGrad, outsideTidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { KeyBank } from './loss.ts';
import type { Targets } from './loss-call.ts';
import type { ResolvedMomentumOptions } from './momentum-options.ts';
import { movingBuffers } from './moving-buffers.ts';
import type { ResolvedOptions } from './options.ts';

/** The newest keys, in tensors of a fixed size. */
interface KeyQueue {
  /** float32 (size, dim) */
  readonly features: Tensor;
  /** int64 (size), −1 where there was none. */
  readonly labels: Tensor;
  /** int64 (size) */
  readonly ids: Tensor;
  /** int64 (), on the CPU: how many keys ever came. The next goes to pushed % size. */
  readonly pushed: Tensor;
}

const makeQueue = (size: number, dim: number, device: string): KeyQueue => ({
  features: ops.zeros([size, dim], { dtype: 'float32', device }),
  labels: ops.full([size], -1, { dtype: 'int64', device }),
  ids: ops.full([size], -1, { dtype: 'int64', device }),
  pushed: tensor(0n),
});

/** What follows: parameters and, where asked for, the running statistics but for the counts of batches. */
const followed = (modules: readonly (Module | null)[], withStatistics: boolean): Tensor[] =>
  modules.flatMap((module) => {
    const statistics = withStatistics && module ? [...movingBuffers(module).values()] : [];
    return [...(module?.parameters() ?? []), ...statistics.filter(({ dtype }) => dtype.startsWith('float'))];
  });

/**
 * Copies of the encoder and the head, which follow them: θ_k ← m θ_k + (1 − m) θ_q after each step. Their running
 * statistics are their own, moved by their own forward passes; with `statistics: 'average'` they follow too, and are used.
 *
 * Source: He et al. 2020, arXiv:1911.05722, algorithm 1. Differs: no shuffling of batch normalisation, which has no effect
 * on one device; the queue starts empty instead of with noise.
 */
export class MomentumEncoder {
  readonly encoder: Module;
  readonly head: Module | null;
  readonly #options: ResolvedMomentumOptions;
  /** Whether the loss compares directions only: keys are then kept as rows of length one. */
  readonly #normalizes: boolean;
  readonly #leading: readonly Tensor[];
  readonly #following: readonly Tensor[];
  readonly #queue: KeyQueue;
  /**
   * Keys that were in the queue at the start, and those of all steps enqueued since: what a bank that is enqueued now will
   * see. A step that is refused does not push its keys, and no step behind it changes anything.
   */
  #pushed = 0;

  /** The encoder and the head are on their device, and in the modes of training, already. */
  constructor({ encoder, head, loss }: ResolvedOptions, options: ResolvedMomentumOptions) {
    this.#options = options;
    this.#normalizes = !('normalize' in loss && loss.normalize === false);
    this.encoder = encoder.clone();
    this.head = head instanceof Module ? head.clone() : null;
    const withStatistics = options.statistics === 'average';
    if (withStatistics) for (const module of [this.encoder, this.head]) module?.eval();
    this.#leading = followed([encoder, head instanceof Module ? head : null], withStatistics);
    this.#following = followed([this.encoder, this.head], withStatistics);
    const { featureDim } = (this.head ?? this.encoder) as Encoder;
    this.#queue = outsideTidy(() => makeQueue(options.queueSize, featureDim, encoder.device));
  }

  /** Both views are queries in turn. */
  get symmetric(): boolean {
    return this.#options.symmetric;
  }

  /** m when `progress` in [0, 1] of the training lies behind. */
  momentumAt(progress: number): number {
    return rampAt(this.#options.momentum, progress);
  }

  /** Whether each step finds more keys than the one before it. */
  get isFilling(): boolean {
    return this.#pushed < this.#options.queueSize;
  }

  /** What the queue holds; undefined while it is empty. Belongs to the tidy() around. */
  bank(isLabelled: boolean): KeyBank | undefined {
    const count = Math.min(this.#pushed, this.#options.queueSize);
    if (count === 0) return undefined;
    const { features, labels, ids } = this.#queue;
    return {
      features: features.narrow(0, 0, count),
      ids: ids.narrow(0, 0, count),
      ...(isLabelled && { labels: labels.narrow(0, 0, count) }),
    };
  }

  /**
   * Moves the key parameters towards the encoder's, unless the step was refused.
   * @param m float64 ()
   * @param status of the step, int64 (); handed on.
   */
  follow(m: Tensor, status: Tensor): Tensor {
    return ops.movingAverage_(this.#following, this.#leading, m, status);
  }

  /**
   * Takes keys, float32 (batch, dim), into the queue, unless the step was refused.
   * @param status of the step, int64 (); handed on.
   * @throws {ShapeError} keys of another length, or more than the queue holds; labels or ids not (batch).
   */
  remember(keys: Tensor, targets: Targets, status: Tensor): Tensor {
    const { features, labels, ids, pushed } = this.#queue;
    return ops.pushKeys_(features, labels, ids, pushed, keys, {
      keyLabels: targets.labels,
      keyIds: targets.ids,
      status,
      normalize: this.#normalizes,
    });
  }

  /** Counts the keys of a step that was enqueued, for bank(). */
  noteKeys(count: number): void {
    this.#pushed += count;
  }

  /** Weights, running statistics and queue, named encoder.*, head.* and queue.*; live. */
  stateDict(): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    for (const [prefix, tensors] of [
      ['encoder', this.encoder.stateDict()],
      ['head', this.head?.stateDict() ?? new Map<string, Tensor>()],
      ['queue', Object.entries(this.#queue)],
    ] as const)
      for (const [name, value] of tensors) state.set(`${prefix}.${name}`, value);
    return state;
  }

  /**
   * Copies a state that stateDict() gave.
   * @throws {CheckpointError} a name that is missing, or a tensor of another shape. Nothing is copied then.
   */
  async loadStateDict(state: ReadonlyMap<string, Tensor>): Promise<void> {
    const pairs = [...this.stateDict()].map(([name, target]) => {
      const source = state.get(name);
      if (source === undefined) throw new CheckpointError(`the momentum encoder's ${name} is missing`);
      if (String(source.shape) !== String(target.shape))
        throw new CheckpointError(
          `the momentum encoder's ${name} must have shape [${target.shape}], got [${source.shape}]`,
        );
      return { target, source };
    });
    for (const { target, source } of pairs) noGrad(() => target.copy_(source)).dispose();
    this.#pushed = await this.#queue.pushed.item();
  }

  [Symbol.dispose](): void {
    for (const value of Object.values(this.#queue)) value.dispose();
    this.encoder.dispose();
    this.head?.dispose();
  }
}
