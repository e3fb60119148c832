/** The notes that are taken while a function runs on twins: its operations, what they take and what they make. */
import { StateError } from '../errors.ts';
import {
  type CallableReference,
  loadAddon,
  type OperationResult,
  type RecorderHandle,
  type RecordingHandle,
  type TensorHandle,
} from '../native/addon.ts';
import { formatPlace, guard } from '../native/errors.ts';
import { type Frame, framesBelow } from '../native/jobs.ts';

/** A tensor of a recording, by its number. */
export interface Value {
  readonly value: number;
}

export interface RecordedOperation {
  /** As Callable::find knows it: 'aten::conv2d', 'batch_norm_act'. */
  readonly name: string;
  /** In the order of its schema: plain values, values for tensors, arrays of either; undefined takes the default. */
  readonly args: readonly unknown[];
  readonly results: readonly number[];
  /** Whether a result lies in the memory of an argument. */
  readonly sharesMemory: boolean;
  /** The modes that it was called under. */
  readonly flags: number;
  /** The stack of its call. */
  readonly frames: readonly Frame[];
}

/** What a recorder leaves behind. */
export interface Notes {
  readonly handle: RecordingHandle;
  readonly operations: readonly RecordedOperation[];
  /** The last of them are hidden ones. */
  readonly inputs: readonly number[];
  /** What makes those of each replay. */
  readonly hidden: readonly (() => TensorHandle)[];
  readonly outputs: readonly number[];
  /** Tensors from outside, which are read at replay. */
  readonly captured: readonly number[];
  readonly assumptions: readonly (() => boolean)[];
}

const isHandle = (arg: unknown): arg is TensorHandle => typeof arg === 'object' && arg !== null;

export class Recorder {
  /** What is recorded will be run for inference. */
  readonly isInference: boolean;
  readonly #handle: RecorderHandle = guard(() => loadAddon().makeRecorder());
  readonly #operations: RecordedOperation[] = [];
  readonly #made: TensorHandle[] = [];
  readonly #hidden: (() => TensorHandle)[] = [];
  readonly #assumptions: (() => boolean)[] = [];

  constructor(isInference = false) {
    this.isInference = isInference;
  }

  /** A handle that stands for what is given in its place at replay; of the shape, dtype and device of `like`. */
  input(like: TensorHandle): TensorHandle {
    const handle = guard(() => loadAddon().recordInput(this.#handle, like));
    this.#made.push(handle);
    return handle;
  }

  note(
    name: string,
    reference: CallableReference,
    args: readonly unknown[],
    flags: number,
    frames: readonly Frame[],
  ): OperationResult {
    const [made, taken, results, sharesMemory] = guard(() => loadAddon().record(this.#handle, reference, args, flags));
    const handles = made === undefined ? [] : Array.isArray(made) ? made : [made as TensorHandle];
    this.#made.push(...handles);
    let next = 0;
    const plain = (arg: unknown): unknown => {
      if (Array.isArray(arg)) return arg.map(plain);
      return isHandle(arg) ? { value: taken[next++] } : arg;
    };
    this.#operations.push({ name, args: args.map(plain), results, sharesMemory, flags, frames });
    return made;
  }

  /** An input that `make` makes for each replay; for the first one it does so now. */
  hiddenInput(make: () => TensorHandle): TensorHandle {
    let first: TensorHandle | undefined = make();
    const handle = this.input(first);
    this.#hidden.push(() => {
      const made = first ?? make();
      first = undefined;
      return made;
    });
    return handle;
  }

  /** The function looked at something besides tensors: what is noted holds for as long as `holds()` is true. */
  assume(holds: () => boolean): void {
    this.#assumptions.push(holds);
  }

  finish(outputs: readonly TensorHandle[]): Notes {
    const { recording, ...values } = guard(() => loadAddon().finishRecorder(this.#handle, outputs));
    return {
      handle: recording,
      operations: this.#operations,
      hidden: this.#hidden,
      assumptions: this.#assumptions,
      ...values,
    };
  }

  /** Disposes what was made on the way: it has no value. */
  dispose(): void {
    for (const handle of this.#made) loadAddon().dispose(handle);
  }
}

let current: Recorder | undefined;

export const currentRecorder = (): Recorder | undefined => current;

/** Runs `fn`, whose operations are noted instead of enqueued. It must not wait for anything. */
export function recordInto<T>(recorder: Recorder, fn: () => T): T {
  current = recorder;
  try {
    return fn();
  } finally {
    current = undefined;
  }
}

/** @throws {StateError} while a function is recorded: its tensors have shapes, and no values yet. */
export function refuseWhileRecording(what: string, below: (...args: never[]) => unknown): void {
  if (current === undefined) return;
  const [caller] = framesBelow(below);
  throw new StateError(
    `${what} was called${caller ? ` at ${formatPlace(caller)}` : ''} while its function is recorded, when there are no ` +
      'values yet: return the tensor and read it outside, compute with operations instead (ops.where), or do not compile this function',
  );
}
