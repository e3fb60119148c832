/** A program that only calls fineTune(), started by a launcher. */
import { expect, test } from 'vitest';
import { resultsOf } from './processes.ts';

test('the batch that it chooses is one that the processes share evenly', async () => {
  // Of 50 images one process takes 25 a step.
  const did = { processes: 2, steps: 2 };
  expect(await resultsOf('fine-tuning.ts', null)).toEqual([did, did]);
}, 60_000);
