/** Shapes of a large network, without its memory. */
import type { Module } from '../nn/module.ts';
import type { Shapes } from './registry.ts';

/** An option of which every size in a network is a linear function. */
interface Extent {
  /** The smallest value; all others are multiples of it. Default 1. */
  readonly unit?: number;
  readonly value: number;
}

/**
 * Shapes of a network from its smallest one, and from those of which one extent is twice the smallest. Without those of scalars:
 * `num_batches_tracked` may be missing in a file.
 *
 * @param make the network of such extents.
 * @param extents the options that decide its memory.
 */
export function shapesOf<Name extends string>(
  make: (extents: Readonly<Record<Name, number>>) => Module,
  extents: Readonly<Record<Name, Extent>>,
): Shapes {
  const names = Object.keys(extents) as Name[];
  const units = Object.fromEntries(names.map((name) => [name, extents[name].unit ?? 1])) as Record<Name, number>;
  const smallest = shapesWithout(make, units);
  const shapes = new Map([...smallest].map(([key, shape]) => [key, [...shape]]));
  for (const name of names) {
    const larger = shapesWithout(make, { ...units, [name]: 2 * units[name] });
    const steps = extents[name].value / units[name] - 1;
    for (const [key, shape] of shapes)
      for (const [i, size] of (smallest.get(key) as readonly number[]).entries())
        shape[i] = (shape[i] as number) + ((larger.get(key)?.[i] as number) - size) * steps;
  }
  return shapes;
}

function shapesWithout<E>(make: (extents: E) => Module, extents: E): Shapes {
  using module = make(extents);
  return new Map([...module.stateDict()].map(([key, { shape }]) => [key, shape] as const).filter(([, s]) => s.length));
}
