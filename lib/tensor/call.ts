/** The one door from typed functions to native operations. */
import { type CallableReference, loadAddon } from '../native/addon.ts';
import { guard, newJob } from '../native/errors.ts';
import { expectOneOf } from '../validate.ts';
import { Generator } from './generator.ts';
import { flags } from './modes.ts';
import { Tensor } from './tensor.ts';

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

const unwrap = (value: unknown): unknown => {
  if (value instanceof Tensor || value instanceof Generator) return value.handle;
  return Array.isArray(value) ? value.map(unwrap) : value;
};

function invoke(below: (...args: never[]) => unknown, name: string, args: readonly unknown[]) {
  const job = newJob(below);
  return guard(() => loadAddon().call(reference(name), args.map(unwrap), flags(), job));
}

/** Calls an operation that yields one tensor. `args` in the order of its schema; undefined takes the default. */
export function call(name: string, args: readonly unknown[]): Tensor {
  return new Tensor(invoke(call, name, args) as Tensor['handle']);
}

/** Calls an operation that yields several tensors. */
export function callMany(name: string, args: readonly unknown[]): Tensor[] {
  return (invoke(callMany, name, args) as Tensor['handle'][]).map((handle) => new Tensor(handle));
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
