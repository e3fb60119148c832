/** Two-sample Kolmogorov-Smirnov tests of the drawn numbers against torchvision's (test/fixtures/make_augment.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { augment, type DrawnTransform } from '../../lib/augment/augment.ts';
import type { Transform } from '../../lib/augment/transform.ts';

interface Distribution {
  readonly size: [number, number, number];
  readonly transform: Transform;
  readonly name: string;
  readonly at: number[];
  readonly below: number[];
}

const stored = JSON.parse(
  readFileSync(new URL('../fixtures/augment/distributions.json', import.meta.url), 'utf8'),
) as Distribution[];

const theirs = 100_000;
const ours = 20_000;
// The distance that equal distributions exceed once in 10 000 tests; the draws are fixed, so a pass stays a pass.
const critical = Math.sqrt(-Math.log(0.0001 / 2) / 2) * Math.sqrt(1 / theirs + 1 / ours);

function numberOf(drawn: DrawnTransform, name: string): number {
  const [field, index] = name.split('.') as [string, string?];
  const value = drawn[field];
  return index === undefined ? (value as number) : (value as number[])[Number(index)]!;
}

const groups = new Map<string, Distribution[]>();
for (const entry of stored) {
  const key = JSON.stringify([entry.size, entry.transform]);
  groups.set(key, [...(groups.get(key) ?? []), entry]);
}

describe('draws are distributed as torchvision', () => {
  for (const group of groups.values()) {
    const { size, transform } = group[0]!;
    const [height, width, channels] = size;
    test(`${transform.kind} of ${size.join(' x ')}: ${group.map(({ name }) => name).join(', ')}`, () => {
      const pipeline = augment([transform]);
      const draws: DrawnTransform[] = [];
      for (let id = 0; draws.length < ours; id++) {
        const drawn = pipeline.draw({ height, width, channels }, { seed: 2024, id })[0]!;
        // Where no rectangle fits, ours says "not applied" and theirs names the whole image.
        draws.push(drawn.applied ? drawn : { ...drawn, top: 0, left: 0, height, width });
      }
      for (const { name, at, below } of group) {
        const values = Float64Array.from(draws, (drawn) => numberOf(drawn, name)).sort();
        let next = 0;
        let distance = 0;
        for (const [i, x] of at.entries()) {
          while (next < ours && values[next]! <= x + 1e-6) next++; // stored to six decimals
          distance = Math.max(distance, Math.abs(next / ours - below[i]!));
        }
        expect(distance, name).toBeLessThan(critical);
      }
    });
  }
});
