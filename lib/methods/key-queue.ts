/** The newest keys of a training: vectors of earlier batches, first in, first out. */
import { OptionError } from '../errors.ts';
import type { KeyBank } from '../losses/all.ts';
import type { Module } from '../nn/module.ts';
import { countOption } from '../options/kinds.ts';
import * as internal from '../tensor/internal-ops.ts';
import { outsideTidy, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { Targets } from './method.ts';

export const queueOption = { ...countOption, max: 2 ** 31 - 1, value: 'KEYS', flag: 'queue' } as const;

export interface KeyQueueOptions {
  /** Keys. */
  readonly size: number;
  /** Length of a key. */
  readonly dim: number;
  readonly device: string;
  /** Whether keys are kept as rows of length one. Default true. */
  readonly normalize?: boolean;
  /** Of random keys of length one that fill it at the start. Default: it starts empty. */
  readonly seed?: number;
}

/** @throws {OptionError} a queue of `size` keys that does not hold those of a step. */
export function expectHoldsStep(name: string, size: number, keys: number): void {
  if (size < keys)
    throw new OptionError(`${name} must hold a batch of keys at least: expected >= ${keys}, got ${size}`);
}

/**
 * Keys in tensors of a fixed size, which are buffers of the method that owns the queue, 'queue.*': so they are in its checkpoints. While
 * one fills that started empty, each step finds more keys than the one before it, and cannot be recorded: the method's `modeKey` is then undefined.
 *
 * Source: He et al. 2020, arXiv:1911.05722, section 3.2.
 */
export class KeyQueue {
  readonly #size: number;
  readonly #normalize: boolean;
  /** Keys that were there before any came. */
  readonly #atFirst: number;
  /** float32 (size, dim) */
  readonly #features: Tensor;
  /** int64 (size), −1 where there was none. */
  readonly #labels: Tensor;
  /** int64 (size) */
  readonly #ids: Tensor;
  /** int64 (): how many keys ever came. The next goes to pushed % size. */
  readonly #pushed: Tensor;
  /**
   * Keys that were there at the start, and those of all steps enqueued since, up to the size: what a bank that is enqueued now will see. A
   * step that is refused does not push its keys, and no step behind it changes anything.
   */
  #count: number;

  constructor(owner: Module, { size, dim, device, normalize = true, seed }: KeyQueueOptions) {
    this.#size = size;
    this.#normalize = normalize;
    this.#atFirst = seed === undefined ? 0 : size;
    this.#count = this.#atFirst;
    const buffer = (name: string, make: () => Tensor) => owner.registerBuffer(`queue.${name}`, outsideTidy(make));
    this.#features = buffer('features', () =>
      seed === undefined
        ? ops.zeros([size, dim], { dtype: 'float32', device })
        : tidy(() => ops.normalize(ops.randn([size, dim], { seed, device }))),
    );
    this.#labels = buffer('labels', () => ops.full([size], -1, { dtype: 'int64', device }));
    this.#ids = buffer('ids', () => ops.full([size], -1, { dtype: 'int64', device }));
    this.#pushed = buffer('pushed', () => tensor(0n, { device }));
  }

  get isFilling(): boolean {
    return this.#count < this.#size;
  }

  /** What the queue holds; undefined while it is empty. Belongs to the tidy() around. */
  bank(isLabelled: boolean): KeyBank | undefined {
    const count = this.#count;
    if (count === 0) return undefined;
    return {
      features: this.#features.narrow(0, 0, count),
      ids: this.#ids.narrow(0, 0, count),
      ...(isLabelled && { labels: this.#labels.narrow(0, 0, count) }),
    };
  }

  /**
   * Takes keys, float32 (batch, dim), in the place of the oldest, unless the step was refused.
   * @param status of the step, int64 (); handed on.
   * @throws {ShapeError} keys of another length, or more than the queue holds; labels or ids not (batch).
   */
  push(keys: Tensor, { labels, ids }: Pick<Targets, 'labels' | 'ids'>, status: Tensor): Tensor {
    const pushed = internal.pushKeys_(this.#features, this.#labels, this.#ids, this.#pushed, keys, {
      ...{ keyLabels: labels, keyIds: ids, status, normalize: this.#normalize },
    });
    this.#count = Math.min(this.#size, this.#count + (keys.shape[0] as number));
    return pushed;
  }

  /** Counts the keys that were copied into the buffers, as from a checkpoint. Reads a value. */
  recount(): void {
    this.#count = Math.min(this.#size, this.#atFirst + Number(this.#pushed.itemSync()));
  }
}
