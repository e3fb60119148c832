/**
 * Numbers jobs, and keeps the stack of the call that enqueued each: a job fails later than that call, and its error names
 * the call's line.
 */

/** A line of a stack. */
export interface Frame {
  readonly name: string | null;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

type Frames = readonly Frame[];

/** A stack as V8 captures it (Error.captureStackTrace), at half of what its places cost; `stack` makes those when it is first read. */
export interface CapturedStack {
  readonly stack?: Frames;
}

/** The call that enqueued a job. */
export interface Caller {
  readonly frames: Frames;
  /** Of a replay: where each operation of the recording was called. */
  readonly recorded: readonly Frames[] | undefined;
}

interface Entry {
  readonly job: number;
  readonly stream: number | undefined;
  /** Until the job is done: V8's own stack holds receivers and functions, tensors among them. */
  captured: CapturedStack | undefined;
  /** Places; for good. */
  frames: Frames | undefined;
  readonly recorded: readonly Frames[] | undefined;
}

// Larger than the native queue (Stream::kMaxDepth), so that the stack of every waiting job is there.
const kept = 8192;
const entries: (Entry | undefined)[] = new Array(kept);
const maxFrames = 8;
let lastJob = 0;
let lastDone = 0; // all jobs up to this one

// For each stream the last job that is done, and the last that failed (native/core/progress.h).
let progress: Int32Array = new Int32Array(4);

/** The numbers that the addon's streams write. */
export function followProgress(numbers: Int32Array): void {
  progress = numbers;
}

const toFrames = (_: unknown, sites: readonly NodeJS.CallSite[]): Frame[] =>
  sites.map((site) => ({
    name: site.getFunctionName(),
    file: site.getScriptNameOrSourceURL() ?? '<anonymous>',
    line: site.getLineNumber() ?? 0,
    column: site.getColumnNumber() ?? 0,
  }));

function capture(below: (...args: never[]) => unknown): CapturedStack {
  const captured: CapturedStack = {};
  Error.captureStackTrace(captured, below);
  return captured;
}

/** The places of a captured stack. */
export function placesIn(captured: CapturedStack): Frames {
  const prepare = Error.prepareStackTrace;
  Error.prepareStackTrace = toFrames;
  try {
    return captured.stack?.slice(0, maxFrames) ?? [];
  } finally {
    Error.prepareStackTrace = prepare;
  }
}

function keepPlaces(entry: Entry): Frames {
  entry.frames ??= placesIn(entry.captured as CapturedStack);
  entry.captured = undefined;
  return entry.frames;
}

/** Whether a number of `progress`, the low 32 bits of a job's, is that of `job` or of one behind it. */
function hasReached(index: number, job: number): boolean {
  const ahead = (Atomics.load(progress, index) - job) | 0;
  return ahead >= 0 && ahead < kept;
}

/** Lets go of the stacks of jobs that are done. Of those that failed, and of what was enqueued before them, places stay. */
export function releaseStacks(): void {
  for (; lastDone < lastJob; lastDone++) {
    const job = lastDone + 1;
    const entry = entries[job % kept];
    if (entry?.job !== job || entry.stream === undefined) continue;
    if (!hasReached(2 * entry.stream, job)) return;
    if (hasReached(2 * entry.stream + 1, job)) keepPlaces(entry);
    else entries[job % kept] = undefined;
  }
}

/**
 * Numbers a job and keeps the stack of its caller.
 * @param stream the one that it is for: 0 the bulk one, 1 the interactive one; undefined for a job that is on none.
 * @param recorded of the replay of a recording: the stacks of its operations.
 */
export function noteJob(captured: CapturedStack, stream?: number, recorded?: readonly Frames[]): number {
  releaseStacks();
  const job = ++lastJob;
  const entry: Entry = { job, stream, captured, frames: undefined, recorded };
  if (stream === undefined) keepPlaces(entry);
  entries[job % kept] = entry;
  return job;
}

/** Numbers a job, as noteJob; of the stack here, frames of `below` and above it are left out. */
export function newJob(
  below: (...args: never[]) => unknown = newJob,
  stream?: number,
  recorded?: readonly Frames[],
): number {
  return noteJob(capture(below), stream, recorded);
}

/** The call that enqueued a job, where that is still known. */
export function callerOf(job: number): Caller | undefined {
  const entry = entries[job % kept];
  return entry?.job === job ? { frames: keepPlaces(entry), recorded: entry.recorded } : undefined;
}

/** The stack of a call, without frames of `below` and above it. */
export const framesBelow = (below: (...args: never[]) => unknown): Frames => placesIn(capture(below));
