import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { randomVerticalFlip } from '../../lib/augment/random-vertical-flip.ts';
import { expectError } from './expect-error.ts';
import { testParity } from './parity.ts';

describe('randomVerticalFlip', () => {
  testParity('randomVerticalFlip', { floats: 1e-6, bytes: 0 });

  test('twice is nothing, before and after pixels are read', async () => {
    const pixels = Uint8Array.from({ length: 4 * 5 * 3 }, (_, i) => i);
    const image = { pixels, height: 4, width: 5, channels: 3, id: 0 };
    const flip = randomVerticalFlip({ p: 1 });
    const once = (await augment([flip]).apply([image], { seed: 0 }).data()) as Float32Array;
    const twice = (await augment([flip, flip]).apply([image], { seed: 0 }).data()) as Float32Array;
    const plain = (await augment([]).apply([image], { seed: 0 }).data()) as Float32Array;
    expect(twice).toEqual(plain);
    expect(once).not.toEqual(plain);
  });

  test('is drawn with probability p', () => {
    const pipeline = augment([randomVerticalFlip({ p: 0.3 })]);
    let flips = 0;
    for (let id = 0; id < 10_000; id++)
      if (pipeline.draw({ height: 2, width: 2, channels: 1 }, { seed: 3, id })[0]!.applied) flips++;
    expect(Math.abs(flips / 10_000 - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / 10_000));
  });

  test('refuses bad options', () => {
    expectError(() => randomVerticalFlip({ p: -0.1 }), 'ERR_OPTION', /randomVerticalFlip: p must be/);
    expectError(() => randomVerticalFlip(0.5 as never), 'ERR_OPTION', /options must be a plain object/);
  });
});
