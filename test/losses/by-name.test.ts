import { describe, expect, test } from 'vitest';
import { type ContrastiveLossSpec, checkLoss, type LossSpec, lossOf } from '../../lib/losses/all.ts';
import { dclLoss, dclwLoss } from '../../lib/losses/dcl.ts';
import { ntXentLoss } from '../../lib/losses/nt-xent.ts';
import { supConLoss } from '../../lib/losses/sup-con.ts';
import { rampAt } from '../../lib/options/ramp.ts';
import { randn } from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const features = randn([6, 2, 5], { seed: 1 });
const classes = [0, 1, 0, 2, 1, 2];
const labels = tensor(classes, { dtype: 'int32' });
const hardNegatives = { concentration: 0.5, classPrior: 0.1 };

/** Specifications with every option, and the public function with the same. */
const specs: readonly [ContrastiveLossSpec, () => Tensor][] = [
  [{ name: 'supcon' }, () => supConLoss(features, { labels: classes })],
  [
    {
      name: 'supcon',
      temperature: 0.4,
      variant: 'in',
      denominators: 'negatives',
      anchors: 'first',
      noPositives: 'zero',
      maxPositives: 2,
      hardNegatives,
      lossScale: 3,
      normalize: false,
    },
    () =>
      supConLoss(features, {
        labels: classes,
        temperature: 0.4,
        variant: 'in',
        denominators: 'negatives',
        anchors: 'first',
        noPositives: 'zero',
        maxPositives: 2,
        hardNegatives,
        lossScale: 3,
        normalize: false,
      }),
  ],
  [{ name: 'nt-xent' }, () => ntXentLoss(features)],
  [
    { name: 'nt-xent', temperature: 0.4, hardNegatives, lossScale: 3, normalize: false },
    () => ntXentLoss(features, { temperature: 0.4, hardNegatives, lossScale: 3, normalize: false }),
  ],
  [
    { name: 'dcl', temperature: 0.4, lossScale: 3, normalize: false },
    () => dclLoss(features, { temperature: 0.4, lossScale: 3, normalize: false }),
  ],
  [{ name: 'dclw' }, () => dclwLoss(features)],
  [
    { name: 'dclw', temperature: 0.4, sigma: 2, lossScale: 3, normalize: false },
    () => dclwLoss(features, { temperature: 0.4, sigma: 2, lossScale: 3, normalize: false }),
  ],
];

test.each(specs)('%j has the value of the public function', (spec, loss) => {
  const made = lossOf(spec).call(features, { labels }, {});
  expect(made.loss.itemSync()).toBe(loss().itemSync());
});

test.each(specs.filter(([spec]) => !('anchors' in spec)))('%j of queries and keys', (spec) => {
  const made = lossOf(spec).call(features, { labels, hasKeys: true }, {});
  const { name, ...options } = spec;
  const losses = { supcon: supConLoss, 'nt-xent': ntXentLoss, dcl: dclLoss, dclw: dclwLoss };
  const loss = losses[name as keyof typeof losses];
  const all = { ...options, anchors: 'queries', ...(name === 'supcon' && { labels: classes }) };
  expect(made.loss.itemSync()).toBe(loss(features, all as object).itemSync());
  expect(made.loss.itemSync()).not.toBe(loss(features, { ...all, anchors: 'all' } as object).itemSync());
});

test('the temperature follows its schedule', () => {
  expect(rampAt(0.2, 0.5)).toBe(0.2);
  const at = (schedule: 'linear' | 'cosine') =>
    [0, 0.25, 0.5, 1].map((progress) => rampAt({ from: 1, to: 0.2, schedule }, progress));
  for (const [i, expected] of [1, 0.8, 0.6, 0.2].entries()) expect(at('linear')[i]).toBeCloseTo(expected, 12);
  const quarter = 1 - 0.8 * Math.sin(Math.PI / 8) ** 2;
  for (const [i, expected] of [1, quarter, 0.6, 0.2].entries()) expect(at('cosine')[i]).toBeCloseTo(expected, 12);

  const spec: LossSpec = { name: 'nt-xent', temperature: { from: 1, to: 0.2, schedule: 'linear' } };
  const temperature = tensor(lossOf(spec).numbersAt(0.5).temperature as number, { dtype: 'float64' });
  const made = lossOf(spec).call(features, { labels }, { temperature });
  expect(made.loss.itemSync()).toBe(ntXentLoss(features, { temperature: 0.6 }).itemSync());
});

test('ids make samples of a batch one sample', () => {
  const ids = tensor([5, 9, 5, 4, 9, 4], { dtype: 'int64' });
  for (const name of ['nt-xent', 'dcl', 'dclw'] as const) {
    const value = (given: Tensor | undefined) => lossOf({ name }).call(features, { ids: given }, {}).loss.itemSync();
    expect(value(ids)).not.toBe(value(undefined));
  }
});

describe('errors', () => {
  test.each([
    [{ name: 'infonce' }, /loss.name must be one of 'cross-entropy', 'dcl', 'dclw', 'nt-xent', 'supcon'/],
    [{ name: 'dcl', sigma: 1 }, /loss: unknown option 'sigma'/],
    [{ name: 'dclw', sigma: 0 }, /loss.sigma must be a finite number > 0/],
    [{ name: 'supcon', denominators: 'none' }, /loss.denominators must be one of/],
    [{ name: 'supcon', maxPositives: 0 }, /loss.maxPositives must be an integer >= 1/],
    [{ name: 'nt-xent', hardNegatives: { beta: 1 } }, /loss.hardNegatives: unknown option 'beta'/],
    [{ name: 'supcon', hardNegatives: { classPrior: 1 } }, /loss.hardNegatives.classPrior must be a finite number/],
    [{ name: 'nt-xent', temperature: 0 }, /loss.temperature must be a finite number > 0/],
    [{ name: 'nt-xent', temperature: 1e-40 }, /loss.temperature and its inverse must be finite in float32, got 1e-40/],
    [{ name: 'nt-xent', temperature: { from: 1e39, to: 1, schedule: 'linear' } }, /loss.temperature.from and its inv/],
    [{ name: 'nt-xent', temperature: { from: 1, to: 0, schedule: 'linear' } }, /loss.temperature.to must be/],
    [{ name: 'nt-xent', temperature: { from: 1, to: 1, schedule: 'step' } }, /loss.temperature.schedule must be one/],
    [{ name: 'nt-xent', temperature: { start: 1 } }, /loss.temperature: unknown option 'start'/],
  ])('%j', (spec, message) => {
    expect(() => checkLoss(spec as LossSpec)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(message) }),
    );
  });
});
