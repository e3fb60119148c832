/** The one door to native operations: what comes through it is enqueued, or, while a function is recorded, noted. */
import { type CallableReference, loadAddon, type TensorHandle } from '../native/addon.ts';
import { guard } from '../native/errors.ts';
import { type CapturedStack, noteJob, placesIn } from '../native/jobs.ts';
import { flags, streamIn } from './modes.ts';
import { currentRecorder } from './recorder.ts';

const references = new Map<string, CallableReference>();

/** The addon's own reference to an operation. */
export function reference(name: string): CallableReference {
  let found = references.get(name);
  if (found === undefined) {
    found = loadAddon().resolve(name);
    references.set(name, found);
  }
  return found;
}

/** What an operation yields: a handle, handles, or nothing, as its schema says. */
type Made = TensorHandle | readonly TensorHandle[] | undefined;

/**
 * Calls an operation.
 *
 * @param args in the order of its schema, with handles for tensors; undefined takes the default.
 * @param below the function whose caller is named in errors.
 */
export function invoke(below: (...args: never[]) => unknown, name: string, args: readonly unknown[]): Made {
  const captured: CapturedStack = {};
  Error.captureStackTrace(captured, below);
  return invokeFrom(captured, name, args);
}

/** The same, with the stack of its caller: a capture costs more, the more calls lead to it, and is half of a small operation. */
export function invokeFrom(captured: CapturedStack, name: string, args: readonly unknown[]): Made {
  const modes = flags();
  const recorder = currentRecorder();
  if (recorder !== undefined) return recorder.note(name, reference(name), args, modes, placesIn(captured));
  const job = noteJob(captured, streamIn(modes));
  return guard(() => loadAddon().call(reference(name), args, modes, job));
}
