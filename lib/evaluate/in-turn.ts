/** Long evaluations as a row of jobs, so that other work runs between them and a signal ends the row. */
import { orAborted } from '../data/loader.ts';
import { functionOption, signalOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { throwIfAborted } from '../validate.ts';

/** What every evaluation that takes long can be told. */
export const progressOptions = {
  /** When it fires, the call rejects with an AbortError at once; what computes ends with its block or its optimizer steps. */
  signal: signalOption,
  /** Hears how much of the work is done, in the unit that the function names. */
  onProgress: functionOption<(done: number, total: number) => void>(),
} as const satisfies OptionTable;

export interface ProgressOptions extends OptionsOf<typeof progressOptions> {}

/**
 * `enqueue(job)` for one job after the other; gives what the promises resolve to, in order. One job computes while the
 * next waits behind it, so that the compute thread never waits for JavaScript.
 * @throws {AbortError} the signal fired; nothing further is enqueued.
 */
export async function* inTurn<Job, Result>(
  jobs: Iterable<Job>,
  enqueue: (job: Job) => Promise<Result>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Result, void, undefined> {
  let previous: Promise<Result> | undefined;
  for (const job of jobs) {
    throwIfAborted(signal);
    const result = enqueue(job);
    result.catch(() => {}); // heard when its turn comes
    if (previous !== undefined) yield await orAborted(previous, signal);
    previous = result;
  }
  throwIfAborted(signal);
  if (previous !== undefined) yield await orAborted(previous, signal);
  throwIfAborted(signal);
}

/** A part of a row of things: those from `begin`, `size` of them. */
export interface Part {
  readonly begin: number;
  readonly size: number;
}

/** 0 … count − 1 in parts of `size`, the last one smaller. */
export const partsOf = (count: number, size: number): Part[] =>
  Array.from({ length: Math.ceil(count / size) }, (_, i) => ({
    begin: i * size,
    size: Math.min(size, count - i * size),
  }));

/** How many things of `work` each a job takes that is over soon: about `budget` in all, 1 to `most`. */
export const soonDone = (work: number, budget: number, most: number): number =>
  Math.max(1, Math.min(most, Math.floor(budget / work)));
