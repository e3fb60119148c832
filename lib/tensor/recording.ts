/** A recorded function: plain data for who reads it, and one native job for who replays it. */
import { fileURLToPath } from 'node:url';
import {
  type AbortFlagHandle,
  type GraphState,
  loadAddon,
  type RecordingHandle,
  type TensorDescription,
  type TensorHandle,
} from '../native/addon.ts';
import { formatPlace, guard } from '../native/errors.ts';
import { type Frame, newJob } from '../native/jobs.ts';
import { throwIfAborted } from '../validate.ts';
import { reference } from './door.ts';
import { flags, outsideTidy, streamIn } from './modes.ts';
import { currentRecorder, type Notes, type RecordedOperation, Recorder, recordInto, type Value } from './recorder.ts';
import { noteBackward, Tensor } from './tensor.ts';

/** Files whose lines say less of an operation than those of their callers do. */
const layers = ['.', '../nn', '../optim', '../losses'].flatMap((folder) => {
  const url = new URL(`${folder}/`, import.meta.url);
  return [url.href, fileURLToPath(url)];
});

/** The line of code that called an operation; '' where it is not known. Node's own lines say nothing. */
export function placeOf({ frames }: RecordedOperation): string {
  const isTelling = ({ file }: Frame): boolean =>
    !file.startsWith('node:') && !layers.some((folder) => file.startsWith(folder));
  const frame = frames.find(isTelling) ?? frames[0];
  return frame === undefined ? '' : formatPlace(frame);
}

const abortFlags = new WeakMap<AbortSignal, AbortFlagHandle>();

/** A flag that is raised when the signal fires, for work that runs natively. */
function abortFlagOf(signal: AbortSignal): AbortFlagHandle {
  let flag = abortFlags.get(signal);
  if (flag === undefined) {
    const made = guard(() => loadAddon().makeAbortFlag());
    signal.addEventListener('abort', () => loadAddon().raiseAbortFlag(made), { once: true });
    abortFlags.set(signal, made);
    flag = made;
  }
  return flag;
}

/**
 * A tensor that is made anew at each call, of a recording too, such as a key for random numbers: `make()`, or, while a
 * function is recorded, what stands for it.
 */
export function madeAtEachCall(make: () => Tensor): Tensor {
  const recorder = currentRecorder();
  return recorder === undefined ? make() : new Tensor(recorder.hiddenInput(() => outsideTidy(make).handle));
}

/** Whether replays of a recording are launches of graphs of its device. */
export interface RecordingGraph {
  /** The first two replays warm up: they run the operations. */
  readonly state: GraphState;
  /** Why it is not possible: the operation that stands against it, and its line. */
  readonly reason?: string;
}

export class Recording {
  readonly operations: readonly RecordedOperation[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly #handle: RecordingHandle;
  readonly #capturedValues: readonly number[];
  #captured: ReadonlyMap<number, Tensor> | undefined;
  readonly #hidden: Notes['hidden'];
  readonly #assumptions: Notes['assumptions'];
  readonly #frames: readonly (readonly Frame[])[];
  readonly #hasBackward: boolean;

  private constructor({ handle, hidden, assumptions, operations, inputs, outputs, captured }: Notes) {
    this.#handle = handle;
    this.#hidden = hidden;
    this.#assumptions = assumptions;
    this.#frames = operations.map(({ frames }) => frames);
    this.#hasBackward = operations.some(({ name }) => /backward/.test(name));
    this.operations = operations;
    this.inputs = inputs;
    this.outputs = outputs;
    this.#capturedValues = captured;
  }

  /** Shape, dtype and device of a value. */
  describe(value: number): TensorDescription {
    return guard(() => loadAddon().recordingDescribe(this.#handle, value));
  }

  /** Tensors from outside, which are read at each replay. The recording's own handles of them. */
  get captured(): ReadonlyMap<number, Tensor> {
    this.#captured ??= outsideTidy(() => {
      const handles = guard(() => loadAddon().recordingCaptured(this.#handle));
      return new Map(handles.map((handle, i) => [this.#capturedValues[i] as number, new Tensor(handle)]));
    });
    return this.#captured;
  }

  /**
   * Runs `fn` once on tensors without values and keeps its operations.
   * @param like tensors of the shapes, dtypes and devices that replays will give.
   * @param fn returns the outputs. It must not wait for anything.
   * @param options.inference refuses modules in training mode.
   */
  static of(
    like: readonly Tensor[],
    fn: (inputs: readonly Tensor[]) => readonly Tensor[],
    { inference = false } = {},
  ): Recording {
    const recorder = new Recorder(inference);
    try {
      const inputs = like.map(({ handle }) => new Tensor(recorder.input(handle)));
      const outputs = recordInto(recorder, () => fn(inputs));
      return new Recording(recorder.finish(outputs.map(({ handle }) => handle)));
    } finally {
      recorder.dispose();
    }
  }

  /**
   * Other operations over the same inputs and captured tensors, to the same outputs, as a recording of its own.
   * @param like as of()'s.
   */
  with(like: readonly Tensor[], operations: readonly RecordedOperation[]): Recording {
    const recorder = new Recorder();
    try {
      const handles = new Map([...this.captured].map(([value, { handle }]) => [value, handle]));
      for (const [i, value] of this.inputs.entries()) {
        const given = like[i];
        const make = this.#hidden[i - like.length] as () => TensorHandle;
        handles.set(value, given ? recorder.input(given.handle) : recorder.hiddenInput(make));
      }
      const handleOf = (arg: unknown): unknown => {
        if (Array.isArray(arg)) return arg.map(handleOf);
        return typeof arg === 'object' && arg !== null ? handles.get((arg as Value).value) : arg;
      };
      for (const holds of this.#assumptions) recorder.assume(holds);
      for (const { name, args, results, flags, frames } of operations) {
        const made = recorder.note(name, reference(name), args.map(handleOf), flags, frames);
        const list = made === undefined ? [] : Array.isArray(made) ? made : [made as TensorHandle];
        for (const [i, value] of results.entries()) handles.set(value, list[i] as TensorHandle);
      }
      return new Recording(recorder.finish(this.outputs.map((value) => handles.get(value) as TensorHandle)));
    } finally {
      recorder.dispose();
    }
  }

  /**
   * Whether what the function looked at is as it was, such as the modes of modules, and captured tensors require gradients as they
   * did: else its results would be taken for others than they are.
   */
  get fits(): boolean {
    return this.#assumptions.every((holds) => holds()) && loadAddon().recordingFits(this.#handle);
  }

  /** @internal Replays on a device become launches of graphs of it, where that is possible. Before the first replay. */
  useGraph(): void {
    guard(() => loadAddon().recordingUseGraph(this.#handle));
  }

  /** Undefined where no graph was asked for. */
  get graph(): RecordingGraph | undefined {
    const found = guard(() => loadAddon().recordingGraph(this.#handle));
    if (found === undefined) return undefined;
    const [state, reason, operation] = found;
    if (reason === '') return { state };
    const place = this.operations[operation] && placeOf(this.operations[operation]);
    return { state, reason: place ? `${reason}, at ${place}` : reason };
  }

  /** Enqueues the recording as one job on the stream of its caller. */
  replay(inputs: readonly Tensor[], signal?: AbortSignal): Tensor[] {
    throwIfAborted(signal);
    const fresh = this.#hidden.map((make) => make());
    const handles = [...inputs.map(({ handle }) => handle), ...fresh];
    const modes = flags();
    const job = newJob(this.replay, streamIn(modes), this.#frames);
    const abort = signal && abortFlagOf(signal);
    const outputs = guard(() => loadAddon().replay(this.#handle, handles, abort, modes, job));
    for (const handle of fresh) loadAddon().dispose(handle);
    if (this.#hasBackward) noteBackward();
    return outputs.map((handle) => new Tensor(handle));
  }

  /**
   * An operation a line: its result and shape, its arguments, and the line of code that made it.
   * @param tensors captured ones that have names.
   */
  inspect(tensors: ReadonlyMap<string, Tensor> = new Map()): string {
    const names = this.#namesOf(tensors);
    const shown = (value: number): string => names.get(value) ?? `%${value}`;
    const inputs = this.inputs.map((value) => `%${value}: ${this.#typeOf(value)}`).join(', ');
    const captured = this.#capturedValues.map((value) => `${shown(value)}: ${this.#typeOf(value)}`);
    const lines = this.operations.map((each): [string, string] => [this.#textOf(each, shown), placeOf(each)]);
    const width = Math.min(100, Math.max(0, ...lines.map(([text]) => text.length)));
    const { graph } = this;
    return [
      `inputs ${inputs}`,
      ...(captured.length > 0 ? [`captured ${captured.join(', ')}`] : []),
      ...lines.map(([text, place]) => `${text.padEnd(width)}  # ${place}`),
      `outputs ${this.outputs.map(shown).join(', ')}`,
      ...(graph === undefined ? [] : [`graph ${graph.state}${graph.reason === undefined ? '' : `: ${graph.reason}`}`]),
    ].join('\n');
  }

  /** What it computes, an operation a line as inspect() has it, without names and places. */
  get lines(): string[] {
    return this.operations.map((operation) => this.#textOf(operation, (value) => `%${value}`));
  }

  #textOf({ name, args, results }: RecordedOperation, shown: (value: number) => string): string {
    const last = args.findLastIndex((arg) => arg !== undefined);
    const list = args.slice(0, last + 1).map((arg) => formatArgument(arg, shown));
    const made = results.map((value) => `%${value}: ${this.#typeOf(value)}`).join(', ');
    return `${made === '' ? '' : `${made} = `}${name}(${list.join(', ')})`;
  }

  #typeOf(value: number): string {
    const { dtype = '?', shape, device } = this.describe(value);
    return `${dtype}[${shape ?? '?'}]${device === 'cpu' ? '' : ` ${device}`}`;
  }

  #namesOf(tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<number, string> {
    const names = new Map<number, string>();
    for (const [name, { handle }] of tensors) {
      const value = guard(() => loadAddon().recordingValue(this.#handle, handle));
      if (value !== undefined) names.set(value, name);
    }
    return names;
  }

  dispose(): void {
    for (const tensor of this.#captured?.values() ?? []) tensor.dispose();
    guard(() => loadAddon().recordingDispose(this.#handle));
  }
}

function formatArgument(arg: unknown, shown: (value: number) => string): string {
  if (Array.isArray(arg)) return `[${arg.map((each) => formatArgument(each, shown)).join(', ')}]`;
  if (typeof arg === 'object' && arg !== null) return shown((arg as Value).value);
  return typeof arg === 'string' ? `'${arg}'` : String(arg);
}
