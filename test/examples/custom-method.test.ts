/** A method in a file of its own. */
import { expect, it } from 'vitest';
import { uniformity } from '../../examples/custom-method.ts';
import type { FeatureMethod } from '../../lib/methods/method.ts';
import { methodOf } from '../../lib/methods/registry.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { makeMethod } from '../../lib/train/trained.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { optionsOf } from '../train/one-step.ts';
import { tinyDataset, tinyModels, tinyViews } from '../train/tiny.ts';

const batch = 4;
const dim = 3;
const values = Array.from({ length: batch * 2 * dim }, (_, i) => Math.sin(1 + 3.7 * i) + 0.2);

/** Row `i` of view `v`, of length one. */
function row(i: number, v: number): number[] {
  const start = (2 * i + v) * dim;
  const own = values.slice(start, start + dim);
  return own.map((x) => x / Math.hypot(...own));
}
const apart = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, d) => sum + (x - (b[d] as number)) ** 2, 0);

it('has the loss of the paper, by plain loops', async () => {
  const method = makeMethod(optionsOf({ method: uniformity({ weight: 0.7 }) })) as FeatureMethod;
  const features = tensor(Float32Array.from(values), { shape: [batch, 2, dim] });
  const { loss } = method.lossOf(features, { labels: undefined, ids: tensor(new BigInt64Array(batch)), numbers: {} });
  let expected = 0;
  for (let i = 0; i < batch; i++) expected += apart(row(i, 0), row(i, 1)) / batch;
  for (const v of [0, 1]) {
    let sum = 0;
    for (let i = 0; i < batch; i++)
      for (let j = 0; j < batch; j++) if (i !== j) sum += Math.exp(-2 * apart(row(i, v), row(j, v)));
    expected += 0.35 * Math.log(sum / (batch * (batch - 1)));
  }
  expect(await loss.item()).toBeCloseTo(expected, 5);
});

it('trains, whole and in parts, and checks its options', async () => {
  const run = { ...tinyModels(), augment: tinyViews(), batchSize: 8, epochs: 1 };
  for (const microBatch of [8, 4])
    expect((await new Trainer({ ...run, microBatch, method: uniformity() }).fit(tinyDataset(16))).step).toBe(2);
  expect(methodOf('uniformity').spec).toEqual({ name: 'uniformity', weight: 1 });
  expect(() => uniformity({ weight: -1 })).toThrow(/uniformity.weight must be a finite number >= 0/);
  expect(() => new Trainer({ ...run, views: 3, method: uniformity() })).toThrow(/'uniformity' takes 2 views, got 3/);
});
