import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { equalize } from '../../lib/augment/equalize.ts';
import { gaussianNoise } from '../../lib/augment/gaussian-noise.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

describe('equalize', () => {
  testParity('equalize', { floats: 1e-6, bytes: 0 });

  test('values outside [0, 1] count as the nearer end', async () => {
    const image = { ...formulaImage(40, 40, 3), id: 0 };
    const wild = augment([gaussianNoise({ sigma: 1e30, clip: false }), equalize()]);
    const values = (await wild.apply([image], { seed: 0 }).data()) as Float32Array;
    expect([...new Set(values)]).toEqual(expect.arrayContaining([0, 1]));
    expect(values.every((x) => x === 0 || x === 1)).toBe(true);
  });

  test('refuses bad options', () => {
    expectError(() => equalize({ p: -1 }), 'ERR_OPTION', /equalize: p must be/);
    expectError(() => equalize({ bins: 8 } as never), 'ERR_OPTION', /unknown option 'bins'/);
  });
});
