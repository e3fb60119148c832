import { describe, test } from 'vitest';
import { solarize } from '../../lib/augment/solarize.ts';
import { expectError } from './expect-error.ts';
import { testParity } from './parity.ts';

describe('solarize', () => {
  testParity('solarize', { floats: 1e-6 });

  test('refuses a threshold for bytes', () => {
    expectError(() => solarize({ threshold: 128 }), 'ERR_OPTION', /threshold must be .*<= 1, got 128/);
  });
});
