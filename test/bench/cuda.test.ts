/** What the benchmark of a GPU makes of its figures. */
import { describe, expect, it } from 'vitest';
import { isCompiled, rowsOf } from '../../bench/cuda/jobs.ts';
import { pairsOf, sharesOf, tableOf } from '../../bench/cuda/table.ts';

const row = { title: 'SimCLR', unit: 'images/s' };
const rounds = [
  { ours: 130, eager: 90, compile: 100, workers: 10, 'bare, ours': 140, 'bare, eager': 120 },
  { ours: 150, eager: 125, compile: 'not available: no compiler', 'bare, ours': 140, 'bare, eager': 120 },
];

describe('the table of a GPU', () => {
  it('holds ours against the best of the peer, round by round', () => {
    expect(pairsOf(rounds, 'whole')).toEqual({ ours: [130, 150], best: [100, 125] });
    expect(
      pairsOf(
        [
          { ours: 'out of memory', eager: 1 },
          { ours: 1, eager: 'out of memory' },
        ],
        'whole',
      ).ours,
    ).toEqual([]);
  });

  it('has a line for the whole and one for the bare step; what was not measured says why', () => {
    expect(
      tableOf([
        { row, rounds },
        { row, rounds: rounds.slice(1) },
        { row, rounds: [] },
      ])
        .split('\n')
        .slice(2),
    ).toEqual([
      '| SimCLR | images/s | 140 | 108 | 100 | workers: 10.00 | 1.25x (min 1.20, max 1.30) |',
      '| the bare step of SimCLR | images/s | 140 | 120 |  |  | 1.17x (min 1.17, max 1.17) |',
      '| SimCLR | images/s | 150 | 125 | not available: no compiler |  | 1.20x (min 1.20, max 1.20) |',
      '| the bare step of SimCLR | images/s | 140 | 120 |  |  | 1.17x (min 1.17, max 1.17) |',
      '| SimCLR | images/s | no time left |  |  |  |  |',
    ]);
  });

  it('has a line for memory, of which less is better', () => {
    const figures = { ours: 2, eager: 'out of memory', 'memory, ours': 1.5, 'memory, eager': 'out of memory' };
    expect(
      tableOf([{ row, rounds: [figures] }])
        .split('\n')
        .slice(2),
    ).toEqual([
      '| SimCLR | images/s | 2.00 | out of memory |  |  |  |',
      '| memory of SimCLR | GB | 1.50 | out of memory |  |  |  |',
    ]);
  });

  it('tells the share of the bare step', () => {
    expect(sharesOf([{ row, rounds }])).toEqual([
      "SimCLR: of the bare step, ours 1.00, PyTorch 0.94; ours of PyTorch's bare step 1.17",
    ]);
    expect(sharesOf([{ row, rounds: [{ ours: 1, eager: 2 }] }])).toEqual([]);
  });
});

it.each([false, true])('has each peer compile beforehand what its rows need (quick: %s)', (isQuick) => {
  const rows = rowsOf(isQuick, 'files');
  expect(rows.filter((each) => !isCompiled(each)).map(({ title }) => title)).toEqual([
    expect.stringContaining(isQuick ? '256 × 128' : '131072 × 128'),
    expect.stringContaining('JPEG'),
  ]);
  for (const { peer } of rows) expect(rows.filter((each) => each.peer === peer).some(isCompiled)).toBe(true);
});
