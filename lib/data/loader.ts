/** Batches of an epoch, of a sampler or in a seeded order, prepared ahead of the consumer. */
import { AbortError, OptionError } from '../errors.ts';
import { countOption, functionOption, seedOption, signalOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { describe, expectNumber, throwIfAborted } from '../validate.ts';
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

function expectSampler(name: string, value: Sampler): Sampler {
  if (typeof value?.batches === 'function') return value;
  throw new OptionError(`${name} must be what makeSampler() gives, got ${describe(value)}`);
}

const loaderOptions = {
  /** Needed where there is no `sampler`. */
  batchSize: countOption,
  /** Which samples make the batches (`makeSampler`); in place of batchSize, shuffle, seed and dropLast. Default: all of them. */
  sampler: { type: 'checked', check: expectSampler },
  /** A new order each epoch, a function of (seed, epoch). Default false: the data set's order. */
  shuffle: { type: 'boolean', default: false },
  /** Default 0. */
  seed: seedOption,
  /** Leaves out a last batch that is not full. Default false. */
  dropLast: { type: 'boolean', default: false },
  /** Batches prepared ahead of the one that the consumer holds. Default 2; 0 prepares on demand. */
  prefetch: { type: 'number', default: 2, min: 0, integer: true },
  /** Calls of `dataset.get` that may be pending at once. Default 16. */
  concurrency: { ...countOption, default: 16 },
  transform: functionOption<(samples: LoadedSample[], epoch: number, step: number) => unknown>(),
  discard: functionOption<(batch: never) => void>(),
} as const satisfies OptionTable;

type Resolved = ResolvedOf<typeof loaderOptions>;
/** What knows the type of a batch. */
type Hooks = 'transform' | 'discard';

export interface DataLoaderOptions<T> extends OptionsOf<typeof loaderOptions> {
  /** Makes a batch from its samples. Calls for up to `prefetch + 1` batches may overlap. */
  readonly transform?: ((samples: LoadedSample[], epoch: number, step: number) => T | Promise<T>) | undefined;
  /** Releases a prepared batch that nobody will receive. Default: its `Symbol.dispose`, if it has one. */
  readonly discard?: ((batch: T) => void) | undefined;
}

const epochOptions = (batches: number) =>
  ({
    /** First batch to give: the rest of the epoch is the same as if it had run from the start. Default 0. */
    startStep: { type: 'number', default: 0, min: 0, max: batches, integer: true },
    /** When it fires, the pending `next()` rejects with an AbortError and preparing stops. */
    signal: signalOption,
  }) as const;

export interface EpochOptions extends OptionsOf<ReturnType<typeof epochOptions>> {}

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
  readonly #options: Omit<Resolved, Hooks> & Pick<DataLoaderOptions<T>, Hooks>;

  constructor(dataset: Dataset, options: DataLoaderOptions<T>) {
    const resolved = resolveOptions('DataLoader', loaderOptions, options);
    this.#options = { ...resolved, transform: options?.transform, discard: options?.discard };
    this.dataset = checkDataset(dataset);
    this.#sampler = samplerOf(dataset, options, resolved);
    this.length = this.#sampler.length;
  }

  /**
   * The batches of an epoch, from `startStep`. Leaving the loop early stops the preparing and discards what was ready.
   * A sample that fails rejects the `next()` of its batch, after the batches before it, with a DataError that names
   * the data set and the index and has the sample's own error as its cause.
   */
  epoch(epoch: number, options: EpochOptions = {}): AsyncGenerator<T, void, undefined> {
    expectNumber('epoch', epoch, { min: 0, max: 2 ** 32 - 1, integer: true });
    const { startStep, signal } = resolveOptions('DataLoader.epoch', epochOptions(this.length), options);
    throwIfAborted(signal);
    return this.#batches(epoch, startStep, signal);
  }

  async *#batches(
    epoch: number,
    startStep: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<T, void, undefined> {
    const { prefetch, concurrency, transform, discard = disposeOf } = this.#options;
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

function samplerOf(dataset: Dataset, given: OptionsOf<typeof loaderOptions>, resolved: Resolved): Sampler {
  const { sampler, shuffle, seed, dropLast } = resolved;
  if (sampler !== undefined) {
    const beside = (['batchSize', 'shuffle', 'seed', 'dropLast'] as const).find((name) => given[name] !== undefined);
    if (beside !== undefined) throw new OptionError(`${beside} does not go with sampler, which decides it`);
    return sampler;
  }
  const batchSize = expectNumber('batchSize', resolved.batchSize, countOption);
  return everySample(dataset, { batchSize, shuffle, seed, dropLast });
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
