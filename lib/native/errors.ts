/**
 * From the addon's errors to typed ones. A job fails later than the call that enqueued it: the stack of that call is kept
 * in a ring, as long as a job can wait, and goes into the error as its cause.
 */
import { findSourceMap } from 'node:module';
import { ContrastiveError, type ErrorCode, errorOf } from '../errors.ts';

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

/** A line of a stack. */
export interface Frame {
  readonly name: string | null;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

// Larger than the native queue (Stream::kMaxDepth), so that the stack of every waiting job is there.
const kept = 8192;
const origins: Origin[] = new Array(kept);
const maxFrames = 8;
let lastJob = 0;

interface Origin {
  readonly job: number;
  readonly frames: readonly Frame[];
  /** Of a replay: where each operation of the recording was called. */
  readonly recorded: readonly (readonly Frame[])[] | undefined;
}

const toFrames = (_: unknown, sites: readonly NodeJS.CallSite[]): Frame[] =>
  sites.slice(0, maxFrames).map((site) => ({
    name: site.getFunctionName(),
    file: site.getScriptNameOrSourceURL() ?? '<anonymous>',
    line: site.getLineNumber() ?? 0,
    column: site.getColumnNumber() ?? 0,
  }));

/**
 * Numbers a job and keeps the stack of its caller; frames of `below` and above it are left out. With `recorded` the job is
 * the replay of a recording, of whose operations it holds the stacks.
 */
export function newJob(
  below: (...args: never[]) => unknown = newJob,
  recorded?: readonly (readonly Frame[])[],
): number {
  const job = ++lastJob;
  origins[job % kept] = { job, frames: framesBelow(below), recorded };
  return job;
}

/** Where a job was enqueued that newJob() has just numbered. */
export const framesOf = (job: number): readonly Frame[] => origins[job % kept]?.frames ?? [];

/** The stack of a call, without frames of `below` and above it. */
export function framesBelow(below: (...args: never[]) => unknown): readonly Frame[] {
  // Places, not V8's own stack: that one holds every frame's receiver and function, tensors among them, and they would
  // not be collected for as long as the ring holds it. Costs 1 to 2 microseconds more.
  const prepare = Error.prepareStackTrace;
  Error.prepareStackTrace = toFrames;
  try {
    const holder: { stack?: readonly Frame[] } = {};
    Error.captureStackTrace(holder, below);
    return holder.stack ?? [];
  } finally {
    Error.prepareStackTrace = prepare;
  }
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
  const origin = typeof job === 'number' ? origins[job % kept] : undefined;
  if (origin === undefined || origin.job !== job) return errorOf(code as ErrorCode, message);
  const recorded = typeof operation === 'number' ? origin.recorded?.[operation] : undefined;
  const cause = new EnqueuedAt(
    recorded ? 'the call of the recording that this operation is part of' : 'the call that enqueued this operation',
  );
  cause.stack = formatStack(cause, origin.frames);
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

/** The same for a promise of the addon's. */
export function guardAsync<T>(promise: Promise<T>): Promise<T> {
  return promise.catch((error) => {
    throw nativeError(error);
  });
}
