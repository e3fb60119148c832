/** A recording as inference wants it: a convolution and what follows it are one operation. */
import type { RecordedOperation, Value } from './recorder.ts';
import type { Recording } from './recording.ts';
import type { Tensor } from './tensor.ts';

/** A convolution with what was found behind it. */
interface Fused {
  readonly convolution: RecordedOperation;
  norm?: { readonly tensors: readonly unknown[]; readonly eps: unknown };
  residual?: unknown;
  relu: boolean;
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

/** What `next` does to the value that it takes, if that can be done with the convolution. */
function absorb(fused: Fused, next: RecordedOperation, value: number, shapeOf: (value?: number) => string): boolean {
  const { name, args } = next;
  if (fused.relu || next.flags !== fused.convolution.flags) return false;
  const isFirst = numberOf(args[0]) === value;
  const untouched = fused.norm === undefined && fused.residual === undefined;
  if (name === 'batch_norm_act' && untouched && isFirst) {
    const [, weight, bias, mean, variance, , residual, training, , eps, relu] = args;
    if (training === true || mean === undefined) return false;
    Object.assign(fused, { norm: { tensors: [weight, bias, mean, variance], eps }, residual, relu: relu === true });
    return true;
  }
  if (name === 'aten::batch_norm' && untouched && isFirst) {
    const [, weight, bias, mean, variance, training, , eps] = args;
    if (training === true || mean === undefined) return false;
    fused.norm = { tensors: [weight, bias, mean, variance], eps };
    return true;
  }
  if (name === 'aten::add.Tensor' && fused.residual === undefined && (args[2] ?? 1) === 1) {
    const other = args[isFirst ? 1 : 0];
    if (numberOf(other) === value || shapeOf(numberOf(other)) !== shapeOf(value)) return false;
    fused.residual = other;
    return true;
  }
  if (name === 'aten::relu') {
    fused.relu = true;
    return true;
  }
  return false;
}

const pair = (arg: unknown, byDefault: number): readonly number[] => {
  if (Array.isArray(arg)) return arg.length === 1 ? [arg[0], arg[0]] : arg;
  return [Number(arg ?? byDefault), Number(arg ?? byDefault)];
};

function fusedOperation({ convolution, norm, residual, relu, end }: Fused): RecordedOperation {
  const [input, weight, bias, stride, padding, dilation, groups] = convolution.args;
  return {
    name: 'inference_convolution',
    args: [
      ...[input, weight, bias],
      ...(norm?.tensors ?? [undefined, undefined, undefined, undefined]),
      ...[residual, norm?.eps, relu, pair(stride, 1), pair(padding, 0), pair(dilation, 1), groups],
    ],
    results: end.results,
    flags: convolution.flags,
    frames: convolution.frames,
  };
}

const isInPlace = ({ name }: RecordedOperation): boolean => /_(\.|$)/.test(name);

/**
 * The same recording with batch normalisation in evaluation folded into the convolution before it, and additions and ReLU
 * behind it done inside.
 * @param like tensors like its inputs.
 */
export function forInference(recording: Recording, like: readonly Tensor[]): Recording {
  if (recording.operations.some(isInPlace)) return recording.with(like, recording.operations);
  const users = onlyUsers(recording);
  const shapeOf = (value?: number): string => String(value !== undefined && recording.values.get(value)?.shape);
  const isOfImages = ({ args }: RecordedOperation) => shapeOf(numberOf(args[0])).split(',').length === 4;
  const absorbed = new Set<RecordedOperation>();
  const fusedAt = new Map<RecordedOperation, Fused>();
  for (const operation of recording.operations) {
    if (operation.name !== 'aten::conv2d' || !isOfImages(operation)) continue;
    const fused: Fused = { convolution: operation, relu: false, end: operation };
    for (;;) {
      const value = fused.end.results[0] as number;
      const next = users.get(value);
      if (next === undefined || absorbed.has(next) || fusedAt.has(next)) break;
      if (shapeOf(next.results[0]) !== shapeOf(value) || !absorb(fused, next, value, shapeOf)) break;
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
