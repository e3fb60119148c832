/** The key encoder of momentum contrast, and the queue of its keys. */

import type { Encoder } from '../encoders/registry.ts';
import { CheckpointError } from '../errors.ts';
import { loadAddon, type ModuleHandle, type MomentumEncoderHandle } from '../native/addon.ts';
import { guard, newJob } from '../native/errors.ts';
import { Module } from '../nn/module.ts';
import { flags, noGrad, outsideTidy } from '../tensor/modes.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { KeyBank } from './loss.ts';
import type { Targets } from './loss-call.ts';
import type { ResolvedMomentumOptions } from './momentum-options.ts';
import type { ResolvedOptions } from './options.ts';
import { rampAt } from './ramp.ts';

const queueNames = ['features', 'labels', 'ids'] as const;

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
  readonly handle: MomentumEncoderHandle;
  readonly #options: ResolvedMomentumOptions;
  /** 'features' (queueSize, dim), 'labels' and 'ids' (queueSize), 'pushed' (); live. */
  readonly #queue: ReadonlyMap<string, Tensor>;
  /** Keys that were in the queue at the start, or came by remember(). */
  #pushed = 0;

  /** The encoder and the head are on their device already. */
  constructor({ encoder, head }: ResolvedOptions, options: ResolvedMomentumOptions) {
    const addon = loadAddon();
    this.#options = options;
    this.encoder = encoder.clone();
    this.head = head instanceof Module ? head.clone() : null;
    for (const module of [this.encoder, this.head]) module?.train(options.statistics === 'batch');
    const handleOf = (module: unknown) => (module as { handle: ModuleHandle }).handle;
    this.handle = guard(() =>
      addon.makeMomentumEncoder(
        handleOf(encoder),
        head instanceof Module ? handleOf(head) : undefined,
        handleOf(this.encoder),
        this.head ? handleOf(this.head) : undefined,
        options.queueSize,
        options.statistics === 'average',
        options.symmetric,
      ),
    );
    const { featureDim } = (this.head ?? this.encoder) as Encoder;
    const queue = Object.entries(
      guard(() => addon.momentumQueue(this.handle, options.queueSize, featureDim, encoder.device, flags(), newJob())),
    );
    this.#queue = outsideTidy(() => new Map(queue.map(([name, handle]) => [name, new Tensor(handle)])));
  }

  /** Both views are queries in turn. */
  get symmetric(): boolean {
    return this.#options.symmetric;
  }

  /** m when `progress` in [0, 1] of the training lies behind. */
  momentumAt(progress: number): number {
    return rampAt(this.#options.momentum, progress);
  }

  /** What the queue holds, for a loss written in TypeScript; undefined while it is empty. Belongs to the tidy() around. */
  bank(isLabelled: boolean): KeyBank | undefined {
    const count = Math.min(this.#pushed, this.#options.queueSize);
    if (count === 0) return undefined;
    const [features, labels, ids] = queueNames.map((name) => this.#queueTensor(name).narrow(0, 0, count)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    return { features, ids, ...(isLabelled && { labels }) };
  }

  /** Moves the key parameters towards the encoder's. */
  follow(m: number): void {
    const job = newJob(this.follow);
    guard(() => loadAddon().momentumFollow(this.handle, m, flags(), job));
  }

  /** Takes keys, float32 (batch, dim), into the queue as rows of length one. */
  remember(keys: Tensor, { labels, ids }: Pick<Targets, 'labels' | 'ids'>): void {
    const job = newJob(this.remember);
    guard(() => loadAddon().momentumRemember(this.handle, keys.handle, labels?.handle, ids.handle, flags(), job));
    this.#pushed += keys.shape[0] as number;
  }

  /** Weights, running statistics and queue, named encoder.*, head.* and queue.*; live. */
  stateDict(): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    for (const [prefix, tensors] of [
      ['encoder', this.encoder.stateDict()],
      ['head', this.head?.stateDict() ?? new Map<string, Tensor>()],
      ['queue', this.#queue],
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
    this.#pushed = Number((await this.#queueTensor('pushed').data())[0]);
  }

  #queueTensor(name: string): Tensor {
    return this.#queue.get(name) as Tensor;
  }

  [Symbol.dispose](): void {
    for (const value of this.#queue.values()) value.dispose();
    guard(() => loadAddon().momentumDispose(this.handle));
    this.encoder.dispose();
    this.head?.dispose();
  }
}
