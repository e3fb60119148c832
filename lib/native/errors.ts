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
}

/** The stack of a call whose job failed. */
class EnqueuedAt extends Error {
  override name = 'EnqueuedAt';
}

interface Frame {
  readonly name: string | null;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

// Larger than the native queue (Stream::kMaxDepth), so that the stack of every waiting job is there.
const kept = 8192;
const origins: { job: number; frames: readonly Frame[] }[] = new Array(kept);
const maxFrames = 8;
let lastJob = 0;

const toFrames = (_: unknown, sites: readonly NodeJS.CallSite[]): Frame[] =>
  sites.slice(0, maxFrames).map((site) => ({
    name: site.getFunctionName(),
    file: site.getScriptNameOrSourceURL() ?? '<anonymous>',
    line: site.getLineNumber() ?? 0,
    column: site.getColumnNumber() ?? 0,
  }));

/** Numbers a job and keeps the stack of its caller; frames of `below` and above it are left out. */
export function newJob(below: (...args: never[]) => unknown = newJob): number {
  const job = ++lastJob;
  // Places, not V8's own stack: that one holds every frame's receiver and function, tensors among them, and they would
  // not be collected for as long as the ring holds it. Costs 1 to 2 microseconds more.
  const prepare = Error.prepareStackTrace;
  Error.prepareStackTrace = toFrames;
  try {
    const holder: { stack?: readonly Frame[] } = {};
    Error.captureStackTrace(holder, below);
    origins[job % kept] = { job, frames: holder.stack ?? [] };
  } finally {
    Error.prepareStackTrace = prepare;
  }
  return job;
}

/** One line of a stack, at the place in the source file where a source map is known. */
function formatFrame({ name, file, line, column }: Frame): string {
  const entry = findSourceMap(file)?.findEntry(line - 1, column - 1);
  const place =
    entry !== undefined && 'originalSource' in entry
      ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
      : `${file}:${line}:${column}`;
  return `    at ${name === null ? place : `${name} (${place})`}`;
}

/** The typed error for what the addon threw or rejected with. */
export function nativeError(error: unknown): unknown {
  if (error instanceof ContrastiveError || error === null || typeof error !== 'object') return error;
  const { code, message, job } = error as NativeFailure;
  if (typeof code !== 'string' || !code.startsWith('ERR_') || typeof message !== 'string') return error;
  const origin = typeof job === 'number' ? origins[job % kept] : undefined;
  if (origin === undefined || origin.job !== job) return errorOf(code as ErrorCode, message);
  const cause = new EnqueuedAt('the call that enqueued this operation');
  cause.stack = [`${cause.name}: ${cause.message}`, ...origin.frames.map(formatFrame)].join('\n');
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
