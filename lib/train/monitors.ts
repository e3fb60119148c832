/** What watches a training beside its loop: the interface, and the features of recent batches that monitors share. */

import { noGrad, tidy } from '../tensor/modes.ts';
import { cat } from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Figures by name. */
export type Figures = Readonly<Record<string, number>>;

/**
 * What is asked of a monitor. Where several processes train together, all of them ask theirs at the same step, and wait for the last;
 * the figures of rank 0 count.
 */
export interface MonitorContext {
  /** From 0; at the end of one, the epoch that ended; −1 before the first step. */
  readonly epoch: number;
  readonly step: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Runs after each epoch, and with `monitorStart` before the first step, with encoder and head in evaluation mode; what it returns
 * goes into the epoch's event. The epoch's checkpoint is there already. An epoch whose monitor failed or was stopped is ended again when the run is resumed.
 * Several processes hold the same weights and running statistics then: `distributed` of `extractFeatures` and `knnClassify` shares the work.
 */
export type EpochMonitor = (context: MonitorContext) => Promise<Figures | undefined> | Figures | undefined;

/** A step's batch as it was seen. Its tensors are to be let go of when `observe` returns. */
export interface ObservedBatch {
  /** The encoder's features of all views that went through it, without a gradient: float32 (batch, views, dim). */
  readonly features: Tensor;
  /** Of the first view, float32 (batch, dim): the newest rows of the queue, where they lie. */
  readonly queued: Tensor;
  /** (batch), when every sample has a label. */
  readonly labels: Int32Array | undefined;
  /** (batch) */
  readonly ids: BigInt64Array;
}

/** Rows that were features of the first view of samples, oldest first. */
export interface QueuedFeatures {
  /** float32 (rows, dim); the caller disposes it. */
  readonly features: Tensor;
  /** (rows), when every sample has a label. */
  readonly labels: Int32Array | undefined;
  /** (rows) */
  readonly ids: BigInt64Array;
}

export interface FeatureContext extends MonitorContext {
  /** The newest rows of the queue, at most `rows`; undefined before the first step. */
  newest(rows: number): QueuedFeatures | undefined;
  /** Whether several processes ask, all of them with the same features: `distributed` of `nearestNeighbours` then shares the work. */
  readonly distributed: boolean;
}

/**
 * Watches the encoder by the features of the training's own batches, of augmented images in training mode. What it does leaves
 * no trace in the training: the weights come out the same to the bit. It begins anew where a run is resumed.
 */
export interface FeatureMonitor {
  /** Rows of the queue that figures() asks for, at most; default 0. */
  readonly rows?: number;
  /** Called behind each step, when that is enqueued: it enqueues operations, and reads no values. */
  observe?(batch: ObservedBatch): void;
  /** Asked after each epoch, and every `monitorEvery` steps. */
  figures(context: FeatureContext): Promise<Figures> | Figures;
  /** At the end of the training. */
  [Symbol.dispose]?(): void;
}

export type Monitor = EpochMonitor | FeatureMonitor;

/** The features of the newest batches, one queue for all monitors. */
export class FeatureQueue implements Disposable {
  readonly #capacity: number;
  readonly #batches: QueuedFeatures[] = [];
  #rows = 0;

  /** @param capacity rows that are kept at least, once they were there; the newest batch is in any case. */
  constructor(capacity: number) {
    this.#capacity = Math.max(1, capacity);
  }

  /** Keeps a copy of the first view. @returns it, float32 (batch, dim), which stays the queue's. */
  push({ features, labels, ids }: Omit<ObservedBatch, 'queued'>): Tensor {
    const queued = tidy(() => noGrad(() => features.select(1, 0).clone()));
    this.#batches.push({ features: queued, labels, ids });
    this.#rows += ids.length;
    for (let oldest = this.#batches[0]; oldest; oldest = this.#batches[0]) {
      if (this.#rows - oldest.ids.length < this.#capacity) break;
      oldest.features.dispose();
      this.#batches.shift();
      this.#rows -= oldest.ids.length;
    }
    return queued;
  }

  newest(rows: number): QueuedFeatures | undefined {
    const batches: QueuedFeatures[] = [];
    let count = 0;
    for (let i = this.#batches.length - 1; i >= 0 && count < rows; i--) {
      const batch = this.#batches[i] as QueuedFeatures;
      batches.unshift(batch);
      count += batch.ids.length;
    }
    if (count === 0) return undefined;
    const surplus = Math.max(0, count - rows);
    const labels = batches.flatMap((batch) => (batch.labels === undefined ? [] : [...batch.labels]));
    return {
      features: tidy(() =>
        noGrad(() => cat(batches.map(({ features }) => features)).narrow(0, surplus, count - surplus)),
      ),
      labels: labels.length === count ? Int32Array.from(labels.slice(surplus)) : undefined,
      ids: BigInt64Array.from(batches.flatMap(({ ids }) => [...ids]).slice(surplus)),
    };
  }

  [Symbol.dispose](): void {
    for (const { features } of this.#batches.splice(0)) features.dispose();
    this.#rows = 0;
  }
}
