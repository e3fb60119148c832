/** MoCo's keys where each process has statistics of its own: of a batch that is shuffled over all of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { moco as method } from '../../lib/methods/moco.ts';
import { resultsOf } from './processes.ts';
import type { Trained, Training } from './tiny-training.ts';

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

// Its queue is full from the first step on, which is then a recording, and the same in both.
test('two processes go on with such a training', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'contrastive-moco-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const moco: Training = {
    method: method({ queueSize: 16 }),
    syncBatchNorm: false,
    schedule: { name: 'constant' },
  };
  const out = join(folder, 'run');
  const trainings = [
    { ...moco, epochs: 1, fit: { out } },
    { ...moco, epochs: 2, fit: { out, resume: true } },
  ];
  const both = await resultsOf<[Trained, Trained]>('training.ts', { trainings });
  const [first, second] = both.map(([, resumed]) => resumed);
  expect([first?.error, second?.error]).toEqual([undefined, undefined]);
  expect(first?.events.filter(({ kind }) => kind === 'step')).toHaveLength(3);
  expect(second?.digest).toBe(first?.digest);
});
