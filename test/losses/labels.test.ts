import { expect, test } from 'vitest';
import { isSingleClass } from '../../lib/losses/labels.ts';

test('isSingleClass', () => {
  expect(isSingleClass([])).toBe(false);
  expect(isSingleClass([4])).toBe(true);
  expect(isSingleClass([4, 4, 4])).toBe(true);
  expect(isSingleClass([4, 4, 5])).toBe(false);
  expect(isSingleClass(Int32Array.of(1, 1))).toBe(true);
  expect(isSingleClass(BigInt64Array.of(1n, 2n))).toBe(false);
});
