/** AutoAugment's tables and the magnitudes of torchvision's policies (test/fixtures/make_augment_policies.py). */
import { readFileSync } from 'node:fs';
import type { DrawnTransform } from '../../lib/augment/augment.ts';

interface PolicyTables {
  /** For each operation (policyOperations without invert) its magnitudes from the weakest bin to the strongest. */
  readonly magnitudes: readonly {
    readonly kind: 'randAugment' | 'trivialAugmentWide';
    readonly bins: number;
    readonly height: number;
    readonly width: number;
    readonly signed: readonly boolean[];
    readonly values: readonly (readonly number[])[];
  }[];
  /** 25 pairs of [operation, probability, bin]. */
  readonly autoAugment: Readonly<Record<string, readonly (readonly [number, number, number])[][]>>;
}

export const policyTables = JSON.parse(
  readFileSync(new URL('../fixtures/augment/policy-tables.json', import.meta.url), 'utf8'),
) as PolicyTables;

/** Drawn operations with their magnitudes, also where a transform draws one. */
export function operationsOf(drawn: DrawnTransform): [op: number, magnitude: number][] {
  const ops = [drawn.op].flat() as number[];
  const magnitudes = [drawn.magnitude].flat() as number[];
  return ops.map((op, i) => [op, magnitudes[i]!]);
}

/** Chi-squared of counts against equal frequencies, over its degrees of freedom: about 1. */
export function unevenness(counts: readonly number[]): number {
  const mean = counts.reduce((a, b) => a + b) / counts.length;
  return counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0) / (counts.length - 1);
}
