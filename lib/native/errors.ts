/**
 * From the addon's errors to typed ones. That of a job has the stack of the call that enqueued it as its cause.
 */
import { findSourceMap } from 'node:module';
import { ContrastiveError, type ErrorCode, errorOf } from '../errors.ts';
import { callerOf, type Frame, releaseStacks } from './jobs.ts';

interface NativeFailure {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly job?: unknown;
  readonly operation?: unknown;
}

/** The stack of a call whose job failed. */
class EnqueuedAt extends Error {
  override name = 'EnqueuedAt';
}

/** "file:line:column", in the source file where a source map is known. */
export function formatPlace({ file, line, column }: Frame): string {
  const entry = findSourceMap(file)?.findEntry(line - 1, column - 1);
  return entry !== undefined && 'originalSource' in entry
    ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
    : `${file}:${line}:${column}`;
}

const formatFrame = (frame: Frame): string =>
  `    at ${frame.name === null ? formatPlace(frame) : `${frame.name} (${formatPlace(frame)})`}`;

const formatStack = (error: Error, frames: readonly Frame[]): string =>
  [`${error.name}: ${error.message}`, ...frames.map(formatFrame)].join('\n');

/** The typed error for what the addon threw or rejected with. */
export function nativeError(error: unknown): unknown {
  if (error instanceof ContrastiveError || error === null || typeof error !== 'object') return error;
  const { code, message, job, operation } = error as NativeFailure;
  if (typeof code !== 'string' || !code.startsWith('ERR_') || typeof message !== 'string') return error;
  const caller = typeof job === 'number' ? callerOf(job) : undefined;
  if (caller === undefined) return errorOf(code as ErrorCode, message);
  const recorded = typeof operation === 'number' ? caller.recorded?.[operation] : undefined;
  const cause = new EnqueuedAt(
    recorded ? 'the call of the recording that this operation is part of' : 'the call that enqueued this operation',
  );
  cause.stack = formatStack(cause, caller.frames);
  const typed = errorOf(code as ErrorCode, message, { cause });
  if (recorded !== undefined) typed.stack = formatStack(typed, recorded);
  return typed;
}

/** Runs a native call; what it throws becomes typed. */
export function guard<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw nativeError(error);
  }
}

/** The same for a promise of the addon's, which settles when jobs are done. */
export function guardAsync<T>(promise: Promise<T>): Promise<T> {
  return promise.then(
    (value) => {
      releaseStacks();
      return value;
    },
    (error) => {
      const typed = nativeError(error);
      releaseStacks();
      throw typed;
    },
  );
}
