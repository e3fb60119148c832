/** What a bank of features means, and what is refused; its numbers are tested in contrastive-loss.test.ts. */
import { describe, expect, test } from 'vitest';
import { dclLoss } from '../../lib/losses/dcl.ts';
import { ntXentLoss } from '../../lib/losses/nt-xent.ts';
import { type SupConLossOptions, supConLoss } from '../../lib/losses/sup-con.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { formulaFeatures, gradientOf } from './oracle.ts';

const data = formulaFeatures(4, 3, 3);
const labels = [0, 1, 0, 2];
const view = (v: number) => data.map((views) => views[v] as number[]);
const double = (values: number[][] | number[][][], requiresGrad = false) =>
  tensor(values, { dtype: 'float64', requiresGrad });
const pair = (requiresGrad = false) =>
  double(
    data.map((views) => views.slice(0, 2)),
    requiresGrad,
  );
const third = () => double(view(2));

describe('a bank of the third views', () => {
  const ids = [7, 3, 9, 4];
  // Anchors are the first views of both: with three views in the batch, or with two and the third in the bank.
  test('with ids is as if they were in the batch', () => {
    for (const positives of [{ labels }, { labels: labels.map((l) => [0, 1, 2].map((c) => Number(c === l))) }, {}]) {
      const whole = supConLoss(double(data), { anchors: 'first', ...positives }).itemSync();
      const bank = { features: third(), ids };
      expect(supConLoss(pair(), { anchors: 'first', ids, bank, ...positives }).itemSync()).toBeCloseTo(whole, 12);
    }
  });

  test('with labels is as if they were in the batch', () => {
    const whole = supConLoss(double(data), { anchors: 'first', labels }).itemSync();
    const bank = { features: third(), labels };
    expect(supConLoss(pair(), { anchors: 'first', bank, labels }).itemSync()).toBeCloseTo(whole, 12);
  });

  test('queries see their own key and the bank: MoCo, algorithm 1', () => {
    const unit = (x: number[]) => x.map((value) => value / Math.hypot(...x));
    const dot = (a: number[], b: number[]) => a.reduce((sum, x, d) => sum + x * (b[d] as number), 0);
    const [queries, keys, queue] = [view(0), view(1), view(2)].map((rows) => rows.map(unit)) as [
      number[][],
      number[][],
      number[][],
    ];
    const terms = queries.map((q, i) => {
      const logits = [keys[i] as number[], ...queue].map((key) => dot(q, key) / 0.3);
      return Math.log(logits.reduce((sum, s) => sum + Math.exp(s), 0)) - (logits[0] as number);
    });
    const bank = { features: third() };
    const loss = ntXentLoss(pair(), { anchors: 'queries', temperature: 0.3, bank }).itemSync();
    expect(loss).toBeCloseTo(terms.reduce((sum, term) => sum + term, 0) / terms.length, 12);
    expect(ntXentLoss(pair(), { anchors: 'queries' }).itemSync()).toBeCloseTo(0, 12); // nothing else to compare with
  });

  test('without either holds negatives only', () => {
    const more = ntXentLoss(pair(), { bank: { features: third() } }).itemSync();
    expect(more).toBeGreaterThan(ntXentLoss(pair()).itemSync());
  });

  test('a sample of the batch is never its own negative', () => {
    // The negatives of both are those of the other samples; the bank only adds the sample itself.
    const far = double([[-1, 0, 0]]);
    const first = double([[[1, 0, 0], [1, 0.1, 0]], [[0, 1, 0], [0, 1, 0.1]]]); // biome-ignore format: rows
    const own = dclLoss(first, { ids: [5, 6], bank: { features: far, ids: [8] } }).itemSync();
    const same = supConLoss(first, {
      ids: [5, 6],
      bank: { features: double([[1, 0, 0]]), ids: [5] },
      denominators: 'negatives',
    }).itemSync();
    const stranger = supConLoss(first, {
      ids: [5, 6],
      bank: { features: double([[1, 0, 0]]), ids: [8] },
      denominators: 'negatives',
    }).itemSync();
    expect(stranger).toBeGreaterThan(same);
    expect(Number.isFinite(own)).toBe(true);
  });

  test('what the batch says of a sample goes before what the bank says', () => {
    const bank = { features: third(), ids, labels: [5, 5, 5, 5] };
    const right = { features: third(), ids, labels };
    expect(supConLoss(pair(), { labels, ids, bank }).itemSync()).toBe(
      supConLoss(pair(), { labels, ids, bank: right }).itemSync(),
    );
  });

  test('gets no gradient', () => {
    const features = pair(true);
    const bank = double(view(2), true);
    ntXentLoss(features, { bank: { features: bank } }).backward();
    expect(() => bank.grad?.dataSync()).toThrow(/no gradient|grad/);
    expect(gradientOf(features).some((g) => g !== 0)).toBe(true);
  });

  test('is normalised with the batch', () => {
    const scaled = double(view(2).map((row) => row.map((x) => 5 * x)));
    const expected = ntXentLoss(pair(), { bank: { features: third() } }).itemSync();
    expect(ntXentLoss(pair(), { bank: { features: scaled } }).itemSync()).toBeCloseTo(expected, 12);
    expect(ntXentLoss(pair(), { bank: { features: scaled }, normalize: false }).itemSync()).not.toBeCloseTo(
      expected,
      3,
    );
  });

  test('lets a single row be an anchor', () => {
    const alone = tensor([[[1, 2]]], { requiresGrad: true });
    const bank = { features: tensor([[1, 0], [0, 1]]), labels: [3, 4] }; // biome-ignore format: rows
    const loss = supConLoss(alone, { labels: [3], bank });
    loss.backward();
    expect(loss.itemSync()).toBeGreaterThan(0);
    expect(gradientOf(alone).every(Number.isFinite)).toBe(true);
  });
});

test('samples of equal id in a batch are one sample', () => {
  const expected = supConLoss(pair(), { labels: [0, 1, 0, 2] }).itemSync();
  expect(supConLoss(pair(), { ids: [5, 9, 5, 4] }).itemSync()).toBeCloseTo(expected, 12);
  expect(ntXentLoss(pair(), { ids: [5, 9, 5, 4] }).itemSync()).toBeCloseTo(expected, 12);
});

describe('errors', () => {
  const throwing = (options: SupConLossOptions, code: string, message: RegExp) =>
    expect(() => supConLoss(pair(), options)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  const features = third();
  const mask = [1, 2, 3, 4].map(() => [1, 1, 1, 1]);
  const sets = labels.map((l) => [l === 0 ? 1 : 0, 1]);

  test('banks that do not tell their positives', () => {
    throwing({ labels, bank: { features } }, 'ERR_OPTION', /beside labels needs bank.labels, or ids and bank.ids/);
    throwing({ mask, bank: { features } }, 'ERR_OPTION', /beside mask needs ids and bank.ids/);
    throwing({ bank: { features, labels } }, 'ERR_OPTION', /bank.labels need labels/);
    throwing({ mask, ids: labels, bank: { features, labels, ids: labels } }, 'ERR_OPTION', /bank.labels need labels/);
    throwing({ ids: labels, bank: { features } }, 'ERR_OPTION', /go together, got only ids/);
    throwing({ bank: { features, ids: labels } }, 'ERR_OPTION', /go together, got only bank.ids/);
  });

  test('shapes, dtypes and kinds', () => {
    const wide = double([[1, 2, 3, 4]]);
    throwing({ bank: { features: wide } }, 'ERR_SHAPE', /bank.features must have shape \(bank >= 1, dim = 3\)/);
    throwing({ bank: { features: tensor([1, 2, 3]) } }, 'ERR_SHAPE', /bank.features must have shape/);
    throwing({ bank: { features: tensor([], { shape: [0, 3] }) } }, 'ERR_SHAPE', /bank.features must have shape/);
    throwing({ bank: { features: tensor([[1, 2, 3]], { dtype: 'int64' }) } }, 'ERR_DTYPE', /bank.features must be fl/);
    throwing({ bank: { features: [1] as never } }, 'ERR_DTYPE', /bank.features must be a Tensor/);
    throwing({ bank: { feature: features } as never }, 'ERR_OPTION', /did you mean 'features'/);
    throwing({ labels, bank: { features, labels: [1] } }, 'ERR_SHAPE', /bank.labels must have shape \(bank\) = \[4\]/);
    throwing({ labels, bank: { features, labels: sets } }, 'ERR_SHAPE', /bank.labels must be of the kind of labels/);
    throwing({ labels: sets, bank: { features, labels } }, 'ERR_SHAPE', /bank.labels must be of the kind of labels/);
    throwing(
      { labels: sets, bank: { features, labels: [[1, 0, 1]] } },
      'ERR_SHAPE',
      /bank.labels must be of the kind of labels/,
    );
    throwing({ ids: [1, 2], bank: { features, ids: labels } }, 'ERR_SHAPE', /ids must have shape \(batch\) = \[4\]/);
    throwing({ ids: labels, bank: { features, ids: [1] } }, 'ERR_SHAPE', /bank.ids must have shape \(bank\) = \[4\]/);
    throwing({ ids: tensor([0.5, 1, 2, 3]) }, 'ERR_DTYPE', /ids must be integers/);
    throwing({ ids: [0.5, 1, 2, 3] }, 'ERR_OPTION', /ids\[0\] must be an integer/);
    const three = () => double(data);
    for (const loss of [ntXentLoss, dclLoss, supConLoss])
      expect(() => loss(three(), { anchors: 'queries' })).toThrow(
        expect.objectContaining({ code: 'ERR_SHAPE', message: expect.stringContaining('(batch, 2, dim)') }),
      );
    expect(() => ntXentLoss(pair(), { anchors: 'first' as never })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringContaining("'all', 'queries'") }),
    );
  });
});
