/** Sizes of dimensions, where some follow the input. */

/** A size that is the same for every input, or a multiple of the batch size. */
export type KnownSize = number | { readonly batch: number };

/** Or one that follows the images' height and width: what it was for each of the inputs that were looked at. */
export type Size = KnownSize | { readonly seen: readonly number[] };

export const isKnown = (size: Size): size is KnownSize => typeof size === 'number' || 'batch' in size;

/** @param seen what the size was for inputs of these batch sizes; two of them differ. */
export function sizeOf(seen: readonly number[], batches: readonly number[]): Size {
  const [first = 0] = seen;
  if (seen.every((size) => size === first)) return first;
  const batch = first / (batches[0] as number);
  return seen.every((size, i) => size === batch * (batches[i] as number)) ? { batch } : { seen };
}

export function isSameSize(a: Size, b: Size): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b;
  if ('batch' in a) return 'batch' in b && a.batch === b.batch;
  return 'seen' in b && a.seen.every((size, i) => size === b.seen[i]);
}

/** a + b, where it is a known size again. */
export function addSizes(a: Size, b: Size): KnownSize | undefined {
  if (!isKnown(a) || !isKnown(b)) return undefined;
  if (a === 0) return b;
  if (b === 0) return a;
  if (typeof a === 'number') return typeof b === 'number' ? a + b : undefined;
  return typeof b === 'number' ? undefined : { batch: a.batch + b.batch };
}
