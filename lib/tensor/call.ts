/** Typed functions' way to native operations: tensors in, tensors out. */
import type { TensorHandle } from '../native/addon.ts';
import type { CapturedStack } from '../native/jobs.ts';
import { expectOneOf } from '../validate.ts';
import { invoke, invokeFrom } from './door.ts';
import { Generator } from './generator.ts';
import { Tensor } from './tensor.ts';

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
