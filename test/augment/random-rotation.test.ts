import { describe, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { randomRotation } from '../../lib/augment/random-rotation.ts';
import { expectError } from './expect-error.ts';
import { testParity } from './parity.ts';

describe('randomRotation', () => {
  testParity('randomRotation', { floats: 1e-4, bytes: 1 });

  test('refuses bad options and numbers', () => {
    expectError(() => randomRotation(-5), 'ERR_OPTION', /degrees must be a finite number >= 0/);
    expectError(() => randomRotation([10, -10]), 'ERR_OPTION', /min <= max/);
    expectError(
      () => randomRotation(5, { interpolation: 'bicubic' as never }),
      'ERR_OPTION',
      /one of 'nearest', 'bilinear'/,
    );
    expectError(() => randomRotation(5, { fill: Number.NaN }), 'ERR_OPTION', /fill must be/);
    const drawn = { kind: 'randomRotation', applied: true } as const;
    const image = { pixels: new Uint8Array(3), height: 1, width: 1, channels: 3 };
    expectError(() => augment([randomRotation(5)]).replay(image, [drawn]), 'ERR_OPTION', /angle must be a number/);
  });
});
