/** 100 000 draws of each transform against torchvision's own (test/fixtures/make_distributions.py), singly and in pairs. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { augment, type DrawnTransform } from '../../lib/augment/augment.ts';
import { policyOperations } from '../../lib/augment/rand-augment.ts';
import type { Transform } from '../../lib/augment/transform.ts';
import { column, cornersOf, drawMany, draws, type Size } from './draw-many.ts';
import { countsOf, scoreOfQuantiles, scoreOfTwoCounts, unlikely } from './statistics.ts';

interface Stored {
  readonly size: Size;
  readonly transform: Transform;
  readonly draws: number;
  readonly whole: Record<string, { readonly from: number; readonly counts: number[] }>;
  readonly continuous: Record<string, { readonly at: number[]; readonly below: number[] }>;
  /** By two names; a row for each cell of the first. */
  readonly joint: Record<string, { readonly edges: [number[], number[]]; readonly counts: number[][] }>;
  /** Of a policy: how often it applied what, in order; magnitudes in thousandths. */
  readonly sequences: Record<string, number>;
}

const stored = JSON.parse(
  readFileSync(new URL('../fixtures/augment/distributions.json', import.meta.url), 'utf8'),
) as Stored[];

/** What a policy applied, in the words of the stored sequences. */
function sequenceOf({ op, magnitude }: DrawnTransform): string {
  const magnitudes = [magnitude].flat() as number[];
  const applied = ([op].flat() as number[]).flatMap((number, i) =>
    number === 0 ? [] : [`${policyOperations[number]} ${Math.round(1000 * (magnitudes[i] as number)) || 0}`],
  );
  return applied.join(', ');
}

const [numbers, policies] = [false, true].map((isPolicy) =>
  stored.filter(({ sequences }) => Object.keys(sequences).length > 0 === isPolicy),
) as [Stored[], Stored[]];

describe("torchvision's draws", () => {
  test.each(policies.map((entry) => [Object.values(entry.transform).slice(0, 2).join(' '), entry] as const))(
    '%s: which operations, in which order, how strong',
    (_, { size: [height, width, channels], transform, sequences }) => {
      const pipeline = augment([transform]);
      const counts = new Map(Object.keys(sequences).map((sequence) => [sequence, 0]));
      for (let id = 0; id < draws; id++) {
        const [drawn] = pipeline.draw({ height, width, channels }, { seed: 2024, id }) as [DrawnTransform];
        const sequence = sequenceOf(drawn);
        counts.set(sequence, (counts.get(sequence) ?? 0) + 1);
      }
      const names = [...counts.keys()];
      const theirs = names.map((name) => sequences[name] ?? 0);
      expect(scoreOfTwoCounts([...counts.values()], theirs)).toBeLessThan(unlikely);
      // What is drawn here and never there would hide in a neighbour's cell.
      const unknown = names.filter((name) => !(name in sequences));
      expect(
        unknown.reduce((sum, name) => sum + (counts.get(name) as number), 0),
        unknown.join('; '),
      ).toBeLessThan(10);
    },
  );

  test.each(numbers.map((entry) => [entry.transform.kind, entry.size.join(' × '), entry] as const))(
    '%s of %s draws alike, each number and pairs of them',
    (kind, _, { size, transform, draws: theirDraws, whole, continuous, joint }) => {
      const drawn = drawMany(transform, size);
      const columns = kind === 'randomPerspective' ? cornersOf(drawn, size[0], size[1]) : drawn;
      for (const [name, { from, counts }] of Object.entries(whole)) {
        // Room on both sides: a value of ours that never came up there.
        const ours = countsOf(
          column(columns, name).map((x) => x - from + 50),
          counts.length + 100,
        );
        const padding = new Array<number>(50).fill(0);
        expect(scoreOfTwoCounts(ours, [...padding, ...counts, ...padding]), name).toBeLessThan(unlikely);
      }
      for (const [name, { at, below }] of Object.entries(continuous))
        expect(scoreOfQuantiles(column(columns, name), { at, below, draws: theirDraws }), name).toBeLessThan(unlikely);
      for (const [names, { edges, counts }] of Object.entries(joint)) {
        const [a, b] = names.split(' ').map((name) => column(columns, name)) as [Float64Array, Float64Array];
        const cellOf = (x: number, ends: readonly number[]): number => ends.filter((end) => x > end).length;
        const cells = a.map((x, i) => cellOf(x, edges[0]) * (edges[1].length + 1) + cellOf(b[i] as number, edges[1]));
        expect(scoreOfTwoCounts(countsOf(cells, counts.flat().length), counts.flat()), names).toBeLessThan(unlikely);
      }
    },
  );
});
