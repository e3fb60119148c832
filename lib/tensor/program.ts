/**
 * A recorded function as plain data, for any batch size: what can be written to a file, run without the code that made it,
 * and translated for another runtime.
 */
import { OptionError, ShapeError, StateError } from '../errors.ts';
import type { TensorDescription } from '../native/addon.ts';
import { describe } from '../validate.ts';
import { callAny } from './call.ts';
import { modesIn, tidy, withModes, withoutModes } from './modes.ts';
import { zeros } from './ops.ts';
import { type RecordedOperation, refuseWhileRecording, type Value } from './recorder.ts';
import { placeOf, Recording } from './recording.ts';
import { impurityOf, parametersOf } from './schema.ts';
import type { Tensor } from './tensor.ts';

/**
 * A plain value, a tensor by its number, a whole number that is `batch` times the batch size, the device that the program runs
 * on, or a list.
 */
export type Argument =
  | undefined
  | null
  | boolean
  | number
  | string
  | Value
  | { readonly batch: number }
  | { readonly device: true }
  | readonly Argument[];

export interface ProgramOperation {
  /** 'aten::conv2d', or an operation of ours. */
  readonly name: string;
  /** In the order of its schema; undefined, and what is missing at the end, takes the default. */
  readonly args: readonly Argument[];
  readonly results: readonly number[];
  /** Modes that the function set around it (native/core/modes.h has the layout); the others are those of who runs it. */
  readonly modes: number;
}

/** Operations in order, over tensors that go by numbers. Each number is given, captured, or the result of one operation. */
export interface Program {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Tensors from outside by name: a module's parameters and buffers; what the function made itself is 'constant.0', … */
  readonly captured: readonly { readonly value: number; readonly name: string }[];
  readonly operations: readonly ProgramOperation[];
}

export interface RecordedProgram {
  readonly program: Program;
  /** Captured tensors by name. The constants among them are the caller's to dispose. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** The line of code of each operation; '' where it is not known. */
  readonly places: readonly string[];
  /** Dtype and device of each value, and its shape for a batch of two. */
  readonly values: ReadonlyMap<number, TensorDescription>;
}

const isValue = (arg: unknown): arg is Value => typeof arg === 'object' && arg !== null && 'value' in arg;
const isList = (arg: Argument): arg is readonly Argument[] => Array.isArray(arg);

/** The numbers of the tensors among arguments, those in lists too. */
export function valuesIn(args: readonly Argument[]): number[] {
  return args.flatMap((arg) => (isList(arg) ? valuesIn(arg) : isValue(arg) ? [arg.value] : []));
}

// Two primes, so that a size of the batch is told from the others.
const [few, more] = [2, 3];

/**
 * The program of a function. It is recorded for two batch sizes; what differs must be a multiple of the batch size.
 *
 * @param fn a pure function, such as a forward pass in evaluation mode, which calls the same operations for every batch size:
 * what it does otherwise for one other than two or three is not seen.
 * @param like tensors of the shapes, dtypes and devices of its inputs; the first dimension of each is the batch.
 * @param names of captured tensors; those that it does not name are constants, of which the program has their values now.
 * @throws {StateError} an operation that changes a tensor or draws random numbers, or a difference between the batch sizes
 * that is no multiple of them, or a device other than the first input's; the message names the operation and its line. {ShapeError} no inputs, or one without dimensions.
 * @example
 * const { program, tensors } = programOf(([x]) => [x.matmul(weight).relu()], [ones([1, 3])], new Map([[weight, 'weight']]));
 */
export function programOf(
  fn: (inputs: readonly Tensor[]) => readonly Tensor[],
  like: readonly Tensor[],
  names: ReadonlyMap<Tensor, string> = new Map(),
): RecordedProgram {
  refuseWhileRecording('programOf()', programOf);
  if (like.length === 0 || like.some(({ ndim }) => ndim === 0))
    throw new ShapeError('a program needs inputs, each with a first dimension, which is the batch');
  // Named tensors are further outputs: that tells their numbers.
  const record = (batch: number): Recording =>
    tidy(() => {
      const inputs = like.map(({ shape, dtype, device }) => zeros([batch, ...shape.slice(1)], { dtype, device }));
      return withoutModes(() => Recording.of(inputs, (given) => [...fn(given), ...names.keys()]));
    });
  const a = record(few);
  try {
    const b = record(more);
    try {
      refuseHidden(a, like.length);
      const { device } = like[0] as Tensor;
      const operations = a.operations.map((operation, i) => common(operation, b.operations[i], device));
      if (b.operations.length > operations.length) common(undefined, b.operations[operations.length], device);
      if (String(a.outputs) !== String(b.outputs))
        throw new StateError(`the function gives other results for a batch of ${few} than for one of ${more}`);
      const outputs = a.outputs.slice(0, a.outputs.length - names.size);
      const { captured, tensors } = nameCaptured(a, b, names, new Set([...outputs, ...operations.flatMap(takenBy)]));
      const program = { inputs: a.inputs, outputs, captured, operations };
      const all = [...a.inputs, ...a.captured.keys(), ...a.operations.flatMap(({ results }) => results)];
      const values = new Map(all.map((value) => [value, a.describe(value)]));
      return { program, tensors, places: a.operations.map(placeOf), values };
    } finally {
      b.dispose();
    }
  } finally {
    a.dispose();
  }
}

const takenBy = ({ args }: ProgramOperation): number[] => valuesIn(args);

const refusal = (operation: RecordedOperation, reason: string): StateError =>
  new StateError(`'${operation.name}' at ${placeOf(operation)} ${reason}, so it cannot be part of a program`);

function refuseHidden({ inputs, operations }: Recording, given: number): void {
  const hidden = new Set(inputs.slice(given));
  for (const operation of operations)
    if (valuesIn(operation.args as readonly Argument[]).some((value) => hidden.has(value)))
      throw refusal(operation, 'draws random numbers');
}

/**
 * What an operation and its like in the recording for more samples have in common.
 * @param device of the input.
 */
function common(a: RecordedOperation | undefined, b: RecordedOperation | undefined, device: string): ProgramOperation {
  if (a === undefined || b === undefined || a.name !== b.name || a.flags !== b.flags) {
    const [here, there] = a ? [few, more] : [more, few];
    throw refusal((a ?? b) as RecordedOperation, `is called for a batch of ${here} and not for one of ${there}`);
  }
  const impurity = impurityOf(a.name, a.args);
  if (impurity !== undefined) throw refusal(a, impurity);
  const merge = (one: unknown, other: unknown): Argument => {
    if (typeof one === 'bigint') throw refusal(a, 'takes a bigint, which must be a number');
    if (Object.is(one, other)) return one as Argument;
    if (Array.isArray(one) && Array.isArray(other) && one.length === other.length)
      return one.map((each, i) => merge(each, other[i]));
    if (isValue(one) && isValue(other) && one.value === other.value) return one;
    const times = typeof one === 'number' ? one / few : Number.NaN;
    if (Number.isSafeInteger(times) && other === times * more) return { batch: times };
    const [here, there] = [one, other].map((arg) => (isValue(arg) ? 'another tensor' : describe(arg)));
    throw refusal(a, `takes ${here} for a batch of ${few} and ${there} for one of ${more}, no multiple of it`);
  };
  const count = 1 + Math.max(...[a, b].map(({ args }) => args.findLastIndex((arg) => arg !== undefined)));
  const parameters = parametersOf(a.name);
  const args = Array.from({ length: count }, (_, i): Argument => {
    const arg = merge(a.args[i], b.args[i]);
    if (typeof arg !== 'string' || !parameters[i]?.isDevice) return arg;
    if (arg !== device) throw refusal(a, `takes the device '${arg}', other than the input's '${device}'`);
    return { device: true };
  });
  if (String(a.results) !== String(b.results))
    throw refusal(
      a,
      `gives ${a.results.length} tensors for a batch of ${few} and ${b.results.length} for one of ${more}`,
    );
  return { name: a.name, args, results: a.results, modes: modesIn(a.flags) };
}

function nameCaptured(
  a: Recording,
  b: Recording,
  names: ReadonlyMap<Tensor, string>,
  used: ReadonlySet<number>,
): Pick<Program, 'captured'> & Pick<RecordedProgram, 'tensors'> {
  const own = a.outputs.length - names.size;
  const named = new Map([...names].map((entry, i) => [a.outputs[own + i], entry] as const).reverse()); // the first one stays
  const tensors = new Map<string, Tensor>();
  let constants = 0;
  const captured = [...a.captured.keys()]
    .filter((value) => used.has(value))
    .map((value) => {
      const [tensor, name] = named.get(value) ?? [constantOf(value, a, b), `constant.${constants++}`];
      if (tensors.has(name)) throw new OptionError(`two tensors of a program have the name '${name}'`);
      tensors.set(name, tensor);
      return { value, name };
    });
  return { captured, tensors };
}

/** A captured tensor without a name, which must be the same in both recordings. */
function constantOf(value: number, a: Recording, b: Recording): Tensor {
  const [one, other] = [a, b].map(({ captured }) => captured.get(value) as Tensor) as [Tensor, Tensor];
  const alike = String(one) === String(other) && Buffer.compare(bytesOf(one), bytesOf(other)) === 0;
  if (alike) return one.detach();
  const reason = `${one}, made of values, is another one for a batch of ${few} than for one of ${more}`;
  const user = a.operations.find(({ args }) => valuesIn(args as readonly Argument[]).includes(value));
  throw user ? refusal(user, `takes ${reason}`) : new StateError(`the function gives ${reason}`);
}

function bytesOf(tensor: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.dataSync();
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** How runProgram() calls an operation; a caller may look at what goes in and comes out. */
export type CallOperation = (
  operation: ProgramOperation,
  args: readonly unknown[],
  call: () => readonly Tensor[],
) => readonly Tensor[];

/**
 * Runs a program, under the modes of its caller and those that its function set; in compile(), as part of the recording.
 *
 * @param tensors by name, at least those that it captures.
 * @param inputs as many as it has; the first dimension of the first is the batch size. It runs on their device, and without
 * inputs on that of its tensors.
 * @returns its outputs.
 * @throws {OptionError} another number of inputs; {StateError} a tensor that is missing, or an operation with another number of
 * results; what its operations throw.
 */
export function runProgram(
  program: Program,
  tensors: ReadonlyMap<string, Tensor>,
  inputs: readonly Tensor[],
  callOperation: CallOperation = (_operation, _args, call) => call(),
): Tensor[] {
  if (inputs.length !== program.inputs.length)
    throw new OptionError(`the program takes ${program.inputs.length} inputs, got ${inputs.length}`);
  const values = new Map(program.inputs.map((value, i) => [value, inputs[i] as Tensor]));
  for (const { value, name } of program.captured) {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new StateError(`the program needs a tensor '${name}', which is missing`);
    values.set(value, tensor);
  }
  const batch = inputs[0]?.shape[0] ?? 0;
  const device = [...inputs, ...tensors.values()][0]?.device;
  const tensorOf = (value: number): Tensor => {
    const tensor = values.get(value);
    if (tensor === undefined) throw new StateError(`the program uses the value ${value} before it is made`);
    return tensor;
  };
  const resolve = (arg: Argument): unknown => {
    if (isList(arg)) return arg.map(resolve);
    if (typeof arg !== 'object' || arg === null) return arg;
    if ('device' in arg) return device;
    return 'value' in arg ? tensorOf(arg.value) : arg.batch * batch;
  };
  return tidy(() => {
    for (const operation of program.operations) {
      const { name, results, modes } = operation;
      const args = operation.args.map(resolve);
      const made = callOperation(operation, args, () => withModes(modes, () => callAny(name, args)));
      if (made.length !== results.length)
        throw new StateError(`'${name}' gave ${made.length} tensors, and the program expects ${results.length}`);
      for (const [i, value] of results.entries()) values.set(value, made[i] as Tensor);
    }
    return program.outputs.map(tensorOf);
  });
}
