import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { policyOperations, randAugment } from '../../lib/augment/rand-augment.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';
import { operationsOf, policyTables, unevenness } from './policies.ts';

describe('randAugment', () => {
  testParity('randAugment', { floats: 1e-5 });

  const tables = policyTables.magnitudes.filter(({ kind }) => kind === 'randAugment');
  test.each(tables)('draws the magnitudes of torchvision, $bins bins', ({ bins, height, width, signed, values }) => {
    for (let bin = 0; bin < bins; bin += 3) {
      const pipeline = augment([randAugment({ numOps: 8, magnitude: bin, numMagnitudeBins: bins })]);
      const seen = new Set<string>();
      for (let id = 0; id < 60; id++) {
        const [drawn] = pipeline.draw({ height, width, channels: 3 }, { seed: 1, id });
        for (const [op, magnitude] of operationsOf(drawn!)) {
          const expected = values[op]![bin]!;
          expect(Math.abs(magnitude)).toBeCloseTo(expected, 5);
          expect(Math.trunc(Math.abs(magnitude))).toBe(Math.trunc(expected));
          if (magnitude < 0) expect(signed[op]).toBe(true);
          seen.add(`${op} ${Math.sign(magnitude)}`);
        }
      }
      const expected = values.flatMap((row, op) => {
        if (row[bin] === 0) return [`${op} 0`];
        return signed[op] ? [`${op} 1`, `${op} -1`] : [`${op} 1`];
      });
      expect([...seen].map((x) => x.replace('-0', '0')).sort()).toEqual(expected.sort());
    }
  });

  test('draws all operations but invert equally often, and signs', () => {
    const pipeline = augment([randAugment()]);
    const counts = new Array<number>(14).fill(0);
    const signs = [0, 0];
    for (let id = 0; id < 20_000; id++) {
      const [drawn] = pipeline.draw({ height: 32, width: 32, channels: 3 }, { seed: 2, id });
      for (const [op, magnitude] of operationsOf(drawn!)) {
        counts[op]!++;
        if (op >= 1 && op <= 9) signs[magnitude < 0 ? 1 : 0]!++;
      }
    }
    expect(counts.reduce((a, b) => a + b)).toBe(40_000);
    expect(unevenness(counts)).toBeLessThan(34.5 / 13); // 13 degrees of freedom, 0.1 %
    expect(unevenness(signs)).toBeLessThan(10.8);
  });

  test('one operation is drawn as numbers, which replay takes back', async () => {
    const pipeline = augment([randAugment({ numOps: 1 })]);
    const image = formulaImage(16, 16, 3);
    const [drawn] = pipeline.draw(image, { seed: 3 });
    expect(policyOperations[drawn!.op as number]).toBeDefined();
    const once = await pipeline.replay(image, JSON.parse(JSON.stringify([drawn]))).data();
    expect(once).toEqual(await pipeline.replay(image, [drawn!]).data());
  });

  test('refuses bad options, images and numbers', () => {
    expectError(() => randAugment({ numOps: 0 }), 'ERR_OPTION', /randAugment: numOps must be an integer >= 1/);
    expectError(() => randAugment({ numOps: 17 }), 'ERR_OPTION', /numOps must be .*<= 16, got 17/);
    expectError(() => randAugment({ magnitude: 31 }), 'ERR_OPTION', /magnitude must be .*<= 30, got 31/);
    expectError(() => randAugment({ numMagnitudeBins: 1 }), 'ERR_OPTION', /numMagnitudeBins must be an integer >= 2/);
    expectError(() => randAugment({ fill: Number.NaN }), 'ERR_OPTION', /fill must be/);
    expectError(() => randAugment({ interpolation: 'cubic' as never }), 'ERR_OPTION', /interpolation must be one of/);
    const pipeline = augment([randAugment()]);
    const four = () => pipeline.outputShape({ height: 2, width: 2, channels: 4 });
    expectError(four, 'ERR_SHAPE', /randAugment needs an image of 1 or 3 channels, got 4/);
    const replay = (op: number[], magnitude: number[]) => () =>
      pipeline.replay(formulaImage(4, 4, 3), [{ kind: 'randAugment', applied: true, op, magnitude }]);
    expectError(replay([15, 0], [0, 0]), 'ERR_OPTION', /op must be an integer in \[0, 14\], got 15/);
    expectError(replay([0.5, 0], [0, 0]), 'ERR_OPTION', /op must be an integer in \[0, 14\], got 0.5/);
    expectError(replay([0], [0, 0]), 'ERR_OPTION', /expected 4 drawn numbers, got 3/);
    expectError(replay([6, 0], [-1.5, 0]), 'ERR_OPTION', /magnitude of op 6 must be >= -1, got -1.5/);
    expectError(replay([0, 10], [0, 9]), 'ERR_OPTION', /magnitude of op 10 must be in \[0, 8\] bits, got 9/);
    expectError(replay([11, 0], [1.1, 0]), 'ERR_OPTION', /magnitude of op 11 must be in \[0, 1\], got 1.1/);
    expectError(replay([1, 0], [Number.POSITIVE_INFINITY, 0]), 'ERR_OPTION', /must be finite/);
  });
});
