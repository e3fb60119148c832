import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { randomPerspective } from '../../lib/augment/random-perspective.ts';
import { expectError } from './expect-error.ts';
import { testParity } from './parity.ts';

describe('randomPerspective', () => {
  testParity('randomPerspective', { floats: 2e-4, bytes: 1 });

  test('an image one pixel wide has no mapping and stays', () => {
    const [drawn] = augment([randomPerspective({ p: 1 })]).draw({ height: 9, width: 1, channels: 3 }, { seed: 2 });
    expect(drawn).toEqual({ kind: 'randomPerspective', applied: false });
  });

  test('refuses a distortion above 1', () => {
    expectError(() => randomPerspective({ distortionScale: 1.1 }), 'ERR_OPTION', /distortionScale must be/);
  });
});
