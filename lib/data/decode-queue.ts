/** Bounds how many decodes run at once, and lets interactive ones overtake bulk ones that wait. */

export type DecodePriority = 'interactive' | 'bulk';

/**
 * How many decodes may run at once: libuv's pool size less two, at least one. With every thread of the pool decoding,
 * a host's fs and DNS calls waited for hundreds of milliseconds.
 *
 * @param poolSize UV_THREADPOOL_SIZE as libuv reads it: 4 when unset, at most 1024.
 */
export function decodeSlots(poolSize: string | undefined): number {
  const parsed = poolSize === undefined ? 4 : Number.parseInt(poolSize, 10);
  const threads = Number.isFinite(parsed) ? Math.min(1024, Math.max(1, parsed)) : 1; // libuv takes 1 for nonsense
  return Math.max(1, threads - 2);
}

export class DecodeQueue {
  readonly #slots: () => number;
  readonly #waiting: Record<DecodePriority, (() => void)[]> = { interactive: [], bulk: [] };
  #running = 0;

  constructor(slots: () => number) {
    this.#slots = slots;
  }

  async run<T>(priority: DecodePriority, job: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#slots()) await new Promise<void>((resolve) => this.#waiting[priority].push(resolve));
    else this.#running++;
    try {
      return await job();
    } finally {
      const next = this.#waiting.interactive.shift() ?? this.#waiting.bulk.shift();
      if (next)
        next(); // the slot passes on, so that nobody slips in between
      else this.#running--;
    }
  }
}
