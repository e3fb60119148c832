/** Processes that would send each other different things say so before they train. */
import { expect, test } from 'vitest';
import { resultsOf } from './processes.ts';
import type { Trained, Training } from './tiny-training.ts';

test('another sampler', async () => {
  const weighted: Training = { sampler: { name: 'weighted', weights: new Array(48).fill(1) } };
  const trainings: Training[] = [{ method: 'simclr', ofRanks: [{}, weighted] }];
  const results = await resultsOf<[Trained]>('training.ts', { trainings, timeout: 20 });
  const message = /^rank 1 trains otherwise than rank 0: sampler is \{"name":"weighted".*\} here and undefined there$/;
  expect(results[1]?.[0].error).toEqual({ code: 'ERR_DISTRIBUTED', message: expect.stringMatching(message) });
  expect(results[0]?.[0].error?.message).toMatch(/^rank 1 \(.*\) stopped: rank 1 trains otherwise/);
});
