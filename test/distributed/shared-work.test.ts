/** What processes do a part of each is what one process does. */
import { expect, test } from 'vitest';
import { resultsOf } from './processes.ts';

test('contrastive losses share their pairs', async () => {
  for (const losses of await resultsOf<Readonly<Record<string, number>>>('shared-work.ts', {}, { worldSize: 3 })) {
    expect(Object.keys(losses).length).toBeGreaterThan(12);
    for (const [name, difference] of Object.entries(losses))
      expect([name, difference]).toEqual([name, expect.closeTo(0, 10)]);
  }
});
