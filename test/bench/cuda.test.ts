/** What the benchmark of a GPU makes of its figures. */
import { describe, expect, it } from 'vitest';
import { isCompiled, rowsOf } from '../../bench/cuda/jobs.ts';
import { linesOf, pairsOf, sharesOf, tableOf } from '../../bench/cuda/table.ts';
import { nextOf, turnsOf } from '../../bench/cuda/turns.ts';

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

  it('has a line for the whole and one for the bare model; what was not measured says why', () => {
    expect(
      tableOf([
        { row, rounds },
        { row, rounds: rounds.slice(1) },
        { row, rounds: [] },
        { row, rounds: [{}] },
      ])
        .split('\n')
        .slice(2),
    ).toEqual([
      '| SimCLR | images/s | 140 |  | 108 | 100 | workers: 10.00 | 1.25x (min 1.20, max 1.30) |',
      '| the bare model of SimCLR | images/s | 140 |  | 120 |  |  | 1.17x (min 1.17, max 1.17) |',
      '| SimCLR | images/s | 150 |  | 125 | not available: no compiler |  | 1.20x (min 1.20, max 1.20) |',
      '| the bare model of SimCLR | images/s | 140 |  | 120 |  |  | 1.17x (min 1.17, max 1.17) |',
      '| SimCLR | images/s | no time left |  |  |  |  |  |',
      '| SimCLR | images/s | no time left |  |  |  |  |  |',
    ]);
  });

  it('has a line for memory, of which less is better', () => {
    const figures = { ours: 2, eager: 'out of memory', 'memory, ours': 1.5, 'memory, eager': 'out of memory' };
    expect(
      tableOf([{ row, rounds: [figures] }])
        .split('\n')
        .slice(2),
    ).toEqual([
      '| SimCLR | images/s | 2.00 |  | out of memory |  |  |  |',
      '| memory of SimCLR | GB | 1.50 |  | out of memory |  |  |  |',
    ]);
  });

  it('shows our graphs beside the rest, and holds the peer against ours without them', () => {
    const figures = { ours: 2, 'ours, graphs': 3, eager: 1 };
    expect(linesOf({ row, rounds: [figures] })).toBe(
      '| SimCLR | images/s | 2.00 | 3.00 | 1.00 |  |  | 2.00x (min 2.00, max 2.00) |',
    );
  });

  it('tells the share of the bare model, which may be that of another row; of one side where the other has none', () => {
    const files = { row: { ...row, title: 'JPEG', bareOf: 'SimCLR' }, rounds: [{ ours: 70, workers: 12 }] };
    expect(sharesOf([files, { row, rounds }])).toEqual([
      "JPEG, of the bare model: ours 0.50, PyTorch 0.10, ours of PyTorch's 0.58",
      "SimCLR, of the bare model: ours 1.00, PyTorch 0.94, ours of PyTorch's 1.17",
    ]);
    expect(sharesOf([{ row, rounds: [{ ours: 1, 'bare, ours': 2 }] }])).toEqual([
      'SimCLR, of the bare model: ours 0.50',
    ]);
    expect(sharesOf([{ row, rounds: [{ ours: 1, eager: 2 }] }])).toEqual([]);
  });
});

describe('turns', () => {
  const rows = rowsOf(false, 'files');
  const turns = turnsOf(rows);

  it('are of all rows before the second ones; a loss with its memory has one', () => {
    expect(turns.slice(0, rows.length)).toEqual(rows.map((each) => ({ row: each, round: 0 })));
    expect(turns.slice(rows.length).map((each) => each.row.title)).toEqual(
      rows.map(({ title }) => title).filter((title) => !title.includes('131072')),
    );
  });

  it('wait for a peer that compiles until it is late', () => {
    expect(nextOf(turns, [], false)).toBe(turns[0]);
    expect(nextOf(turns, ['train 32', 'loss'], false)).toBe(turns[2]);
    expect(nextOf(turns, ['train 32', 'loss'], true)).toBe(turns[0]);
    expect(
      nextOf(
        turns,
        rows.map(({ peer }) => peer),
        false,
      ),
    ).toBeUndefined();
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
