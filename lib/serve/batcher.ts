/** Gathers concurrent requests into batches for one function that is cheaper for many items than for one. */
import { AbortError, type ContrastiveError } from '../errors.ts';
import { throwIfAborted } from '../validate.ts';

export interface BatcherOptions<Item, Result> {
  /** Most items in one call of `run`. */
  readonly maxBatch: number;
  /** How long an item that is ready waits for others that are still being prepared, in ms. */
  readonly maxWaitMs: number;
  /** One result an item, in order. Never called while an earlier call is under way. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
}

interface Entry<Item, Result> {
  item?: Item;
  /** Fires when nobody waits for the item any more. */
  readonly dropped: AbortController;
  /** When the item was ready, in ms. */
  since: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * First come, first served. A batch starts as soon as none is under way and it is full, or nobody else is being
 * prepared, or its first item has waited `maxWaitMs`: a lone request never waits, and under load batches grow by what
 * arrives while the one before runs.
 */
export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>;
  readonly #preparing = new Set<Entry<Item, Result>>();
  readonly #ready: Entry<Item, Result>[] = [];
  #running: readonly Entry<Item, Result>[] = [];
  /** Items that nobody waits for, in preparations that could not be stopped. */
  #unheard = 0;
  readonly #watches = new Map<AbortSignal, { entries: Set<Entry<Item, Result>>; onAbort: () => void }>();
  #batch: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed: ContrastiveError | undefined;

  constructor(options: BatcherOptions<Item, Result>) {
    this.#options = options;
  }

  /** Items at work or waiting, those included whose request was dropped while work on them was under way. */
  get pending(): number {
    return this.#preparing.size + this.#unheard + this.#ready.length + this.#running.length;
  }

  /**
   * The result for the item that `prepare` makes. What `prepare` throws concerns this request alone; what `run` throws
   * concerns every request of its batch. The signal that `prepare` gets fires when its item is no longer wanted.
   *
   * @throws {AbortError} `signal` fired; an item that waits then leaves the queue.
   * @throws that of `close()`, which came before the result.
   */
  async submit(prepare: (dropped: AbortSignal) => Promise<Item>, signal?: AbortSignal): Promise<Result> {
    if (this.#closed) throw this.#closed;
    throwIfAborted(signal);
    const { promise, entry } = this.#open();
    const forget = signal && this.#watch(signal, entry);
    void this.#prepare(entry, prepare);
    try {
      return await promise;
    } finally {
      forget?.();
    }
  }

  /** Rejects every request without an answer and every later one with `error`; resolves when no batch is under way. */
  async close(error: ContrastiveError): Promise<void> {
    this.#closed ??= error;
    clearTimeout(this.#timer);
    for (const entry of [...this.#preparing, ...this.#ready, ...this.#running]) this.#fail(entry, this.#closed);
    await this.#batch;
  }

  #open(): { promise: Promise<Result>; entry: Entry<Item, Result> } {
    let entry: Entry<Item, Result> | undefined;
    const promise = new Promise<Result>((resolve, reject) => {
      entry = { since: 0, dropped: new AbortController(), resolve, reject };
    });
    this.#preparing.add(entry as Entry<Item, Result>);
    return { promise, entry: entry as Entry<Item, Result> };
  }

  /** One listener a signal, however many requests share it: Node warns of more than ten. */
  #watch(signal: AbortSignal, entry: Entry<Item, Result>): () => void {
    let watch = this.#watches.get(signal);
    if (watch === undefined) {
      const entries = new Set<Entry<Item, Result>>();
      const onAbort = (): void => {
        for (const each of entries) this.#fail(each, new AbortError(undefined, { cause: signal.reason }));
      };
      watch = { entries, onAbort };
      this.#watches.set(signal, watch);
      signal.addEventListener('abort', onAbort);
    }
    const { entries, onAbort } = watch;
    entries.add(entry);
    return () => {
      entries.delete(entry);
      if (entries.size > 0) return;
      signal.removeEventListener('abort', onAbort);
      this.#watches.delete(signal);
    };
  }

  async #prepare(entry: Entry<Item, Result>, prepare: (dropped: AbortSignal) => Promise<Item>): Promise<void> {
    try {
      entry.item = await prepare(entry.dropped.signal);
      entry.since = performance.now();
      if (this.#preparing.delete(entry)) this.#ready.push(entry);
      else this.#unheard--;
    } catch (error) {
      if (this.#preparing.delete(entry)) entry.reject(error);
      else this.#unheard--;
    }
    this.#consider();
  }

  /** Takes the request out of wherever it is. An item that is at work goes on, unheard. */
  #fail(entry: Entry<Item, Result>, error: unknown): void {
    if (this.#preparing.delete(entry)) {
      this.#unheard++;
      entry.dropped.abort();
    }
    const at = this.#ready.indexOf(entry);
    if (at !== -1) this.#ready.splice(at, 1);
    entry.reject(error);
    this.#consider();
  }

  #consider(): void {
    const { maxBatch, maxWaitMs } = this.#options;
    const first = this.#ready[0];
    if (this.#batch || this.#closed || first === undefined) return;
    const rest = first.since + maxWaitMs - performance.now();
    clearTimeout(this.#timer);
    if (this.#ready.length >= maxBatch || this.#preparing.size === 0 || rest <= 0) this.#start();
    else this.#timer = setTimeout(() => this.#consider(), Math.ceil(rest));
  }

  #start(): void {
    const entries = this.#ready.splice(0, this.#options.maxBatch);
    this.#running = entries;
    this.#batch = this.#answer(entries).finally(() => {
      this.#batch = undefined;
      this.#consider();
    });
  }

  async #answer(entries: readonly Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.run(entries.map(({ item }) => item as Item));
      this.#running = [];
      for (const [i, entry] of entries.entries()) entry.resolve(results[i] as Result); // one rejected before stays so
    } catch (error) {
      this.#running = [];
      for (const entry of entries) entry.reject(error);
    }
  }
}
