/** Collectives, the backward pass and batch normalisation of two processes, against plain loops and one process. */
import { beforeAll, describe, expect, test } from 'vitest';
import { expectClose } from './close.ts';
import { batchNorm, contrastiveGradients, joined, type Numbers, normCases, numberOf } from './formulas.ts';
import { resultsOf } from './processes.ts';

interface Results {
  readonly before: Readonly<Record<string, string>>;
  readonly ofDtypes: Readonly<Record<string, Readonly<Record<'sum' | 'gathered' | 'ofRank1', number[]>>>>;
  readonly errors: Readonly<Record<string, string>>;
  readonly fromRankZero: unknown;
  readonly reduced: Numbers;
  readonly reduce: Numbers;
  readonly norms: readonly Numbers[];
  readonly [name: string]: unknown;
}

const ranks = [0, 1];
let results: Results[];
beforeAll(async () => {
  results = await resultsOf('operations.ts', {});
});

/** The same in both. */
const inBoth = (name: string): unknown => {
  const [first, second] = results as [Results, Results];
  expect(second[name]).toEqual(first[name]);
  return first[name];
};

/** (3, 4) of a rank. */
const ownOf = (rank: number): number[] => Array.from({ length: 12 }, (_, i) => numberOf(rank, i));
const both = (combine: (a: number, b: number) => number): number[] =>
  ownOf(0).map((value, i) => combine(value, ownOf(1)[i] as number));
const transposed = (rank: number): number[] =>
  Array.from({ length: 12 }, (_, i) => ownOf(rank)[(i % 3) * 4 + Math.floor(i / 3)] as number);

describe('collectives', () => {
  test('sums, rows of all ranks and those of one, of every dtype', () => {
    const ofDtypes = inBoth('ofDtypes') as Results['ofDtypes'];
    expect(Object.keys(ofDtypes).length).toBe(7);
    for (const [dtype, { sum, gathered, ofRank1 }] of Object.entries(ofDtypes)) {
      const as = (value: number): number => (dtype.includes('float') ? value : value * 2 + 5);
      expect(sum, dtype).toEqual(ownOf(0).map((value, i) => as(value) + as(ownOf(1)[i] as number)));
      expect(gathered, dtype).toEqual(ranks.flatMap(ownOf).map(as));
      expect(ofRank1, dtype).toEqual(ownOf(1).map(as));
    }
  });

  test('mean, minimum, and the maximum of a part that is not contiguous', () => {
    expect(inBoth('mean')).toEqual(both((a, b) => (a + b) / 2));
    expect(inBoth('min')).toEqual(both(Math.min));
    const most = both(Math.max);
    for (const [rank, { partly }] of results.entries())
      expect(partly).toEqual(ownOf(rank).map((value, i) => ([1, 2].includes(Math.floor(i % 4)) ? most[i] : value)));
  });

  test('rows that are not contiguous, and none', () => {
    expect(inBoth('transposed')).toEqual(ranks.flatMap(transposed));
    const sum = transposed(0).map((value, i) => value + (transposed(1)[i] as number));
    for (const [rank, { scattered }] of results.entries()) expect(scattered).toEqual(sum.slice(rank * 6, rank * 6 + 6));
    expect(inBoth('empty')).toEqual([]);
    expect(inBoth('emptySum')).toEqual([]);
  });

  test('the gradient of gathered rows is the sum over what every rank makes of them', () => {
    expect(inBoth('isTracked')).toBe(true);
    expect(results.map(({ gatheredGradient }) => gatheredGradient)).toEqual([
      [3, 30],
      [300, 3000],
    ]);
  });

  test('plain data from rank 0', () => expect(inBoth('fromRankZero')).toEqual({ from: 0, list: ['1n', { 0: 0.5 }] }));

  test('an error of rank 0 is one in all, which go on', () => {
    const [first, second] = results.map(({ fromNobody }) => fromNobody);
    expect(first).toEqual([
      'ERR_DISTRIBUTED',
      'ERR_ABORTED',
      expect.stringMatching(/DataCloneError|could not be cloned/),
    ]);
    expect(second).toEqual(['ERR_DISTRIBUTED', 'ERR_ABORTED', 'ERR_DISTRIBUTED']);
  });

  test('errors', () => {
    expect(inBoth('before')).toEqual({ barrier: 'none', allReduce: 'ERR_STATE' });
    expect(inBoth('errors')).toEqual({
      tracked: 'ERR_AUTOGRAD',
      trackedBroadcast: 'ERR_AUTOGRAD',
      trackedScatter: 'ERR_AUTOGRAD',
      op: 'ERR_OPTION',
      meanOfIntegers: 'ERR_DTYPE',
      source: 'ERR_OPTION',
      scalar: 'ERR_SHAPE',
      unevenRows: 'ERR_SHAPE',
      dtype: 'ERR_DTYPE',
      twice: 'ERR_STATE',
    });
  });
});

describe('the backward pass of a loss of all rows', () => {
  test.each(['reduced', 'reduce'] as const)('in every parameter, in float64 (%s)', async (name) => {
    expectClose(inBoth(name) as Numbers, await contrastiveGradients([0, 6], false, 'plain'), 1e-10);
  });
});

describe('batch normalisation over all ranks', () => {
  test.each(normCases.map((norm, place) => [JSON.stringify(norm), norm, place] as const))(
    '%s',
    async (_, norm, place) => {
      const [first, second] = results.map(({ norms }) => norms[place] as Record<string, number[]>) as [
        Record<string, number[]>,
        Record<string, number[]>,
      ];
      for (const name of ['runningMean', 'runningVar']) expect(second[name], name).toEqual(first[name]);
      expectClose(joined(first, second), await batchNorm([0, 9], false, norm), norm.dtype === 'float64' ? 1e-10 : 1e-5);
    },
  );
});
