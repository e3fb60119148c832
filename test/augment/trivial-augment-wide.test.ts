import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { trivialAugmentWide } from '../../lib/augment/trivial-augment-wide.ts';
import { expectError } from './expect-error.ts';
import { testParity } from './parity.ts';
import { operationsOf, policyTables, unevenness } from './policies.ts';

describe('the operations of policies', () => {
  // 2 for saturation alone: on bytes torchvision cuts off what it blends with, and then the result.
  testParity('operation', { floats: 2e-4, bytes: 2 });
});

describe('trivialAugmentWide', () => {
  testParity('trivialAugmentWide', { floats: 1e-5 });

  const tables = policyTables.magnitudes.filter(({ kind }) => kind === 'trivialAugmentWide');
  test.each(tables)('draws the magnitudes of torchvision, $bins bins, equally often', (table) => {
    const { bins, height, width, signed, values } = table;
    const pipeline = augment([trivialAugmentWide({ numMagnitudeBins: bins })]);
    const counts = values.map((row) => new Map(row.map((value) => [Math.fround(value), 0])));
    const operations = new Array<number>(14).fill(0);
    for (let id = 0; id < 28_000; id++) {
      const [[op, magnitude]] = operationsOf(pipeline.draw({ height, width, channels: 3 }, { seed: 4, id })[0]!) as [
        [number, number],
      ];
      operations[op]!++;
      if (magnitude < 0) expect(signed[op]).toBe(true);
      const nearest = [...counts[op]!.keys()].find((value) => Math.abs(value - Math.abs(magnitude)) < 1e-5);
      expect(nearest, `magnitude ${magnitude} of operation ${op}`).toBeDefined();
      // The whole part counts in a translation. torch.linspace's middle, 16, is 15.999999 with some vector units.
      expect(Math.trunc(Math.abs(magnitude) + 1e-5)).toBe(Math.trunc(nearest! + 1e-5));
      counts[op]!.set(nearest!, counts[op]!.get(nearest!)! + 1);
    }
    expect(unevenness(operations)).toBeLessThan(34.5 / 13); // 13 degrees of freedom, 0.1 %
    // Shears, translations and so on have a value for each bin.
    for (const [op, count] of counts.entries())
      if (count.size === bins) expect(unevenness([...count.values()]), `operation ${op}`).toBeLessThan(3.8);
  });

  test('refuses bad options', () => {
    expectError(() => trivialAugmentWide({ numMagnitudeBins: 1 }), 'ERR_OPTION', /numMagnitudeBins must be .*>= 2/);
    expectError(() => trivialAugmentWide({ magnitude: 3 } as never), 'ERR_OPTION', /unknown option 'magnitude'/);
    const two = () => augment([trivialAugmentWide()]).outputShape({ height: 2, width: 2, channels: 2 });
    expectError(two, 'ERR_SHAPE', /trivialAugmentWide needs an image of 1 or 3 channels, got 2/);
  });
});
