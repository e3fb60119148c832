import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { type AutoAugmentPolicy, autoAugment } from '../../lib/augment/auto-augment.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';
import { testParity } from './parity.ts';
import { operationsOf, policyTables } from './policies.ts';

// RandAugment's space is AutoAugment's, but for invert, which has no strength. Signs are left aside.
const { values } = policyTables.magnitudes.find(({ kind, bins }) => kind === 'randAugment' && bins === 10)!;
const nameOf = (op: number, magnitude: number): string => (op === 0 ? 'none' : `${op}:${magnitude.toFixed(3)}`);

/** The probability of every outcome, from torchvision's table. */
function expectedOutcomes(policy: string): Map<string, number> {
  const outcomes = new Map<string, number>();
  for (const pair of policyTables.autoAugment[policy]!) {
    const steps = pair.map(([op, p, bin]) => [
      [nameOf(op, values[op]?.[bin] ?? 0), p],
      ['none', 1 - p],
    ]) as [string, number][][];
    for (const [first, p] of steps[0]!)
      for (const [second, q] of steps[1]!) {
        const name = `${first} ${second}`;
        if (p * q > 1e-12) outcomes.set(name, (outcomes.get(name) ?? 0) + (p * q) / 25);
      }
  }
  return outcomes;
}

describe('autoAugment', () => {
  testParity('autoAugment', { floats: 1e-5 });

  test.each(['imagenet', 'cifar10', 'svhn'] as const)("draws torchvision's %s policy", (policy: AutoAugmentPolicy) => {
    const expected = expectedOutcomes(policy);
    const pipeline = augment([autoAugment({ policy })]);
    const n = 50_000;
    const counts = new Map<string, number>();
    for (let id = 0; id < n; id++) {
      const [drawn] = pipeline.draw({ height: 48, width: 65, channels: 3 }, { seed: 6, id });
      const name = operationsOf(drawn!)
        .map(([op, magnitude]) => nameOf(op, Math.abs(magnitude)))
        .join(' ');
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const name of counts.keys()) expect(expected.has(name), name).toBe(true);
    for (const [name, p] of expected)
      expect(Math.abs((counts.get(name) ?? 0) - n * p), name).toBeLessThan(5 * Math.sqrt(n * p * (1 - p)) + 1);
  });

  test('refuses bad options, images and numbers', () => {
    expectError(() => autoAugment({ policy: 'imagent' as never }), 'ERR_OPTION', /did you mean 'imagenet'/);
    expectError(() => autoAugment({ numOps: 2 } as never), 'ERR_OPTION', /unknown option 'numOps'/);
    const pipeline = augment([autoAugment()]);
    const two = () => pipeline.outputShape({ height: 2, width: 2, channels: 2 });
    expectError(two, 'ERR_SHAPE', /autoAugment needs an image of 1 or 3 channels, got 2/);
    const drawn = { kind: 'autoAugment', applied: true, op: [0, -1], magnitude: [0, 0] } as const;
    expectError(
      () => pipeline.replay(formulaImage(4, 4, 3), [drawn]),
      'ERR_OPTION',
      /op must be an integer in \[0, 14\]/,
    );
  });
});
