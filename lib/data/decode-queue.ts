/** Bounds what decodes take at once, and lets interactive ones overtake bulk ones that wait. */
import { AbortError } from '../errors.ts';
import { throwIfAborted } from '../validate.ts';

/** 'interactive' (default) goes before all that wait as 'bulk'. */
export const priorityOption = { type: 'string', choices: ['interactive', 'bulk'], default: 'interactive' } as const;

export type DecodePriority = (typeof priorityOption.choices)[number];

export interface DecodeTurn {
  readonly priority: DecodePriority;
  /** What the job takes of the capacity. Default 1. */
  readonly cost?: number | undefined;
  /** Takes the job out of the queue; one that runs goes on. */
  readonly signal?: AbortSignal | undefined;
}

interface Waiting {
  readonly cost: number;
  readonly start: () => void;
}

/**
 * How many decodes may run at once: one a core, and at most libuv's pool size less two. With every thread of the pool
 * decoding, a host's fs and DNS calls waited for hundreds of milliseconds.
 *
 * @param poolSize UV_THREADPOOL_SIZE as libuv reads it: 4 when unset, at most 1024.
 */
export function decodeSlots(poolSize: string | undefined, cores: number): number {
  const parsed = poolSize === undefined ? 4 : Number.parseInt(poolSize, 10);
  const threads = Number.isFinite(parsed) ? Math.min(1024, Math.max(1, parsed)) : 1; // libuv takes 1 for nonsense
  return Math.max(1, Math.min(cores, threads - 2));
}

/** Jobs whose costs stay below a capacity together; one that costs more than all of it runs alone. */
export class DecodeQueue {
  readonly #capacity: () => number;
  // Sets keep the order of arrival, and lose one from the middle at no cost.
  readonly #waiting: Readonly<Record<DecodePriority, Set<Waiting>>> = { interactive: new Set(), bulk: new Set() };
  #used = 0;

  constructor(capacity: () => number) {
    this.#capacity = capacity;
  }

  /** @throws {AbortError} the signal fired before the job's turn. */
  async run<T>({ priority, cost = 1, signal }: DecodeTurn, job: () => Promise<T>): Promise<T> {
    await this.#turn(this.#waiting[priority], cost, signal);
    try {
      return await job();
    } finally {
      this.#used -= cost;
      this.#admit();
    }
  }

  #turn(waiting: Set<Waiting>, cost: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      throwIfAborted(signal);
      const start = (): void => {
        waiting.delete(entry);
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        waiting.delete(entry);
        reject(new AbortError(undefined, { cause: signal?.reason }));
        this.#admit();
      };
      const entry = { cost, start };
      waiting.add(entry);
      signal?.addEventListener('abort', leave, { once: true });
      this.#admit();
    });
  }

  /** The first in line waits for its room, and nobody passes it: small jobs would keep a large one out for ever. */
  #admit(): void {
    for (const waiting of [this.#waiting.interactive, this.#waiting.bulk])
      for (const { cost, start } of waiting) {
        if (this.#used > 0 && this.#used + cost > this.#capacity()) return;
        this.#used += cost;
        start();
      }
  }
}
