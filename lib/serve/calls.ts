/** The calls of something that can be closed: those under way are answered first. */
import { setImmediate } from 'node:timers/promises';
import { AbortError, StateError } from '../errors.ts';
import { signalOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';

const closeOptions = {
  /** Ends the wait for calls under way: what has no answer yet is rejected with an AbortError. */
  signal: signalOption,
} as const satisfies OptionTable;

export interface CloseOptions extends OptionsOf<typeof closeOptions> {}

export class Calls {
  readonly #of: string;
  readonly #underWay = new Set<Promise<unknown>>();
  #isClosed = false;

  /** @param of what they are calls of, in words. */
  constructor(of: string) {
    this.#of = of;
  }

  /** @throws {StateError} closed before the call. */
  async answer<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new StateError(`${this.#of} is closed`);
    const answer = call();
    this.#underWay.add(answer);
    try {
      return await answer;
    } finally {
      this.#underWay.delete(answer);
    }
  }

  /**
   * Takes no more calls; resolves when those under way have ended or the signal fired, with the error for what is left.
   * @throws {OptionError} an unknown or wrong option.
   */
  async end(options: CloseOptions): Promise<AbortError> {
    const { signal } = resolveOptions('close', closeOptions, options);
    this.#isClosed = true;
    let leave = (): void => {};
    const hurried = new Promise<void>((resolve) => {
      leave = resolve;
    });
    if (signal?.aborted) leave();
    signal?.addEventListener('abort', leave);
    try {
      // A turn later: who has an answer goes on with it first, to a search with the vector.
      await Promise.race([hurried, Promise.allSettled(this.#underWay).then(() => setImmediate())]);
    } finally {
      signal?.removeEventListener('abort', leave);
    }
    return new AbortError(undefined, { cause: signal?.reason });
  }
}
