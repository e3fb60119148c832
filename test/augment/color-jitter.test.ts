import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { colorJitter } from '../../lib/augment/color-jitter.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';

describe('colorJitter', () => {
  for (const operation of ['brightness', 'contrast', 'saturation', 'hue'])
    testParity(`colorJitter ${operation}`, { floats: 1e-5, bytes: 1 });
  testParity('colorJitter', { floats: 1e-5 });

  test('strengths become ranges, as torchvision', () => {
    const ranges = colorJitter({ brightness: 0.4, contrast: 1.5, saturation: [0.5, 2], hue: 0.1 });
    expect(ranges).toEqual({
      kind: 'colorJitter',
      brightness: [0.6, 1.4],
      contrast: [0, 2.5],
      saturation: [0.5, 2],
      hue: [-0.1, 0.1],
      p: 1,
    });
  });

  test('all off changes nothing', async () => {
    const image = { ...formulaImage(6, 5, 3), id: 0 };
    const jittered = await augment([colorJitter()]).apply([image], { seed: 0 }).data();
    expect(jittered).toEqual(await augment([]).apply([image], { seed: 0 }).data());
  });

  test('every order of the four is drawn about equally often', () => {
    const pipeline = augment([colorJitter({ brightness: 0.1 })]);
    const counts = new Map<string, number>();
    const n = 24_000;
    for (let id = 0; id < n; id++) {
      const order = String(pipeline.draw({ height: 2, width: 2, channels: 3 }, { seed: 5, id })[0]!.order);
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - n / 24) ** 2 / (n / 24), 0);
    expect(chiSquared).toBeLessThan(49.7); // 23 degrees of freedom, 0.1 %
  });

  test('refuses bad options, bad images and bad numbers', () => {
    expectError(() => colorJitter({ hue: 0.6 }), 'ERR_OPTION', /hue must be .*<= 0.5, got 0.6/);
    expectError(() => colorJitter({ brightness: -1 }), 'ERR_OPTION', /brightness must be/);
    expectError(() => colorJitter({ contrast: [2, 1] }), 'ERR_OPTION', /min <= max/);
    expectError(() => colorJitter({ brightnes: 1 } as never), 'ERR_OPTION', /did you mean 'brightness'/);
    const pipeline = augment([colorJitter()]);
    const four = () => pipeline.outputShape({ height: 2, width: 2, channels: 4 });
    expectError(four, 'ERR_SHAPE', /colorJitter needs an image of 1 or 3 channels, got 4/);
    const [drawn] = pipeline.draw({ height: 2, width: 2, channels: 3 }, { seed: 1 });
    const replay = (change: object) => () => pipeline.replay(formulaImage(2, 2, 3), [{ ...drawn!, ...change }]);
    expectError(replay({ order: [0, 1, 2, 2] }), 'ERR_OPTION', /order must be a permutation/);
    expectError(replay({ order: [0, 1, 2] }), 'ERR_OPTION', /expected 8 drawn numbers, got 7/);
    expectError(replay({ hue: 1 }), 'ERR_OPTION', /hue in \[-0.5, 0.5\]/);
    expectError(replay({ contrast: Number.NaN }), 'ERR_OPTION', /must be finite/);
    expectError(replay({ contrast: 'much' }), 'ERR_OPTION', /contrast must be a number/);
  });
});
