/** Shapes of a large network, without its memory. */
import type { Module } from '../nn/module.ts';
import type { Shapes } from './registry.ts';

/**
 * Shapes of a network of which every size is linear in its width, from its two smallest ones. Without those of scalars:
 * `num_batches_tracked` may be missing in a file.
 * @param unit the smallest width; all others are multiples of it.
 */
export function shapesAtWidth(make: (width: number) => Module, width: number, unit = 1): Shapes {
  using one = make(unit);
  using two = make(2 * unit);
  const wider = two.stateDict();
  const extrapolate = (atOne: number, atTwo: number): number => atOne + (atTwo - atOne) * (width / unit - 1);
  return new Map(
    [...one.stateDict()]
      .filter(([, { shape }]) => shape.length > 0)
      .map(([key, { shape }]) => [key, shape.map((size, i) => extrapolate(size, wider.get(key)?.shape[i] as number))]),
  );
}
