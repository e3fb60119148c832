import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { cutout, randomErasing } from '../../lib/augment/random-erasing.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

describe('randomErasing', () => {
  testParity('randomErasing', { floats: 1e-6 });

  test('noise is standard normal inside the rectangle and nowhere else', async () => {
    const pipeline = augment([randomErasing({ value: 'noise', p: 1, scale: [0.33, 0.33], ratio: [1, 1] })]);
    const image = { ...formulaImage(120, 120, 3), id: 4 };
    const [drawn] = pipeline.draw(image, { seed: 9, id: 4 });
    const { top, left, height, width } = drawn as unknown as Record<string, number>;
    const values = (await pipeline.apply([image], { seed: 9 }).data()) as Float32Array;
    const noise: number[] = [];
    for (let c = 0; c < 3; c++)
      for (let y = 0; y < 120; y++)
        for (let x = 0; x < 120; x++) {
          const value = values[(c * 120 + y) * 120 + x]!;
          if (y >= top! && y < top! + height! && x >= left! && x < left! + width!) noise.push(value);
          else expect(value).toBeCloseTo(image.pixels[(y * 120 + x) * 3 + c]! / 255, 6);
        }
    const mean = noise.reduce((a, b) => a + b) / noise.length;
    const variance = noise.reduce((a, b) => a + (b - mean) ** 2, 0) / noise.length;
    expect(noise.length).toBe(3 * height! * width!);
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(noise.length));
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / noise.length));
  });

  test('leaves an image of one pixel as it is', async () => {
    const image = { pixels: Uint8Array.of(255, 255, 255), height: 1, width: 1, channels: 3 };
    const samples = Array.from({ length: 20 }, (_, id) => ({ ...image, id }));
    const values = await augment([randomErasing({ p: 1 })])
      .apply(samples, { seed: 1 })
      .data();
    expect(values.every((x) => x === 1)).toBe(true);
  });

  test('cutout is square', () => {
    expect(cutout({ p: 1 })).toEqual(randomErasing({ p: 1, ratio: [1, 1] }));
    for (let id = 0; id < 50; id++) {
      const [drawn] = augment([cutout({ p: 1 })]).draw({ height: 32, width: 32, channels: 3 }, { seed: 1, id });
      expect(drawn!.height).toBe(drawn!.width);
    }
  });

  test('refuses bad options, images and numbers', () => {
    expectError(() => randomErasing({ scale: [0, 1.2] }), 'ERR_OPTION', /scale\[1\] must be .*<= 1/);
    expectError(() => randomErasing({ value: 'random' as never }), 'ERR_OPTION', /value must be one of 'noise'/);
    expectError(() => randomErasing({ value: [] }), 'ERR_OPTION', /value must be an array of 1 to 1024 numbers/);
    expectError(() => cutout({ ratio: [1, 1] } as never), 'ERR_OPTION', /cutout: unknown option 'ratio'/);
    const two = () => augment([randomErasing({ value: [0, 1] })]).outputShape({ height: 8, width: 8, channels: 3 });
    expectError(two, 'ERR_SHAPE', /2 values cannot take an image of 3 channels/);
    const pipeline = augment([randomErasing()]);
    const drawn = {
      kind: 'randomErasing',
      applied: true,
      top: 0,
      left: 0,
      height: 2,
      width: 2,
      noiseKey: [0, 2 ** 32],
    };
    const replay = () => pipeline.replay(formulaImage(4, 4, 3), [drawn as never]);
    expectError(replay, 'ERR_OPTION', /noiseKey must be two unsigned 32-bit integers/);
    const empty = { ...drawn, height: 2 ** 40, width: 0, noiseKey: [0, 0] };
    const outside = () => pipeline.replay(formulaImage(4, 4, 3), [empty as never]);
    expectError(outside, 'ERR_OPTION', /window of .* x 0 at \(0, 0\) must lie inside the image of 4 x 4/);
  });
});
