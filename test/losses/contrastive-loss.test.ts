/** Every contrastive loss with every option against nested loops, in value and in gradient. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tensor } from '../../lib/tensor/tensor.ts';
import { choices, drawnOptions, type LossName, run, selfSupervisedCases, shifted, supConCases } from './cases.ts';
import { type Case, formulaFeatures, gradientOf, oracle } from './oracle.ts';

const runs = 1500;

test('the draws hold every pair of options', () => {
  const drawn = fc.sample(drawnOptions, { numRuns: runs, seed: 1 });
  const seen = new Set<string>();
  const names = Object.keys(choices) as (keyof typeof choices)[];
  const word = (value: unknown) => JSON.stringify(value) ?? 'undefined';
  for (const each of drawn)
    for (const a of names) for (const b of names) seen.add(`${a} ${word(each[a])} ${b} ${word(each[b])}`);
  // Banks that would not tell their positives are refused.
  const cannot = /positives "(mask|views)" bank "labels|positives "(labels|label sets|mask)" bank "plain"/;
  const missing = names.flatMap((a) =>
    names
      .filter((b) => names.indexOf(a) < names.indexOf(b))
      .flatMap((b) => choices[a].flatMap((x) => choices[b].map((y) => `${a} ${word(x)} ${b} ${word(y)}`)))
      .filter((pair) => !seen.has(pair) && !cannot.test(pair)),
  );
  expect(missing).toEqual([]);
});

function expectValue(name: LossName, c: Case & { block: number }): void {
  const { loss, validAnchors } = run(name, c);
  const expected = oracle(c);
  expect(Math.abs(loss.itemSync() - expected.loss)).toBeLessThan(1e-9 * (1 + Math.abs(expected.loss)));
  if (validAnchors !== undefined) expect(validAnchors.itemSync()).toBe(expected.validAnchors);
}

/** Where lengths are differentiable, at a temperature where differences are exact enough. */
const smooth = <T extends Case>(c: T): T => ({ ...c, temperature: Math.max(0.5, c.temperature) });
const isSmooth = (c: Case): boolean => c.features.flat().every((row) => row.some((x) => Math.abs(x) > 0.5));

function expectGradient(name: LossName, c: Case & { block: number }): void {
  const temperature = tensor(c.temperature, { dtype: 'float64', requiresGrad: true });
  const { features, loss } = run(name, c, temperature);
  loss.backward();
  const gradient = gradientOf(features);
  const h = 1e-5;
  const difference = (change: (h: number) => Case) =>
    (oracle(change(h), c).loss - oracle(change(-h), c).loss) / (2 * h);
  for (let index = 0; index < gradient.length; index++) {
    const expected = difference((step) => ({ ...c, features: shifted(c.features, index, step) }));
    expect(Math.abs((gradient[index] as number) - expected)).toBeLessThan(2e-6 * (1 + Math.abs(expected)));
  }
  const slope = difference((step) => ({ ...c, temperature: c.temperature + step }));
  expect(Math.abs((temperature.grad?.itemSync() as number) - slope)).toBeLessThan(2e-6 * (1 + Math.abs(slope)));
}

describe('values and valid anchors', () => {
  test('supConLoss', () => {
    fc.assert(
      fc.property(supConCases, (c) => expectValue('supcon', c)),
      { numRuns: runs, seed: 1 },
    );
  });

  test('ntXentLoss, dclLoss, dclwLoss', () => {
    fc.assert(
      fc.property(selfSupervisedCases, ({ name, c }) => expectValue(name, c)),
      { numRuns: 300, seed: 2 },
    );
  });
});

describe('gradients in features and temperature, by finite differences', () => {
  test('supConLoss', () => {
    fc.assert(
      fc.property(supConCases.map(smooth).filter(isSmooth), (c) => expectGradient('supcon', c)),
      { numRuns: 200, seed: 3 },
    );
  });

  test('ntXentLoss, dclLoss, dclwLoss', () => {
    const cases = selfSupervisedCases.map(({ name, c }) => ({ name, c: smooth(c) })).filter(({ c }) => isSmooth(c));
    fc.assert(
      fc.property(cases, ({ name, c }) => expectGradient(name, c)),
      { numRuns: 100, seed: 4 },
    );
  });
});

describe("PyTorch's autograd of the naive form", () => {
  interface Stored extends Partial<Omit<Case, 'hardNegatives' | 'bank' | 'labels' | 'mask'>> {
    readonly positives: 'labels' | 'sets' | 'mask' | 'views';
    readonly bank?: 'plain' | 'labels' | 'ids';
    readonly hardNegatives?: readonly [number, number];
    readonly loss: number;
    readonly gradient: readonly number[];
    readonly temperatureGradient: number;
  }
  const stored: Stored[] = JSON.parse(
    readFileSync(new URL('../fixtures/losses/gradients.json', import.meta.url), 'utf8'),
  );
  // As test/fixtures/make_losses.py fills them.
  const mask = Array.from({ length: 5 }, (_, i) =>
    Array.from({ length: 5 }, (_, j) => (i === 3 ? 0 : Math.max(0, Math.sin(2 + i + 4 * j)))),
  );
  const sets = ['101', '011', '100', '000', '111'].map((row) => [...row].map(Number));
  const bankSets = ['010', '001', '110', '000'].map((row) => [...row].map(Number));
  const positivesOf = { labels: { labels: [0, 1, 0, 2, 1] }, sets: { labelSets: sets }, mask: { mask }, views: {} };
  const bankFeatures = Array.from({ length: 4 }, (_, i) => [0, 7, 14].map((d) => Math.sin(2 + 4 * i + d)));

  function bankOf({ bank, positives }: Stored): Pick<Case, 'bank' | 'ids'> {
    if (bank === undefined) return {};
    const labels = positives === 'labels' ? { labels: [1, 7, 2, 0] } : {};
    const labelSets = positives === 'sets' ? { labelSets: bankSets } : {};
    const held = { features: bankFeatures, ...labels, ...labelSets };
    return bank === 'ids' ? { bank: { ...held, ids: [99, 12, 98, 14] }, ids: [10, 11, 12, 13, 14] } : { bank: held };
  }

  const title = ({ loss: _, gradient: __, temperatureGradient: ___, ...options }: Stored) => JSON.stringify(options);
  test.each(stored.map((each) => [title(each), each] as const))('%s', (_, each) => {
    const { positives, hardNegatives: hard, bank: _bank, loss, gradient, temperatureGradient, ...options } = each;
    const c: Case & { block: number } = {
      ...{ temperature: 0.1, variant: 'out', anchors: 'all', noPositives: 'ignore', normalize: true, lossScale: 1 },
      ...options,
      ...positivesOf[positives],
      ...bankOf(each),
      hardNegatives: hard && { concentration: hard[0], classPrior: hard[1] },
      features: formulaFeatures(5, 2, 3),
      block: 4,
    };
    const temperature = tensor(c.temperature, { dtype: 'float64', requiresGrad: true });
    const made = run(c.sigma === undefined ? 'supcon' : 'dclw', c, temperature);
    expect(made.loss.itemSync()).toBeCloseTo(loss, 10);
    made.loss.backward();
    const found = gradientOf(made.features);
    gradient.forEach((expected, i) => {
      expect(found[i]).toBeCloseTo(expected, 8);
    });
    expect(temperature.grad?.itemSync()).toBeCloseTo(temperatureGradient, 8);
  });
});
