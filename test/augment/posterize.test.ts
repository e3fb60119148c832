import { describe, test } from 'vitest';
import { posterize } from '../../lib/augment/posterize.ts';
import { expectError } from './expect-error.ts';
import { testParity } from './parity.ts';

describe('posterize', () => {
  testParity('posterize', { floats: 1e-6, bytes: 1 });

  test('refuses bits that are no integer in [0, 8]', () => {
    expectError(() => posterize(9), 'ERR_OPTION', /posterize: bits must be an integer >= 0 and <= 8, got 9/);
    expectError(() => posterize(2.5), 'ERR_OPTION', /bits must be an integer/);
    expectError(() => posterize(Number.NaN), 'ERR_OPTION', /bits must be/);
    expectError(() => posterize(4, { q: 1 } as never), 'ERR_OPTION', /unknown option 'q'/);
  });
});
