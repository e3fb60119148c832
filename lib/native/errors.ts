/**
 * From the addon's errors to typed ones. A job fails later than the call that enqueued it: the stack of that call is kept
 * in a ring, as long as a job can wait, and goes into the error as its cause.
 */
import { ContrastiveError, type ErrorCode, errorOf } from '../errors.ts';

interface NativeFailure {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly job?: unknown;
}

/** The stack of a call whose job failed. */
class EnqueuedAt extends Error {
  override name = 'EnqueuedAt';
}

// Larger than the native queue (Stream::kMaxDepth), so that the stack of every waiting job is there.
const kept = 8192;
const origins: { job: number; at: { stack?: string } }[] = new Array(kept);
let lastJob = 0;

/** Numbers a job and keeps the stack of its caller; frames of `below` and above it are left out. */
export function newJob(below: (...args: never[]) => unknown = newJob): number {
  const job = ++lastJob;
  const at: { stack?: string } = {};
  Error.captureStackTrace(at, below); // formatted only if somebody reads it
  origins[job % kept] = { job, at };
  return job;
}

/** The typed error for what the addon threw or rejected with. */
export function nativeError(error: unknown): unknown {
  if (error instanceof ContrastiveError || error === null || typeof error !== 'object') return error;
  const { code, message, job } = error as NativeFailure;
  if (typeof code !== 'string' || !code.startsWith('ERR_') || typeof message !== 'string') return error;
  const origin = typeof job === 'number' ? origins[job % kept] : undefined;
  if (origin === undefined || origin.job !== job) return errorOf(code as ErrorCode, message);
  const cause = new EnqueuedAt('the call that enqueued this operation');
  cause.stack = `${cause.name}: ${cause.message}\n${(origin.at.stack ?? '').split('\n').slice(1).join('\n')}`;
  return errorOf(code as ErrorCode, message, { cause });
}

/** Runs a native call; what it throws becomes typed. */
export function guard<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw nativeError(error);
  }
}

/** The same for a promise of the addon's. */
export function guardAsync<T>(promise: Promise<T>): Promise<T> {
  return promise.catch((error) => {
    throw nativeError(error);
  });
}
