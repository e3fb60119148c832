/** Typed functions' way to native operations: tensors in, tensors out. */
import { DTypeError } from '../errors.ts';
import { loadAddon, type TensorHandle } from '../native/addon.ts';
import { guard } from '../native/errors.ts';
import type { CapturedStack } from '../native/jobs.ts';
import { expectOneOf } from '../validate.ts';
import { invoke, invokeFrom } from './door.ts';
import { Generator } from './generator.ts';
import { type DType, Tensor } from './tensor.ts';

const unwrap = (value: unknown): unknown => {
  if (value instanceof Tensor || value instanceof Generator) return value.handle;
  return Array.isArray(value) ? value.map(unwrap) : (value ?? undefined);
};

/** Calls an operation that yields one tensor. `args` in the order of its schema; undefined takes the default. */
export function call(name: string, args: readonly unknown[]): Tensor {
  const handles = args.map(unwrap);
  const captured: CapturedStack = {};
  Error.captureStackTrace(captured, call);
  return new Tensor(invokeFrom(captured, name, handles) as TensorHandle);
}

/** Calls an operation that yields several tensors. */
export function callMany(name: string, args: readonly unknown[]): Tensor[] {
  return (invoke(callMany, name, args.map(unwrap)) as TensorHandle[]).map((handle) => new Tensor(handle));
}

/** Calls an operation of which the caller does not know what it yields: no tensor, one, or several. */
export function callAny(name: string, args: readonly unknown[]): Tensor[] {
  const made = invoke(callAny, name, args.map(unwrap)) ?? [];
  return (Array.isArray(made) ? made : [made]).map((handle: TensorHandle) => new Tensor(handle));
}

/** Calls an operation that changes something and yields nothing. */
export function callEffect(name: string, args: readonly unknown[]): void {
  invoke(callEffect, name, args.map(unwrap));
}

/** Refuses floats where rows are counted. @returns what was given. @throws {DTypeError} */
export function wholeNumbers(name: string, given: Tensor): Tensor {
  const dtype = given instanceof Tensor ? described(given).dtype : undefined;
  if (dtype !== undefined && floats.includes(dtype)) throw floatsRefused(name, dtype);
  return given;
}

/**
 * Calls an operation that takes classes as int64 alone: other whole numbers are converted for it.
 * @param options.orSharesOf logits in whose shape floats may come: of each class its share.
 * @throws {DTypeError} classes that are floats.
 */
export function callWithClasses(
  name: string,
  classes: Tensor,
  use: (classes: Tensor) => Tensor,
  { orSharesOf }: { readonly orSharesOf?: Tensor } = {},
): Tensor {
  if (!(classes instanceof Tensor)) return use(classes); // refused natively
  const { dtype, shape } = described(classes);
  if (dtype === undefined || dtype === 'int64') return use(classes);
  if (floats.includes(dtype)) {
    const logits = orSharesOf instanceof Tensor ? described(orSharesOf) : undefined;
    const mayBeShares = logits !== undefined && (logits.shape === undefined || logits.shape.length === shape?.length);
    if (mayBeShares) return use(classes);
    throw floatsRefused(name, dtype);
  }
  using converted = classes.to('int64');
  return use(converted);
}

// Before the data are there, neither shape nor dtype may be known; both are then libtorch's to check.
const described = ({ handle }: Tensor) => guard(() => loadAddon().describe(handle));

const floats: readonly (DType | undefined)[] = ['float32', 'float64', 'bfloat16', 'float16'];

const floatsRefused = (name: string, dtype: DType): DTypeError =>
  new DTypeError(
    `${name} must be whole numbers, got ${dtype}; numbers become float32 unless tensor(…, { dtype: 'int64' }) says otherwise`,
  );

export type Reduction = 'none' | 'mean' | 'sum';

const reductions: readonly Reduction[] = ['none', 'mean', 'sum'];

/** libtorch's number for how a loss is reduced; undefined for its default, the mean. */
export function reductionCode(reduction: Reduction | undefined): number | undefined {
  return reduction === undefined ? undefined : reductions.indexOf(expectOneOf('reduction', reduction, reductions));
}

/** How the elements of a tensor lie in memory: row-major, or with the channels of each pixel side by side. */
export type MemoryFormat = 'contiguous' | 'channels_last';

/** libtorch's number for a memory format; undefined for the default of the operation. */
export function memoryFormatCode(format: MemoryFormat | undefined): number | undefined {
  if (format === undefined) return undefined;
  return expectOneOf('memoryFormat', format, ['contiguous', 'channels_last']) === 'contiguous' ? 0 : 2;
}
