/** A recording as inference wants it: a convolution or a linear layer and what follows it are one operation. */
import type { RecordedOperation, Value } from './recorder.ts';
import type { Recording } from './recording.ts';
import type { Tensor } from './tensor.ts';

/** A convolution or a linear layer with what was found behind it. */
interface Fused {
  readonly start: RecordedOperation;
  norm?: { readonly tensors: readonly unknown[]; readonly eps: unknown };
  residual?: unknown;
  activation: string;
  /** The operation that gives the result. */
  end: RecordedOperation;
}

const numberOf = (arg: unknown): number | undefined =>
  typeof arg === 'object' && arg !== null && !Array.isArray(arg) ? (arg as Value).value : undefined;

function valuesOf(arg: unknown): number[] {
  if (Array.isArray(arg)) return arg.flatMap(valuesOf);
  const value = numberOf(arg);
  return value === undefined ? [] : [value];
}

/** For each value the operation that takes it, where that is one alone; outputs are taken from outside. */
function onlyUsers({ operations, outputs }: Recording): ReadonlyMap<number, RecordedOperation> {
  const users = new Map<number, RecordedOperation | undefined>(outputs.map((value) => [value, undefined]));
  for (const operation of operations)
    for (const value of operation.args.flatMap(valuesOf)) users.set(value, users.has(value) ? undefined : operation);
  return new Map([...users].filter((entry): entry is [number, RecordedOperation] => entry[1] !== undefined));
}

/** What a convolution's kernel does to its result, by the operation that does it alone. */
const activations: Readonly<Record<string, string>> = {
  'aten::relu': 'relu',
  'aten::hardswish': 'hardswish',
  'aten::silu': 'silu',
};

/** The mark of an operation that changes its first argument: 'aten::relu_', 'aten::add_.Tensor'. */
const inPlace = /_(?=\.|$)/;

/** Whether what works in place does so on results that nobody else takes: it is then as good as what does not. */
function changesOnlyOwn({ operations }: Recording, users: ReturnType<typeof onlyUsers>): boolean {
  const own = new Set<number>();
  for (const operation of operations) {
    const { name, args, results, sharesMemory } = operation;
    const changes = inPlace.test(name);
    const changed = numberOf(args[0]) as number;
    if (changes && !(name.startsWith('aten::') && own.has(changed) && users.get(changed) === operation)) return false;
    if (changes || !sharesMemory) for (const value of results) own.add(value);
  }
  return true;
}

interface Facts {
  /** Shape and dtype of a value: what is done inside a convolution gives its own. */
  readonly typeOf: (value?: number) => string;
  /** Whether all tensors among these are captured ones, which seldom change: what is made of others is made at each call. */
  readonly isFixed: (args: readonly unknown[]) => boolean;
}

/** What `next` does to the value that it takes, if that can be done with the convolution or the linear layer. */
function absorb(fused: Fused, next: RecordedOperation, value: number, { typeOf, isFixed }: Facts): boolean {
  const { args } = next;
  const name = next.name.replace(inPlace, '');
  if (fused.activation !== 'none' || next.flags !== fused.start.flags) return false;
  const isFirst = numberOf(args[0]) === value;
  const isLinear = fused.start.name === 'aten::linear';
  const untouched = fused.norm === undefined && fused.residual === undefined && !isLinear;
  if (name === 'batch_norm_act' && untouched && isFirst) {
    const [, weight, bias, mean, variance, , residual, training, , eps, activation = 'none'] = args;
    if (training === true || mean === undefined || !isFixed([weight, bias, mean, variance])) return false;
    if (residual !== undefined && typeOf(numberOf(residual)) !== typeOf(value)) return false;
    Object.assign(fused, { norm: { tensors: [weight, bias, mean, variance], eps }, residual, activation });
    return true;
  }
  if (name === 'aten::batch_norm' && untouched && isFirst) {
    const [, weight, bias, mean, variance, training, , eps] = args;
    if (training === true || mean === undefined || !isFixed([weight, bias, mean, variance])) return false;
    fused.norm = { tensors: [weight, bias, mean, variance], eps };
    return true;
  }
  if (name === 'aten::add.Tensor' && fused.residual === undefined && (args[2] ?? 1) === 1) {
    const other = args[isFirst ? 1 : 0];
    if (numberOf(other) === value || typeOf(numberOf(other)) !== typeOf(value)) return false;
    fused.residual = other;
    return true;
  }
  if (isLinear) {
    if (name !== 'aten::gelu' || fused.residual !== undefined || (args[1] ?? 'none') !== 'none') return false;
    fused.activation = 'gelu';
    return true;
  }
  const activation = activations[name];
  if (activation === undefined) return false;
  fused.activation = activation;
  return true;
}

const pair = (arg: unknown, byDefault: number): readonly number[] => {
  if (Array.isArray(arg)) return arg.length === 1 ? [arg[0], arg[0]] : arg;
  return [Number(arg ?? byDefault), Number(arg ?? byDefault)];
};

function fusedOperation({ start, norm, residual, activation, end }: Fused): RecordedOperation {
  const [input, weight, bias, stride, padding, dilation, groups] = start.args;
  const rest = { results: end.results, sharesMemory: false, flags: start.flags, frames: start.frames };
  if (start.name === 'aten::linear')
    return { name: 'inference_linear', args: [input, weight, bias, residual, activation === 'gelu'], ...rest };
  return {
    name: 'inference_convolution',
    args: [
      ...[input, weight, bias],
      ...(norm?.tensors ?? [undefined, undefined, undefined, undefined]),
      ...[residual, norm?.eps, activation, pair(stride, 1), pair(padding, 0), pair(dilation, 1), groups],
    ],
    ...rest,
  };
}

/**
 * The same recording with batch normalisation in evaluation folded into the convolution before it, and additions and
 * activations behind convolutions and linear layers done inside.
 * @param like tensors like its inputs.
 */
export function forInference(recording: Recording, like: readonly Tensor[]): Recording {
  const users = onlyUsers(recording);
  if (!changesOnlyOwn(recording, users)) return recording.with(like, recording.operations);
  const { captured } = recording;
  const types = new Map<number | undefined, string>([[undefined, '']]);
  const facts: Facts = {
    typeOf: (value) => {
      const known = types.get(value);
      if (known !== undefined) return known;
      const { shape, dtype } = recording.describe(value as number);
      types.set(value, `${dtype} ${shape}`);
      return `${dtype} ${shape}`;
    },
    isFixed: (args) => args.flatMap(valuesOf).every((value) => captured.has(value)),
  };
  const { typeOf } = facts;
  const isFoldable = ({ name, args: [input, weight, bias] }: RecordedOperation): boolean => {
    const isLinear = name === 'aten::linear';
    if (!(isLinear || name === 'aten::conv2d') || !facts.isFixed([weight, bias])) return false;
    const { shape = [] } = recording.describe(numberOf(input) as number);
    return isLinear ? shape.length > 1 : shape.length === 4;
  };
  const absorbed = new Set<RecordedOperation>();
  const fusedAt = new Map<RecordedOperation, Fused>();
  for (const operation of recording.operations) {
    if (!isFoldable(operation)) continue;
    const fused: Fused = { start: operation, activation: 'none', end: operation };
    for (;;) {
      const value = fused.end.results[0] as number;
      const next = users.get(value);
      if (next === undefined || absorbed.has(next) || fusedAt.has(next)) break;
      if (typeOf(next.results[0]) !== typeOf(value) || !absorb(fused, next, value, facts)) break;
      absorbed.add(fused.end);
      fused.end = next;
    }
    fusedAt.set(fused.end, fused);
  }
  const operations = recording.operations.flatMap((operation) => {
    if (absorbed.has(operation)) return [];
    const fused = fusedAt.get(operation);
    return [fused ? fusedOperation(fused) : operation];
  });
  return recording.with(like, operations);
}
