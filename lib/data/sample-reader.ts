/** Reads groups of samples with a bound on how many `get` calls are pending at once. */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { AbortError, ContrastiveError, DataError, messageOf } from '../errors.ts';
import { type Dataset, type LoadedSample, loadedSample } from './dataset.ts';

/** Asked for before timers get their turn: a data set in memory answers at once, and would read whole batches in one go. */
const samplesATurn = 128;

export class SampleReader {
  readonly #dataset: Dataset;
  readonly #concurrency: number;
  readonly #stopped: AbortSignal;
  /** Resolves when the group before has asked for all of its samples: earlier batches go first. */
  #turn: Promise<void> = Promise.resolve();
  #pending = 0;
  #room: (() => void) | undefined;

  constructor(dataset: Dataset, concurrency: number, stopped: AbortSignal) {
    this.#dataset = dataset;
    this.#concurrency = concurrency;
    this.#stopped = stopped;
    stopped.addEventListener('abort', () => this.#room?.(), { once: true });
  }

  /**
   * The samples at `indices`, checked and with ids.
   *
   * @throws {DataError} naming the data set and the index of a sample that failed; its error is the cause.
   * @throws {AbortError} stopped before all were asked for.
   */
  async read(indices: Uint32Array): Promise<LoadedSample[]> {
    const turn = this.#turn;
    let pass = (): void => {};
    this.#turn = new Promise((resolve) => {
      pass = resolve;
    });
    const samples = new Array<LoadedSample>(indices.length);
    const pending: Promise<void>[] = [];
    let failure: ContrastiveError | undefined;
    try {
      await turn;
      for (const [i, index] of indices.entries()) {
        if (i % samplesATurn === samplesATurn - 1) await eventLoopTurn();
        if (this.#pending >= this.#concurrency) await this.#roomToAsk();
        if (this.#stopped.aborted) throw new AbortError();
        if (failure) break;
        const fail = (error: unknown): void => {
          failure ??= this.#failureOf(index, error);
        };
        try {
          const got = this.#dataset.get(index);
          if (isPromiseLike(got))
            pending.push(this.#settle(got, (sample) => this.#put(samples, i, index, sample), fail));
          else this.#put(samples, i, index, got);
        } catch (error) {
          fail(error);
        }
      }
    } finally {
      pass();
    }
    await Promise.all(pending);
    if (failure) throw failure;
    return samples;
  }

  #put(samples: LoadedSample[], i: number, index: number, sample: unknown): void {
    samples[i] = loadedSample(sample, this.#dataset.name, index);
  }

  async #settle(got: PromiseLike<unknown>, put: (sample: unknown) => void, fail: (e: unknown) => void): Promise<void> {
    this.#pending++;
    try {
      put(await got);
    } catch (error) {
      fail(error);
    } finally {
      this.#pending--;
      this.#room?.();
    }
  }

  /** Only the group whose turn it is waits, so one waiter is enough. A stop also wakes it. */
  async #roomToAsk(): Promise<void> {
    if (this.#stopped.aborted) return;
    await new Promise<void>((resolve) => {
      this.#room = resolve;
    });
  }

  #failureOf(index: number, error: unknown): ContrastiveError {
    const where = `${this.#dataset.name}: sample ${index}`;
    const message = messageOf(error);
    if (error instanceof ContrastiveError && message.startsWith(where)) return error; // from loadedSample
    return new DataError(`${where}: ${message}`, { cause: error });
  }
}

/** One sample, checked; errors as SampleReader's. */
export async function readSample(dataset: Dataset, index: number): Promise<LoadedSample> {
  const reader = new SampleReader(dataset, 1, new AbortController().signal);
  const [sample] = await reader.read(Uint32Array.of(index));
  return sample as LoadedSample;
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function';
}
