/**
 * Grad mode, autocast, running statistics, stream and tidy scope. They live in AsyncLocalStorage and travel with each call into its job, so
 * that `noGrad(async …)` in one request cannot be seen by another.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { types } from 'node:util';
import { expectFunction, expectOneOf } from '../validate.ts';

/** What tidy() collects. */
export interface Disposable {
  dispose(): void;
}

interface Scope {
  readonly handles: Set<Disposable>;
  /** Set once the tidy has ended: what still runs in its context, such as a timer, makes tensors that are its own. */
  ended: boolean;
}

interface Context {
  readonly flags: number;
  readonly scope?: Scope;
}

// The layout is native/core/modes.h's, and for the stream native/binding/state.h's.
const gradOff = 1;
const autocastBits = { bfloat16: 1 << 1, float16: 2 << 1 } as const;
const autocastMask = 3 << 1;
const interactive = 8;
const statisticsKept = 16;
const statisticsOfAllRanks = 32;
const sameInAllRanks = 64;

const storage = new AsyncLocalStorage<Context>();
const outside: Context = { flags: 0 };
const current = (): Context => storage.getStore() ?? outside;

/** The modes in force here, as the addon takes them. */
export const flags = (): number => current().flags;

/** The stream among flags: 0 the bulk one, 1 the interactive one. */
export const streamIn = (flags: number): number => ((flags & interactive) === 0 ? 0 : 1);

/** Flags without the choice of stream. */
export const modesIn = (flags: number): number => flags & ~interactive;

/** The modes in force here, without the choice of stream. */
export const modeFlags = (): number => modesIn(flags());

/** Runs `fn` without recording gradients; works for async functions too. As torch.no_grad. */
export function noGrad<T>(fn: () => T): T {
  return storage.run({ ...current(), flags: flags() | gradOff }, expectFunction('noGrad: fn', fn));
}

/** Runs `fn` with gradients recorded, inside a noGrad. As torch.enable_grad. */
export function enableGrad<T>(fn: () => T): T {
  return storage.run({ ...current(), flags: flags() & ~gradOff }, expectFunction('enableGrad: fn', fn));
}

/** Runs `fn` with matrix products and convolutions in a lower precision. As torch.autocast. */
export function autocast<T>(dtype: 'bfloat16' | 'float16', fn: () => T): T {
  const bits = autocastBits[expectOneOf('dtype', dtype, ['bfloat16', 'float16'])];
  return storage.run({ ...current(), flags: (flags() & ~autocastMask) | bits }, expectFunction('autocast: fn', fn));
}

/** Runs `fn` with modules in training mode that leave their running statistics as they are. */
export function keepRunningStatistics<T>(fn: () => T): T {
  return storage.run({ ...current(), flags: flags() | statisticsKept }, fn);
}

/** Runs `fn` with batch normalisation in training mode that takes its statistics over the rows of all processes of the group. */
export function wholeStatistics<T>(fn: () => T): T {
  return storage.run({ ...current(), flags: flags() | statisticsOfAllRanks }, fn);
}

/** Runs `fn`, which every process of the group calls with the same values: a contrastive loss shares its pairs of rows with them. */
export function withSharedWork<T>(fn: () => T): T {
  return storage.run({ ...current(), flags: flags() | sameInAllRanks }, fn);
}

/** Runs `fn` on the interactive stream: short work that must not wait for a training step. */
export function onInteractiveStream<T>(fn: () => T): T {
  return storage.run({ ...current(), flags: flags() | interactive }, fn);
}

/** Whether gradients are recorded here. */
export const isGradEnabled = (): boolean => (flags() & gradOff) === 0;

/** The dtype of autocast among modes; undefined where they have none. */
export function autocastIn(modes: number): 'bfloat16' | 'float16' | undefined {
  if ((modes & autocastBits.bfloat16) !== 0) return 'bfloat16';
  return (modes & autocastBits.float16) === 0 ? undefined : 'float16';
}

/** The dtype of autocast where this runs; undefined outside. */
export const autocastDtype = (): 'bfloat16' | 'float16' | undefined => autocastIn(flags());

/** Notes a new handle with the innermost tidy(). */
export function noteInScope(handle: Disposable): void {
  const scope = storage.getStore()?.scope;
  if (scope !== undefined && !scope.ended) scope.handles.add(handle);
}

// What no tidy() disposes.
const owned = new WeakSet<Disposable>();

/** Takes a handle out of every tidy(), of those around too: it has an owner (a module). */
export function ownElsewhere(handle: Disposable): void {
  owned.add(handle);
}

/** Runs `fn` outside every tidy(): what it makes has another owner (a module's parameters). */
export function outsideTidy<T>(fn: () => T): T {
  return storage.run({ flags: flags() }, fn);
}

/** Runs `fn` with these modes besides those in force; a precision of autocast takes the place of another. */
export function withModes<T>(added: number, fn: () => T): T {
  if (added === 0) return fn();
  const others = (added & autocastMask) === 0 ? flags() : flags() & ~autocastMask;
  return storage.run({ ...current(), flags: others | added }, fn);
}

/** Runs `fn` outside every mode and tidy(): work that serves several callers must not take over those of one. */
export function withoutModes<T>(fn: () => T): T {
  return storage.run(outside, fn);
}

function keepOf(value: unknown, kept: Set<unknown>): void {
  if (value === null || typeof value !== 'object' || kept.has(value)) return;
  kept.add(value);
  if ('dispose' in value || ArrayBuffer.isView(value)) return;
  for (const inner of Array.isArray(value) ? value : Object.values(value)) keepOf(inner, kept);
}

/**
 * Disposes every tensor that `fn` makes, but for those that it returns (in arrays and plain objects too), which pass to
 * the tidy around it, if there is one. Works for async functions. The garbage collector frees what nobody disposes, but
 * only between turns of the event loop: a loop that never awaits needs tidy() or dispose().
 */
export function tidy<T>(fn: () => T): T {
  expectFunction('tidy: fn', fn);
  const outer = current();
  const scope: Scope = { handles: new Set(), ended: false };
  const end = (result: unknown): void => {
    const kept = new Set<unknown>();
    keepOf(result, kept);
    scope.ended = true;
    for (const handle of scope.handles) {
      if (owned.has(handle)) continue;
      if (!kept.has(handle)) handle.dispose();
      else if (outer.scope?.ended === false) outer.scope.handles.add(handle);
    }
    scope.handles.clear();
  };
  let result: T;
  try {
    result = storage.run({ ...outer, scope }, fn);
  } catch (error) {
    end(undefined);
    throw error;
  }
  if (!types.isPromise(result)) {
    end(result);
    return result;
  }
  return result.then(
    (value) => {
      end(value);
      return value;
    },
    (error) => {
      end(undefined);
      throw error;
    },
  ) as T;
}
