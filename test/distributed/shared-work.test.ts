/** What processes do a part of each is what one process does. */
import { expect, test } from 'vitest';
import { resultsOf } from './processes.ts';

interface Found {
  readonly losses: Readonly<Record<string, number>>;
  readonly features: readonly number[];
  readonly labels: readonly number[];
}

test('contrastive losses share their pairs, evaluations their images', async () => {
  const all = await resultsOf<Found & { readonly alone: Found }>('shared-work.ts', {}, { worldSize: 3 });
  for (const { losses, features, labels, alone } of all) {
    expect(Object.keys(losses).length).toBeGreaterThan(12);
    for (const [name, difference] of Object.entries(losses))
      expect([name, difference]).toEqual([name, expect.closeTo(0, 10)]);
    expect(features.length).toBe(alone.features.length);
    for (const [i, value] of features.entries()) expect(value).toBeCloseTo(alone.features[i] as number, 5);
    expect(labels).toEqual(alone.labels);
  }
});
