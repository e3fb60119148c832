/** Many draws of one transform, as columns of numbers. */
import { expect } from 'vitest';
import { augment, type DrawnTransform, type DrawOptions } from '../../lib/augment/augment.ts';
import type { Transform } from '../../lib/augment/transform.ts';

export type Size = readonly [number, number, number];
export type Columns = Readonly<Record<string, Float64Array>>;

export const draws = 100_000;

/** What `transform` drew at each place of `places`, a column for each number; `order.2` is the third of a list. */
export function drawMany(
  transform: Transform,
  [height, width, channels]: Size,
  places: (i: number) => DrawOptions = (id) => ({ seed: 2024, id }),
): Columns {
  const pipeline = augment([transform]);
  const columns: Record<string, Float64Array> = {};
  const put = (name: string, i: number, value: number): void => {
    columns[name] ??= new Float64Array(draws);
    columns[name][i] = value;
  };
  for (let i = 0; i < draws; i++) {
    const [drawn] = pipeline.draw({ height, width, channels }, places(i)) as [DrawnTransform];
    // Where no rectangle fits, ours says "not applied" and torchvision's names the whole image.
    const { kind: _kind, applied, ...numbers } = drawn;
    const entries = applied ? numbers : { top: 0, left: 0, height, width };
    for (const [name, value] of Object.entries(entries)) {
      if (typeof value === 'number') put(name, i, value);
      else for (const [j, number] of (value as readonly number[]).entries()) put(`${name}.${j}`, i, number);
    }
  }
  return columns;
}

export function column(columns: Columns, name: string): Float64Array {
  expect(Object.keys(columns)).toContain(name);
  return columns[name] as Float64Array;
}

/** Probabilities of equally likely cells. */
export const evenly = (cells: number): number[] => new Array<number>(cells).fill(1 / cells);
export const square: Size = [32, 32, 3];

/** Where the corners of the image went: the inverse of the drawn mapping, by Cramer's rule. */
export function cornersOf(columns: Columns, height: number, width: number): Columns {
  const result: Record<string, Float64Array> = {};
  for (let k = 0; k < 4; k++) for (const axis of ['x', 'y']) result[`${axis}.${k}`] = new Float64Array(draws);
  const corners = [0, width - 1, width - 1, 0].map((x, k) => [x, k < 2 ? 0 : height - 1] as const);
  const coefficients = Array.from({ length: 8 }, (_, i) => column(columns, `coefficients.${i}`));
  for (let i = 0; i < draws; i++) {
    const [a, b, c, d, e, f, g, h] = coefficients.map((values) => values[i]) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    for (const [k, [u, v]] of corners.entries()) {
      // (ax + by + c) = u (gx + hy + 1), (dx + ey + f) = v (gx + hy + 1)
      const [p, q, r] = [a - u * g, b - u * h, u - c];
      const [s, t, w] = [d - v * g, e - v * h, v - f];
      const determinant = p * t - q * s;
      (result[`x.${k}`] as Float64Array)[i] = Math.round((r * t - q * w) / determinant);
      (result[`y.${k}`] as Float64Array)[i] = Math.round((p * w - r * s) / determinant);
    }
  }
  return result;
}
