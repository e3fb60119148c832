/** The losses of the papers as plain nested loops in float64. */
import type { Tensor } from '../../lib/tensor/tensor.ts';

export interface Case {
  /** [batch][views][dim] */
  readonly features: readonly (readonly (readonly number[])[])[];
  readonly labels?: readonly number[] | undefined;
  readonly mask?: readonly (readonly number[])[] | undefined;
  readonly temperature: number;
  readonly variant: 'out' | 'in';
  readonly anchors: 'all' | 'first';
  readonly noPositives: 'ignore' | 'zero';
  readonly lossScale: number;
  readonly normalize: boolean;
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, d) => sum + x * (b[d] as number), 0);

function logSumExp(values: readonly number[]): number {
  const max = Math.max(...values);
  return max === -Infinity ? -Infinity : max + Math.log(values.reduce((sum, v) => sum + Math.exp(v - max), 0));
}

/** Khosla et al. 2020, eq. 2 and 3, anchor by anchor. */
export function oracle(c: Case): { loss: number; validAnchors: number } {
  const batch = c.features.length;
  const views = c.features[0]?.length ?? 0;
  const rows: { sample: number; view: number; z: number[] }[] = [];
  for (let view = 0; view < views; view++)
    for (let sample = 0; sample < batch; sample++) {
      const x = c.features[sample]?.[view] as number[];
      const norm = c.normalize ? Math.sqrt(dot(x, x)) || 1 : 1;
      rows.push({ sample, view, z: x.map((value) => value / norm) });
    }
  let sum = 0;
  let validAnchors = 0;
  let counted = 0;
  for (const i of rows) {
    if (c.anchors === 'first' && i.view !== 0) continue;
    counted++;
    const others = rows.filter((a) => a !== i);
    const weightOf = (p: { sample: number }): number => {
      if (c.mask) return c.mask[i.sample]?.[p.sample] as number;
      return (c.labels ? c.labels[i.sample] === c.labels[p.sample] : i.sample === p.sample) ? 1 : 0;
    };
    const total = others.reduce((acc, p) => acc + weightOf(p), 0);
    if (!(total > 0)) continue;
    validAnchors++;
    const s = (a: { z: number[] }): number => dot(i.z, a.z) / c.temperature;
    const denominator = logSumExp(others.map(s));
    const positives = others.filter((p) => weightOf(p) > 0);
    sum +=
      c.variant === 'out'
        ? positives.reduce((acc, p) => acc - weightOf(p) * (s(p) - denominator), 0) / total
        : denominator - logSumExp(positives.map((p) => s(p) + Math.log(weightOf(p)))) + Math.log(total);
  }
  const mean = sum / (c.noPositives === 'zero' ? counted : Math.max(1, validAnchors));
  return { loss: c.lossScale * mean, validAnchors };
}

/** f[i][v][d] = sin(1 + 3i + 5v + 7d) */
export const formulaFeatures = (batch: number, views: number, dim: number): number[][][] =>
  Array.from({ length: batch }, (_, i) =>
    Array.from({ length: views }, (_, v) => Array.from({ length: dim }, (_, d) => Math.sin(1 + 3 * i + 5 * v + 7 * d))),
  );

/** The gradient that arrived at `leaf`, as numbers. */
export const gradientOf = (leaf: Tensor): number[] =>
  Array.from((leaf.grad as Tensor).dataSync() as ArrayLike<number>, Number);
