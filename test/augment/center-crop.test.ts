import { describe, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { centerCrop } from '../../lib/augment/center-crop.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

describe('centerCrop', () => {
  testParity('centerCrop', { floats: 1e-6, bytes: 0 });

  test('refuses an image smaller than the window, and a size of 0', () => {
    const apply = () => augment([centerCrop(6)]).apply([{ ...formulaImage(5, 9, 3), id: 0 }], { seed: 0 });
    expectError(apply, 'ERR_SHAPE', /centerCrop of 6 x 6 is larger than the image of 5 x 9/);
    expectError(() => centerCrop(0), 'ERR_OPTION', /centerCrop: size must be an integer >= 1/);
  });
});
