/** Evaluations that several processes share are those of one. */
import { describe, expect, test } from 'vitest';
import { resultsOf } from './processes.ts';
import { type Trained, type Training, train } from './tiny-training.ts';

interface Evaluated {
  readonly results: Readonly<Record<string, Readonly<Record<'together' | 'alone', unknown>>>>;
  readonly errors: readonly { readonly code: string; readonly message: string }[];
}

interface Features {
  readonly features: Readonly<Record<string, number>>;
  readonly labels?: readonly number[];
}

describe.each([2, 3])('%d processes', (worldSize) => {
  test('evaluate as one does', async () => {
    const all = await resultsOf<Evaluated>('evaluation.ts', {}, { worldSize });
    const [{ results: first }] = all as [Evaluated];
    expect(Object.keys(first).length).toBe(7);
    for (const { results, errors } of all) {
      expect(results).toEqual(first);
      for (const [name, { together, alone }] of Object.entries(results)) {
        if (!name.startsWith('features')) expect(together, name).toEqual(alone);
        else {
          // Of batches of another size: a sum may go in another order.
          const [ours, expected] = [together, alone] as [Features, Features];
          expect(ours.labels, name).toEqual(expected.labels);
          expect(ours.features.length, name).toBe(expected.features.length);
          for (const [i, value] of Object.entries(ours.features))
            expect(value, name).toBeCloseTo(expected.features[i] as number, 5);
        }
      }
      expect(errors.map(({ code }) => code)[3]).toMatch(/ERR_OPTION|ERR_DISTRIBUTED/);
    }
    const last = worldSize - 1;
    const codes = all.map(({ errors }) => errors.map(({ code }) => code));
    const others = ['ERR_DISTRIBUTED', 'ERR_ABORTED', 'ERR_ABORTED'];
    expect(codes.map((each) => each.slice(0, 3))).toEqual(
      codes.map((_, rank) => (rank === last ? ['ERR_DATA', 'ERR_ABORTED', 'ERR_ABORTED'] : others)),
    );
    expect(all[0]?.errors[0]?.message).toMatch(
      new RegExp(`^rank ${last} failed: .*: sample 24: the disk is scratched$`),
    );
    expect(all[last]?.errors[3]?.message).toMatch(/k must be from 1 to the 40 rows of the bank, got 41/);
  });
});

const metricsOf = ({ events }: Trained) =>
  events.flatMap((event) => (event.kind === 'monitor' || event.kind === 'epoch' ? [event.metrics] : []));

test('monitors of a training say in three processes what they say in one', async () => {
  const watched: Training = { isDouble: true, isWatched: true, epochs: 2, batchSize: 12 };
  const ofOwnRows: Training = { ...watched, epochs: 1, microBatch: 6, syncBatchNorm: false, gather: false, ema: {} };
  const all = await resultsOf<Trained[]>('training.ts', { trainings: [watched, ofOwnRows] }, { worldSize: 3 });
  const expected = metricsOf(await train(watched));
  expect(expected.map((figures) => Object.keys(figures).length)).toEqual([6, 8, 6, 8]);
  for (const [whole, own] of all as [Trained, Trained][]) {
    expect([whole.error, own.error]).toEqual([undefined, undefined]);
    expect(metricsOf(whole).length).toBe(4);
    for (const [i, figures] of metricsOf(whole).entries()) {
      expect(Object.keys(figures)).toEqual(Object.keys(expected[i] ?? {}));
      for (const [name, value] of Object.entries(figures))
        expect(value, name).toBeCloseTo(expected[i]?.[name] as number, 6);
    }
    const [, ofEpoch] = metricsOf(own);
    expect(Object.keys(ofEpoch ?? {})).toEqual(Object.keys(expected[1] ?? {}));
    expect(ofEpoch?.apart).toBeLessThan(1e-5); // running statistics are rank 0's when an epoch has ended
  }
});
