import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { gaussianNoise } from '../../lib/augment/gaussian-noise.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

describe('gaussianNoise', () => {
  testParity('gaussianNoise', { floats: 2e-6 });

  test('is normal: moments, tails, neighbours, channels', async () => {
    const pixels = new Uint8Array(200 * 200 * 3);
    const pipeline = augment([gaussianNoise({ mean: 0.25, sigma: 0.5, clip: false })]);
    const values = (await pipeline
      .apply([{ pixels, height: 200, width: 200, channels: 3, id: 9 }], { seed: 5 })
      .data()) as Float32Array;
    const n = values.length;
    const z = Float64Array.from(values, (x) => (x - 0.25) / 0.5);
    const mean = (f: (x: number, i: number) => number) => z.reduce((sum, x, i) => sum + f(x, i), 0) / n;
    // Five standard deviations of each mean: Var z = 1, Var z² = 2, Var z³ = 15, Var z⁴ = 96.
    expect(Math.abs(mean((x) => x))).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(mean((x) => x * x) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(mean((x) => x ** 3))).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(mean((x) => x ** 4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
    for (const lag of [1, 2, 64, 128, 200, 256, 40_000])
      expect(Math.abs(mean((x, i) => (i >= lag ? x * z[i - lag]! : 0)))).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(mean((x) => (Math.abs(x) > 3 ? 1 : 0)) - 0.0027)).toBeLessThan(5 * Math.sqrt(0.0027 / n));
  });

  test('is a function of the drawn key', async () => {
    const image = formulaImage(9, 9, 3);
    const pipeline = augment([gaussianNoise()]);
    const noise = async (...noiseKey: number[]) =>
      await pipeline.replay(image, [{ kind: 'gaussianNoise', applied: true, noiseKey }]).data();
    expect(await noise(1, 2)).toEqual(await noise(1, 2));
    expect(await noise(1, 2)).not.toEqual(await noise(2, 1));
  });

  test('refuses bad options and keys', () => {
    expectError(() => gaussianNoise({ sigma: -1 }), 'ERR_OPTION', /gaussianNoise: sigma must be a finite number >= 0/);
    expectError(() => gaussianNoise({ mean: Number.NaN }), 'ERR_OPTION', /mean must be a finite number/);
    expectError(() => gaussianNoise({ clip: 1 as never }), 'ERR_OPTION', /clip must be true or false, got 1/);
    const replay = (noiseKey: unknown) => () =>
      augment([gaussianNoise()]).replay(formulaImage(2, 2, 3), [
        { kind: 'gaussianNoise', applied: true, noiseKey } as never,
      ]);
    expectError(replay([0.5, 1]), 'ERR_OPTION', /noiseKey must be two unsigned 32-bit integers/);
    expectError(replay([0, -1]), 'ERR_OPTION', /noiseKey must be two unsigned 32-bit integers/);
    expectError(replay([1]), 'ERR_OPTION', /expected 2 drawn numbers, got 1/);
  });
});
