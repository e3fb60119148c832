/** Batches of an epoch, in a seeded order, prepared ahead of the consumer. */
import { AbortError, OptionError } from '../errors.ts';
import { checkOptions, describe, expectBoolean, expectNumber, throwIfAborted } from '../validate.ts';
import { checkDataset, type Dataset, type LoadedSample } from './dataset.ts';
import { SampleReader } from './sample-reader.ts';
import { permutation } from './shuffle.ts';

/** What a loader without a transform gives. */
export interface Batch {
  samples: LoadedSample[];
  epoch: number;
  /** Index of the batch in its epoch. */
  step: number;
}

export interface DataLoaderOptions<T> {
  batchSize: number;
  /** A new order each epoch, a function of (seed, epoch). Default false: the data set's order. */
  shuffle?: boolean;
  /** Default 0. */
  seed?: number;
  /** Leaves out a last batch that is not full. Default false. */
  dropLast?: boolean;
  /** Batches prepared ahead of the one that the consumer holds. Default 2; 0 prepares on demand. */
  prefetch?: number;
  /** Calls of `dataset.get` that may be pending at once. Default 16. */
  concurrency?: number;
  /** Makes a batch from its samples. Calls for up to `prefetch + 1` batches may overlap. */
  transform?: (samples: LoadedSample[], epoch: number) => T | Promise<T>;
  /** Releases a prepared batch that nobody will receive. Default: its `Symbol.dispose`, if it has one. */
  discard?: (batch: T) => void;
}

const known = [
  'batchSize',
  'shuffle',
  'seed',
  'dropLast',
  'prefetch',
  'concurrency',
  'transform',
  'discard',
] as const satisfies readonly (keyof DataLoaderOptions<unknown>)[];

export interface EpochOptions {
  /** First batch to give: the rest of the epoch is the same as if it had run from the start. Default 0. */
  startStep?: number;
  /** When it fires, the pending `next()` rejects with an AbortError and preparing stops. */
  signal?: AbortSignal;
}

/**
 * Gives the batches of an epoch as an async iterator. Same data set, seed and epoch: same batches, whatever the
 * prefetch, the concurrency or the step it starts at.
 *
 * @throws {OptionError} unknown or out-of-range options, or `dropLast` with fewer samples than one batch.
 * @throws {DataError} not a data set, or an empty one.
 * @example
 * const loader = new DataLoader(dataset, { batchSize: 256, shuffle: true, seed: 1 });
 * for await (const { samples } of loader.epoch(0)) console.log(samples.length);
 */
export class DataLoader<T = Batch> {
  readonly dataset: Dataset;
  readonly batchSize: number;
  /** Batches in an epoch. */
  readonly length: number;
  readonly #options: DataLoaderOptions<T>;

  constructor(dataset: Dataset, options: DataLoaderOptions<T>) {
    checkOptions('DataLoader', options, known);
    this.dataset = checkDataset(dataset);
    const { shuffle, seed, dropLast = false, prefetch, concurrency, transform, discard } = options;
    this.batchSize = expectNumber('batchSize', options.batchSize, { min: 1, integer: true });
    if (shuffle !== undefined) expectBoolean('shuffle', shuffle);
    if (seed !== undefined) expectNumber('seed', seed, { min: 0, integer: true });
    expectBoolean('dropLast', dropLast);
    if (prefetch !== undefined) expectNumber('prefetch', prefetch, { min: 0, integer: true });
    if (concurrency !== undefined) expectNumber('concurrency', concurrency, { min: 1, integer: true });
    for (const [name, hook] of Object.entries({ transform, discard }))
      if (hook !== undefined && typeof hook !== 'function')
        throw new OptionError(`${name} must be a function, got ${describe(hook)}`);
    this.length = (dropLast ? Math.floor : Math.ceil)(dataset.length / this.batchSize);
    if (this.length === 0)
      throw new OptionError(
        `batchSize must be at most the ${dataset.length} samples of ${dataset.name} when dropLast is true, got ${this.batchSize}`,
      );
    this.#options = options;
  }

  /** The order of the samples in an epoch: indices into the data set. */
  order(epoch: number): Uint32Array {
    const { shuffle = false, seed = 0 } = this.#options;
    return shuffle
      ? permutation(this.dataset.length, seed, epoch)
      : Uint32Array.from({ length: this.dataset.length }, (_, i) => i);
  }

  /**
   * The batches of an epoch, from `startStep`. Leaving the loop early stops the preparing and discards what was ready.
   * A sample that fails rejects the `next()` of its batch, after the batches before it, with a DataError that names
   * the data set and the index and has the sample's own error as its cause.
   */
  epoch(epoch: number, options: EpochOptions = {}): AsyncGenerator<T, void, undefined> {
    checkOptions('DataLoader.epoch', options, ['startStep', 'signal']);
    expectNumber('epoch', epoch, { min: 0, max: 2 ** 32 - 1, integer: true });
    const { startStep = 0, signal } = options;
    expectNumber('startStep', startStep, { min: 0, max: this.length, integer: true });
    throwIfAborted(signal);
    return this.#batches(epoch, startStep, signal);
  }

  async *#batches(
    epoch: number,
    startStep: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<T, void, undefined> {
    const { prefetch = 2, concurrency = 16, transform, discard = disposeOf } = this.#options;
    const order = this.order(epoch);
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    signal?.addEventListener('abort', abort, { once: true });
    const reader = new SampleReader(this.dataset, concurrency, stop.signal);
    const prepare = async (step: number): Promise<T> => {
      const samples = await reader.read(order.subarray(step * this.batchSize, (step + 1) * this.batchSize));
      return transform ? transform(samples, epoch) : ({ samples, epoch, step } as T); // without a transform, T is Batch
    };
    const ready: Promise<T>[] = [];
    try {
      for (let started = startStep, step = startStep; step < this.length; step++) {
        throwIfAborted(signal);
        while (started < Math.min(this.length, step + 1 + prefetch)) {
          const batch = prepare(started++);
          batch.catch(() => {}); // heard when its turn comes
          ready.push(batch);
        }
        const batch = await orAborted(ready[0] as Promise<T>, signal);
        ready.shift();
        yield batch;
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      stop.abort();
      for (const batch of ready) batch.then(discard).catch(() => {}); // nobody is left to hear of a failure
    }
  }
}

function disposeOf(batch: unknown): void {
  (batch as Partial<Disposable> | null | undefined)?.[Symbol.dispose]?.();
}

/** `promise`, or an AbortError as soon as the signal fires, even when the promise never settles. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new AbortError(undefined, { cause: signal.reason }));
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
