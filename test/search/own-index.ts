/** Indices of made-up vectors, and what a search in them must find. */
import { createIndex, type FeatureIndex } from '../../lib/search/feature-index.ts';

/** Rows that are never parallel. */
export const vectors = (count: number, dim: number, start = 0): Float32Array[] =>
  Array.from({ length: count }, (_, i) =>
    Float32Array.from({ length: dim }, (__, d) => Math.sin(start + 1.7 * i + 2.3 * d * d + i * d)),
  );

export const cosine = (a: Float32Array, b: Float32Array): number => {
  const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, v, d) => sum + v * (y[d] as number), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

/** All rows by falling cosine with a query, by a plain loop. */
export const ranked = (query: Float32Array, rows: readonly Float32Array[]): { number: number; cosine: number }[] =>
  rows
    .map((row, number) => ({ number, cosine: cosine(query, row) }))
    .sort((a, b) => b.cosine - a.cosine || a.number - b.number);

export const indexOf = (path: string, rows: readonly Float32Array[]): Promise<FeatureIndex> =>
  createIndex(
    path,
    rows.map((vector, i) => ({ name: `row ${i}`, vector })),
  );
