/** Processes that would send each other different things say so before they train. */
import { expect, test } from 'vitest';
import { resultsOf } from './processes.ts';
import type { Trained, Training } from './tiny-training.ts';

const refused = (message: RegExp) => ({ code: 'ERR_DISTRIBUTED', message: expect.stringMatching(message) });

test('another program', async () => {
  const [first, second] = await resultsOf(['joining.ts', 'joining-otherwise.ts'], { timeout: 20 });
  const difference =
    /is not like rank [01]: there it is 'program of node [0-9a-f]{16}', here 'program of node [0-9a-f]{16}'$/;
  for (const error of [first, second]) expect(error).toEqual(refused(difference));
});

test('a module that computes otherwise, and another class', async () => {
  const trainings: Training[] = [{ scale: 2, ofRanks: [{}, { scale: 3 }] }];
  const scaled = await resultsOf<[Trained]>('training.ts', { trainings, timeout: 20 });
  for (const [trained] of scaled) {
    expect(trained.error).toEqual(
      refused(
        /^rank 1 computes otherwise than rank 0: operation \d+ of a step is another one, in rank 0 %\d+: .* = .*mul.*\(.*2.*\)$/,
      ),
    );
    expect(trained.events.filter(({ kind }) => kind === 'step')).toEqual([]);
  }
  const classed = await resultsOf<[Trained]>('training.ts', {
    trainings: [{ ofRanks: [{}, { scale: 1 }] }],
    timeout: 20,
  });
  expect(classed[1]?.[0].error?.message).toMatch(
    /^rank 1 trains otherwise than rank 0: (parameters|classes)\[\d+\] is .*inner.* here and .* there$/,
  );
});

test('collectives of a listener, at the same step and at another', async () => {
  const at = (step: number): Training => ({ fault: { step, does: 'sum' } });
  const trainings: Training[] = [at(2), { ofRanks: [at(1), at(2)] }];
  const results = await resultsOf<[Trained, Trained]>('training.ts', { trainings, timeout: 20 });
  for (const [alike, otherwise] of results) {
    expect(alike.error).toBeUndefined();
    expect(otherwise.error).toEqual(
      refused(
        /rank 0 .* is in allReduce_ \(sum\) of Float \[1\], its collective \d+, rank 1 .* in .*: all processes must call/,
      ),
    );
  }
});

test('two trainings of a process at once', async () => {
  const trainings: Training[] = [{}, {}];
  const results = await resultsOf<[Trained, Trained]>('training.ts', { trainings, timeout: 20, areAtOnce: true });
  for (const [first, second] of results) {
    expect(first.error).toBeUndefined();
    expect(second.error).toEqual({ code: 'ERR_STATE', message: expect.stringMatching(/^the process group is in use/) });
  }
});

test('another sampler', async () => {
  const weighted: Training = { sampler: { name: 'weighted', weights: new Array(48).fill(1) } };
  const trainings: Training[] = [{ method: 'simclr', ofRanks: [{}, weighted] }];
  const results = await resultsOf<[Trained]>('training.ts', { trainings, timeout: 20 });
  const message = /^rank 1 trains otherwise than rank 0: sampler is \{"name":"weighted".*\} here and undefined there$/;
  expect(results[1]?.[0].error).toEqual({ code: 'ERR_DISTRIBUTED', message: expect.stringMatching(message) });
  expect(results[0]?.[0].error?.message).toMatch(/^rank 1 \(.*\) stopped: rank 1 trains otherwise/);
});
