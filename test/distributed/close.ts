import { expect } from 'vitest';
import type { Numbers } from './formulas.ts';

/** Of what formulas.ts computes: the largest difference, by the largest number or 1, is below `tolerance`. */
export function expectClose(numbers: Numbers, expected: Numbers, tolerance: number): void {
  expect(Object.keys(numbers)).toEqual(Object.keys(expected));
  for (const [name, values] of Object.entries(expected)) {
    if (values === null) expect(numbers[name], name).toBeNull();
    else {
      const [a, b] = [[numbers[name]].flat(), [values].flat()] as [number[], number[]];
      expect(a.length, name).toBe(b.length);
      expect(b.some((value) => value !== 0) || name === 'status', `${name} is not of zeros`).toBe(true);
      const most = (all: number[]): number => all.reduce((x, y) => Math.max(x, Math.abs(y)), 0);
      const apart = most(b.map((value, i) => value - (a[i] as number)));
      expect(apart / Math.max(1, most(b)), name).toBeLessThan(tolerance);
    }
  }
}
