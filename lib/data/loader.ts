/** Batches of an epoch, of a sampler or in a seeded order, prepared ahead of the consumer. */
import { AbortError, OptionError } from '../errors.ts';
import { checkOptions, describe, expectBoolean, expectNumber, throwIfAborted } from '../validate.ts';
import { checkDataset, type Dataset, type LoadedSample } from './dataset.ts';
import { SampleReader } from './sample-reader.ts';
import { everySample, type Sampler } from './sampler.ts';

/** What a loader without a transform gives. */
export interface Batch {
  samples: LoadedSample[];
  epoch: number;
  /** Index of the batch in its epoch. */
  step: number;
}

export interface DataLoaderOptions<T> {
  /** Needed where there is no `sampler`. */
  batchSize?: number;
  /** Which samples make the batches (`makeSampler`); in place of batchSize, shuffle, seed and dropLast. Default: all of them. */
  sampler?: Sampler;
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
  transform?: (samples: LoadedSample[], epoch: number, step: number) => T | Promise<T>;
  /** Releases a prepared batch that nobody will receive. Default: its `Symbol.dispose`, if it has one. */
  discard?: (batch: T) => void;
}

const known = [
  'batchSize',
  'sampler',
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
  /** Batches in an epoch. */
  readonly length: number;
  readonly #sampler: Sampler;
  readonly #options: DataLoaderOptions<T>;

  constructor(dataset: Dataset, options: DataLoaderOptions<T>) {
    checkOptions('DataLoader', options, known);
    this.dataset = checkDataset(dataset);
    const { prefetch, concurrency, transform, discard } = options;
    if (prefetch !== undefined) expectNumber('prefetch', prefetch, { min: 0, integer: true });
    if (concurrency !== undefined) expectNumber('concurrency', concurrency, { min: 1, integer: true });
    for (const [name, hook] of Object.entries({ transform, discard }))
      if (hook !== undefined && typeof hook !== 'function')
        throw new OptionError(`${name} must be a function, got ${describe(hook)}`);
    this.#sampler = samplerOf(dataset, options);
    this.length = this.#sampler.length;
    this.#options = options;
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
    const batches = await orAborted(Promise.resolve(this.#sampler.batches(epoch)), signal);
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    signal?.addEventListener('abort', abort, { once: true });
    const reader = new SampleReader(this.dataset, concurrency, stop.signal);
    const prepare = async (step: number): Promise<T> => {
      const samples = await reader.read(batches[step] as Uint32Array);
      return transform ? transform(samples, epoch, step) : ({ samples, epoch, step } as T); // without a transform, T is Batch
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

type LoaderOrder = Pick<DataLoaderOptions<unknown>, 'sampler' | 'batchSize' | 'shuffle' | 'seed' | 'dropLast'>;

function samplerOf(dataset: Dataset, options: LoaderOrder): Sampler {
  const { sampler, batchSize, shuffle = false, seed = 0, dropLast = false } = options;
  if (sampler !== undefined) {
    const beside = (['batchSize', 'shuffle', 'seed', 'dropLast'] as const).find((name) => options[name] !== undefined);
    if (beside !== undefined) throw new OptionError(`${beside} does not go with sampler, which decides it`);
    if (typeof sampler?.batches !== 'function')
      throw new OptionError(`sampler must be what makeSampler() gives, got ${describe(sampler)}`);
    return sampler;
  }
  return everySample(dataset, {
    batchSize: expectNumber('batchSize', batchSize, { min: 1, integer: true }),
    shuffle: expectBoolean('shuffle', shuffle),
    seed: expectNumber('seed', seed, { min: 0, integer: true }),
    dropLast: expectBoolean('dropLast', dropLast),
  });
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
