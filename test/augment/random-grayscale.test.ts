import { describe, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { randomGrayscale } from '../../lib/augment/random-grayscale.ts';
import { expectError } from './expect-error.ts';
import { testParity } from './parity.ts';

describe('randomGrayscale', () => {
  testParity('randomGrayscale', { floats: 1e-6, bytes: 1 });

  test('refuses two channels and bad options', () => {
    const two = () => augment([randomGrayscale()]).outputShape({ height: 2, width: 2, channels: 2 });
    expectError(two, 'ERR_SHAPE', /randomGrayscale needs an image of 1 or 3 channels, got 2/);
    expectError(() => randomGrayscale({ p: Number.NaN }), 'ERR_OPTION', /p must be/);
  });
});
