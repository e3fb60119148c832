/** MoCo's keys where each process has statistics of its own: of a batch that is shuffled over all of them. */
import { expect, test } from 'vitest';
import { resultsOf } from './processes.ts';

type Keys = Readonly<Record<'shuffled' | 'whole' | 'average', readonly (readonly number[])[]>>;
type Parts = Readonly<Record<'shuffled' | 'plain', readonly (readonly number[])[]>>;

test.each([2, 3])('%d processes make the keys that parts of the shuffled batch make', async (worldSize) => {
  const [all, [parts]] = await Promise.all([
    resultsOf<Keys>('shuffled-keys.ts', {}, { worldSize }),
    resultsOf<Parts>('shuffled-keys.ts', { parts: worldSize }, { worldSize: 1 }),
  ]);
  const { shuffled, plain } = parts as Parts;
  expect(shuffled[0]).not.toEqual(shuffled[1]);
  expect(shuffled[0]).not.toEqual(plain[0]);
  for (const keys of all) {
    expect(keys.shuffled).toEqual(shuffled);
    // Nothing to shuffle: every step has the same keys.
    expect(keys.whole[1]).toEqual(keys.whole[0]);
    expect(keys.average[1]).toEqual(keys.average[0]);
  }
});
