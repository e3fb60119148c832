/** The one door to native operations: what comes through it is enqueued, or, while a function is recorded, noted. */
import { type CallableReference, loadAddon, type TensorHandle } from '../native/addon.ts';
import { guard } from '../native/errors.ts';
import { type CapturedStack, framesBelow, noteJob } from '../native/jobs.ts';
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

/**
 * Calls an operation.
 *
 * @param args in the order of its schema, with handles for tensors; undefined takes the default.
 * @param below the function whose caller is named in errors.
 * @returns a handle, handles, or undefined, as its schema says.
 */
export function invoke(
  below: (...args: never[]) => unknown,
  name: string,
  args: readonly unknown[],
): TensorHandle | readonly TensorHandle[] | undefined {
  const modes = flags();
  const recorder = currentRecorder();
  if (recorder !== undefined) return recorder.note(name, reference(name), args, modes, framesBelow(below));
  // Here, and not in a function of its own: what a capture costs grows with the calls that lead to it.
  const captured: CapturedStack = {};
  Error.captureStackTrace(captured, below);
  const job = noteJob(captured, streamIn(modes));
  return guard(() => loadAddon().call(reference(name), args, modes, job));
}
