/** Compares transforms with stored results of torchvision (test/fixtures/make_augment.py, make_augment_policies.py). */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { augment, type DrawnTransform } from '../../lib/augment/augment.ts';
import type { Transform } from '../../lib/augment/transform.ts';
import { formulaImage } from './formula-image.ts';

const folder = new URL('../fixtures/augment/', import.meta.url);

export interface ParityCase {
  readonly name: string;
  readonly size: [number, number, number];
  readonly channels?: 3;
  readonly transforms: Transform[];
  readonly drawn: DrawnTransform[];
  readonly shape: [number, number, number];
  readonly stride: number;
  readonly floats: [number, number];
  readonly bytes?: [number, number];
}

export const stored = (['parity', 'policies'] as const).flatMap((name) => {
  const blob = readFileSync(new URL(`${name}.bin`, folder)).buffer;
  const cases = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as ParityCase[];
  return cases.map((entry) => ({ ...entry, blob }));
});

const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let most = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < b.length; i++) most = Math.max(most, Math.abs((a[i] as number) - (b[i] as number)));
  return most;
};

/**
 * One test for each stored case of `name`: within `floats` of v2 on a float image (values in [0, 1]), and within `bytes`
 * of v2 on a uint8 image after rounding (values in 0 … 255).
 */
export function testParity(name: string, tolerance: { floats: number; bytes?: number }): void {
  const mine = stored.filter((entry) => entry.name === name);
  expect(mine.length).toBeGreaterThan(0);
  test.each(mine.map((entry) => [entry.size.join(' x '), JSON.stringify(entry.drawn), entry] as const))(
    `${name} of %s equals torchvision's: %s`,
    async (_size, _drawn, { size, channels, transforms, drawn, shape, stride, floats, bytes, blob }) => {
      const pipeline = augment(transforms, channels === undefined ? {} : { channels });
      const result = pipeline.replay(formulaImage(...size), drawn);
      expect(result.shape).toEqual([1, shape[2], shape[0], shape[1]]);
      const values = ((await result.data()) as Float32Array).filter((_, i) => i % stride === 0);
      expect(largest(values, new Float32Array(blob, ...floats))).toBeLessThanOrEqual(tolerance.floats);
      if (bytes === undefined || tolerance.bytes === undefined) return;
      const rounded = values.map((x) => Math.round(255 * x));
      expect(largest(rounded, new Uint8Array(blob, ...bytes))).toBeLessThanOrEqual(tolerance.bytes);
    },
  );
}
