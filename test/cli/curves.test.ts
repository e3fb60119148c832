import { describe, expect, it } from 'vitest';
import { curvesOf, figureNames, figureText, stepsPerEpochOf } from '../../lib/cli/curves.ts';

const step = (n: number, epoch: number) => ({
  ...{ kind: 'step', step: n, epoch, loss: n / 10, learningRate: 0.1, secondsLeft: 5 },
  metrics: { top1: 0.5, validAnchors: n === 1 ? null : 8 },
});
const records = [
  { kind: 'monitor', step: 0, epoch: 0, metrics: { knnTop1: 0.2, chanceTop1: 0.1, testImages: 50 } },
  ...[step(1, 0), step(2, 0)],
  { kind: 'epoch', step: 2, epoch: 0, loss: 0.15, metrics: { knnTop1: 0.4, rankMe: 3 } },
  ...[step(3, 1), step(4, 1)],
  { kind: 'epoch', step: 4, epoch: 1, loss: 0.35, metrics: { rankMe: 4 } },
];

describe('curvesOf', () => {
  it('places each figure in epochs, and leaves out what is none', () => {
    const curves = curvesOf(records);
    expect(curves.loss).toEqual({ epochs: [0.5, 1, 1.5, 2], values: [0.1, 0.2, 0.3, 0.4] });
    expect(curves.knnTop1).toEqual({ epochs: [0, 1], values: [0.2, 0.4] });
    expect(curves.rankMe).toEqual({ epochs: [1, 2], values: [3, 4] });
    expect(curves.validAnchors?.epochs).toEqual([1, 1.5, 2]);
    expect(Object.keys(curves).sort()).toEqual(['knnTop1', 'learningRate', 'loss', 'rankMe', 'top1', 'validAnchors']);
  });

  it('knows the steps of an epoch before one has ended', () => {
    expect(stepsPerEpochOf(records)).toBe(2);
    expect(stepsPerEpochOf(records.slice(0, 2))).toBe(1);
    expect(stepsPerEpochOf([])).toBeUndefined();
    expect(curvesOf([])).toEqual({});
  });
});

it('figures have an order and a text; those of other monitors their name', () => {
  expect(figureNames([curvesOf(records), { mine: { epochs: [1], values: [1] } }])).toEqual([
    ...['loss', 'knnTop1', 'top1', 'rankMe', 'learningRate', 'validAnchors', 'mine'],
  ]);
  expect(figureText('mine')).toMatchObject({ title: 'mine', axis: 'mine' });
});
