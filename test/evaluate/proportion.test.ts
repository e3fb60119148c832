import { describe, expect, it } from 'vitest';
import { chanceShare, sharesDiffer, wilsonInterval } from '../../lib/evaluate/proportion.ts';

/** Binomial probabilities of `right` among `count`, at p. */
function binomial(count: number, p: number): number[] {
  const row = [(1 - p) ** count];
  for (let k = 1; k <= count; k++) row.push(((row[k - 1] as number) * (count - k + 1) * p) / (k * (1 - p)));
  return row;
}

describe('wilsonInterval', () => {
  // Brown, Cai & DasGupta 2001, Statistical Science 16: the interval solves |p̂ − p| = z √(p(1 − p)/n) for p.
  it.each([
    [0, 10],
    [0.3, 10],
    [0.5, 60],
    [0.873, 2000],
    [1, 7],
  ])('of %d of %d ends where the score test does', (share, count) => {
    const bounds = wilsonInterval(share, count);
    for (const bound of bounds) {
      const deviation = Math.sqrt((bound * (1 - bound)) / count);
      const isAtEdge = bound < 1e-12 || bound > 1 - 1e-12;
      if (!isAtEdge) expect(Math.abs(share - bound) / deviation).toBeCloseTo(1.959964, 6);
    }
    expect(bounds[0]).toBeLessThanOrEqual(share + 1e-12);
    expect(bounds[1]).toBeGreaterThanOrEqual(share - 1e-12);
  });

  it('covers the truth about 95 times in 100', () => {
    const [count, p] = [60, 0.8];
    const covered = binomial(count, p).reduce((sum, probability, right) => {
      const [low, high] = wilsonInterval(right / count, count);
      return sum + (low <= p && p <= high ? probability : 0);
    }, 0);
    expect(covered).toBeGreaterThan(0.93);
    expect(covered).toBeLessThan(0.97);
  });
});

describe('sharesDiffer', () => {
  it('needs 1.96 deviations of the difference', () => {
    // pooled 0.55, deviation √(2 · 0.55 · 0.45 / 200) = 0.04975: 0.0975 on both sides
    expect(sharesDiffer(0.5, 0.597, 200)).toBe(false);
    expect(sharesDiffer(0.5, 0.598, 200)).toBe(true);
    expect(sharesDiffer(0.598, 0.5, 200)).toBe(true);
  });

  it('asks more of the best of several', () => {
    // 0.005 on each side: 2.5758 deviations of √(2 · 0.564 · 0.436 / 200) = 0.04959
    expect(sharesDiffer(0.627, 0.5, 200, 5)).toBe(false);
    expect(sharesDiffer(0.628, 0.5, 200, 5)).toBe(true);
    // 0.000025 on each side: 4.0556 deviations
    expect([0.698, 0.7].map((share) => sharesDiffer(share, 0.5, 200, 1000))).toEqual([false, true]);
  });

  it('says no of equal shares, and of all or none', () => {
    expect(sharesDiffer(0.5, 0.5, 10)).toBe(false);
    expect(sharesDiffer(1, 1, 10)).toBe(false);
    expect(sharesDiffer(0, 1, 10)).toBe(true);
  });
});

it('chanceShare is that of the class which most training images have', () => {
  expect(chanceShare([2, 2, 2, 0, 1], [0, 1, 2, 2])).toBe(0.5);
  expect(chanceShare([1, 1], [0, 0])).toBe(0);
});
