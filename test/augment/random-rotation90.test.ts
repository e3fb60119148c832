import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { randomRotation90 } from '../../lib/augment/random-rotation90.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

describe('randomRotation90', () => {
  testParity('randomRotation90', { floats: 1e-6, bytes: 0 });

  test('draws all turns of a square equally often, and half turns of what is no square', () => {
    const pipeline = augment([randomRotation90()]);
    const n = 40_000;
    const count = (height: number, width: number): number[] => {
      const counts = [0, 0, 0, 0];
      for (let id = 0; id < n; id++) {
        const [drawn] = pipeline.draw({ height, width, channels: 3 }, { seed: 3, id });
        counts[drawn!.turns as number]!++;
      }
      return counts;
    };
    // Four standard deviations of a binomial.
    for (const c of count(8, 8)) expect(Math.abs(c - n / 4)).toBeLessThan(4 * Math.sqrt((n * 3) / 16));
    const [none, one, two, three] = count(8, 9);
    expect([one, three]).toEqual([0, 0]);
    expect(Math.abs(none! - n / 2)).toBeLessThan(4 * Math.sqrt(n / 4));
    expect(none! + two!).toBe(n);
  });

  test('refuses bad options and turns', () => {
    expectError(() => randomRotation90({ turns: 1 } as never), 'ERR_OPTION', /unknown option 'turns'/);
    const replay = (turns: number, width: number) => () =>
      augment([randomRotation90()]).replay(formulaImage(4, width, 3), [
        { kind: 'randomRotation90', applied: true, turns },
      ]);
    expectError(replay(4, 4), 'ERR_OPTION', /turns must be 0, 1, 2 or 3, got 4/);
    expectError(replay(0.5, 4), 'ERR_OPTION', /turns must be 0, 1, 2 or 3/);
    expectError(replay(1, 5), 'ERR_OPTION', /turns must be 0 or 2 for an image of 4 x 5, got 1/);
  });
});
