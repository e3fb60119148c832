/** A function of tensors, recorded once for each kind of arguments and run as one native job from then on. */
import { OptionError, StateError } from '../errors.ts';
import { loadAddon } from '../native/addon.ts';
import { guard } from '../native/errors.ts';
import { countOption, functionOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { describe } from '../validate.ts';
import { forInference } from './inference.ts';
import { modeFlags, noGrad } from './modes.ts';
import { currentRecorder } from './recorder.ts';
import { Recording } from './recording.ts';
import { type Structure, structureOf } from './structure.ts';
import { type Tensor, tensor } from './tensor.ts';

/** What a caller may give where the function takes a tensor: a number too, which becomes one of no dimensions. */
export type Given<T> = T extends Tensor
  ? Tensor | number
  : T extends readonly number[]
    ? T
    : T extends object
      ? { [K in keyof T]: Given<T[K]> }
      : T;

const compileOptions = {
  /**
   * What else the function depends on, as text: it is recorded again when this changes. Undefined: this call is run as it
   * is. Default: nothing else; for a module, its parts, parameters, buffers and modes, and a call with forward hooks is run as
   * it is. The modes of modules that the function calls are seen in any case.
   */
  key: functionOption<() => string | undefined>(),
  /**
   * For a forward pass in evaluation: no gradients; batch normalisation folded into the convolution before it, additions and
   * ReLU done inside, weights in the layout of this machine's kernels. Changes of the weights are seen. A module in training
   * mode is a StateError. Default false.
   */
  inference: { type: 'boolean', default: false },
  /**
   * On a GPU: what a recording launches is kept as graphs of the device (CUDA graphs), so that a call is a few launches instead of
   * one for each kernel. The first two calls run as ever; arguments and results are copied, and gradients are overwritten by the
   * next call. Where it is not possible, and on a CPU, the operations run as without it: `recordings()` have the reason in their
   * `graph`. Default false.
   */
  graph: { type: 'boolean', default: false },
  /** Recordings that are kept, the last used ones; default 8. Beyond that many, a warning says what keeps changing. */
  maxRecordings: { ...countOption, default: 8 },
} as const satisfies OptionTable;

export interface CompileOptions extends OptionsOf<typeof compileOptions> {}

export interface Compiled<Args extends readonly unknown[], Result> {
  (...args: { [K in keyof Args]: Given<Args[K]> }): Result;
  /** The same call, which ends between two operations when the signal fires: its results then reject with an AbortError. */
  abortable(signal: AbortSignal | undefined, ...args: { [K in keyof Args]: Given<Args[K]> }): Result;
  /** The recordings, the last used one at the end. */
  recordings(): readonly Recording[];
  /** Each recording as text: an operation a line, with its shapes and the line of code that made it. */
  inspect(): string;
  /** Frees the recordings; a later call records again. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** What has a forward pass and modes, as a module of `nn`. */
export interface Recordable<Args extends readonly unknown[], Result> {
  forward(...args: Args): Result;
  /** As `CompileOptions.key`. */
  readonly modeKey: string | undefined;
  stateDict(): ReadonlyMap<string, Tensor>;
}

interface Entry {
  readonly recording: Recording;
  readonly rebuild: Structure['rebuild'];
}

/**
 * Records a function of tensors at its first call, and replays it as one native job at all later ones with tensors of the
 * same shapes, dtypes and devices, under the same modes: without JavaScript between its operations, with intermediate
 * results freed at their last use, and differentiable as ever.
 *
 * - The function must not wait, and not read values (`item()`, `data()`): while it is recorded its tensors have none.
 * - It runs once a recording. What it computes besides tensors (a counter, a random number of JavaScript's) stays as it was
 *   then. A number that changes is an argument: a tensor of no dimensions inside. A list of numbers, such as a shape, is a
 *   constant: another one is recorded again.
 * - Tensors that it uses from outside, such as parameters, are read at each call; changes in place are seen.
 * - `backward()`, optimizers and operations in place are part of the recording.
 *
 * @param fn takes and returns tensors, also in arrays and plain objects; or a module, whose forward does.
 * @throws {OptionError} arguments or results that are neither tensors nor plain data; {StateError} a value that is read,
 * or a function that waits. An operation that fails at a replay rejects its results with the stack of its own line, and the
 * call's as cause.
 * @example
 * const distance = compile((x: Tensor, y: Tensor) => x.sub(y).square().sum());
 * distance(a, b); // recorded
 * distance(c, d); // one job
 */
export function compile<Args extends readonly unknown[], Result>(
  fn: ((...args: Args) => Result) | Recordable<Args, Result>,
  options: CompileOptions = {},
): Compiled<Args, Result> {
  if (typeof fn !== 'function' && typeof fn?.forward !== 'function')
    throw new OptionError(`fn must be a function or a module, got ${describe(fn)}`);
  const module = typeof fn === 'function' ? undefined : fn;
  const call = typeof fn === 'function' ? fn : (...args: Args) => fn.forward(...args);
  const resolved = resolveOptions('compile', compileOptions, options);
  const { inference, graph, maxRecordings: most, key: keyOf = module ? () => module.modeKey : () => '' } = resolved;
  const entries = new Map<string, Entry>(); // in order of use
  let dropped = 0;

  const record = (given: Structure): Entry => {
    let results: Structure | undefined;
    const forward = (inputs: readonly Tensor[]): readonly Tensor[] => {
      const result: unknown = call(...(given.rebuild(inputs) as Args));
      if (typeof (result as Partial<PromiseLike<unknown>> | undefined)?.then === 'function') {
        (result as PromiseLike<unknown>).then(undefined, () => {}); // its own failure is a consequence
        throw new StateError('a compiled function must not be asynchronous: it is recorded in one go, without values');
      }
      results = structureOf('the result', result);
      return results.tensors;
    };
    const recording = Recording.of(given.tensors, forward, { inference });
    const { rebuild } = results as unknown as Structure;
    const entry = { recording: inference ? forInference(recording, given.tensors) : recording, rebuild };
    if (inference) recording.dispose();
    if (graph) entry.recording.useGraph();
    return entry;
  };

  const keep = (key: string, entry: Entry): void => {
    const oldest = entries.size >= most ? entries.keys().next().value : undefined;
    if (oldest !== undefined) {
      if (dropped++ === 0)
        process.emitWarning(
          `a compiled function${call.name ? ` '${call.name}'` : ''} was recorded for more than ${most} kinds of arguments, so ` +
            `that it is recorded again and again; the last: ${key}; the one before: ${[...entries.keys()].at(-1)}`,
          'ContrastiveWarning',
        );
      entries.get(oldest)?.recording.dispose();
      entries.delete(oldest);
    }
    entries.set(key, entry);
  };

  const run = (signal: AbortSignal | undefined, args: readonly unknown[]): Result =>
    inference ? noGrad(() => runHere(signal, args)) : runHere(signal, args);
  const runHere = (signal: AbortSignal | undefined, args: readonly unknown[]): Result => {
    const numbers: Tensor[] = [];
    const given = structureOf('arguments', args, (value) => {
      numbers.push(tensor(value, { dtype: 'float64' }));
      return numbers.at(-1) as Tensor;
    });
    if (currentRecorder() !== undefined) return call(...(given.rebuild(given.tensors) as Args)); // part of that recording
    const own = keyOf();
    if (own === undefined) return call(...(given.rebuild(given.tensors) as Args));
    const signature = guard(() => loadAddon().signature(given.tensors.map(({ handle }) => handle)));
    const key = `${given.key} ${signature} ${modeFlags()} ${own}`;
    let entry = entries.get(key);
    if (entry !== undefined) entries.delete(key); // and in again, as the last used one
    if (entry !== undefined && !entry.recording.fits) {
      entry.recording.dispose();
      entry = undefined;
    }
    if (entry === undefined) {
      entry = record(given);
      keep(key, entry);
    } else {
      entries.set(key, entry);
    }
    const outputs = entry.recording.replay(given.tensors, signal);
    for (const each of numbers) each.dispose();
    return entry.rebuild(outputs) as Result;
  };

  const dispose = (): void => {
    for (const { recording } of entries.values()) recording.dispose();
    entries.clear();
  };
  const recordings = (): readonly Recording[] => [...entries.values()].map(({ recording }) => recording);
  return Object.assign((...args: readonly unknown[]) => run(undefined, args), {
    abortable: (signal: AbortSignal | undefined, ...args: readonly unknown[]) => run(signal, args),
    recordings,
    inspect: () =>
      recordings()
        .map((recording) => recording.inspect(module?.stateDict()))
        .join('\n\n'),
    dispose,
    [Symbol.dispose]: dispose,
  }) as Compiled<Args, Result>;
}
