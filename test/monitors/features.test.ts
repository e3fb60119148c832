/** The queue of features, and the monitors that say how they lie. */
import { describe, expect, it } from 'vitest';
import { rankMe } from '../../lib/evaluate/rank-me.ts';
import { contrastiveMetrics } from '../../lib/losses/metrics.ts';
import { featureRank } from '../../lib/monitors/feature-rank.ts';
import { featureSpread } from '../../lib/monitors/feature-spread.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { FeatureQueue } from '../../lib/train/monitors.ts';
import { collect } from '../collect.ts';
import { contextOf, listsOf, observed, rowsOf } from './batches.ts';

describe('the queue of features', () => {
  it('keeps as many rows as were asked for, the newest ones, in their order', async () => {
    using queue = new FeatureQueue(10);
    expect(queue.newest(5)).toBeUndefined();
    for (let step = 0; step < 6; step++)
      queue.push(
        observed([[step], [step + 0.5], [step + 0.75]], [step, step, step], [3 * step, 3 * step + 1, 3 * step + 2]),
      );
    const newest = queue.newest(4);
    expect(await listsOf((newest as NonNullable<typeof newest>).features)).toEqual([[4.75], [5], [5.5], [5.75]]);
    expect(newest?.labels).toEqual(Int32Array.of(4, 5, 5, 5));
    expect(newest?.ids).toEqual(BigInt64Array.of(14n, 15n, 16n, 17n));
    expect(queue.newest(100)?.ids).toHaveLength(12);
    expect(queue.newest(10)?.ids).toHaveLength(10);
  });

  it('has no labels where a batch has none', () => {
    using queue = new FeatureQueue(4);
    queue.push(observed([[1]], [0]));
    queue.push(observed([[2]]));
    expect(queue.newest(2)?.labels).toBeUndefined();
    expect(queue.newest(1)?.ids).toHaveLength(1);
  });

  it('lets go of what is old, and of all at its end', async () => {
    await collect();
    const before = memory().tensors;
    const queue = new FeatureQueue(4);
    for (let step = 0; step < 9; step++) {
      const batch = observed([[1], [2]]);
      queue.push(batch);
      for (const tensor of [batch.features, batch.queued]) tensor.dispose();
    }
    expect(memory().tensors).toBe(before + 2);
    queue[Symbol.dispose]();
    expect(memory().tensors).toBe(before);
  });
});

describe('featureRank', () => {
  it('is the rank of the newest features', async () => {
    const [one, two] = [rowsOf(6, 4, 1), rowsOf(6, 4, 2)];
    const context = contextOf(12, observed(one.values), observed(two.values));
    expect(await featureRank({ rows: 12 }).figures(context)).toEqual({
      rankMe: await rankMe(tensor([...one.values, ...two.values])),
    });
    expect(await featureRank({ rows: 6 }).figures(context)).toEqual({ rankMe: await rankMe(tensor(two.values)) });
    expect(await featureRank().figures(contextOf(4))).toEqual({});
    expect(() => featureRank({ rows: 1 })).toThrow(/rows must be an integer >= 2, got 1/);
  });
});

describe('featureSpread', () => {
  it('has the metrics of the newest batch, alignment where there are several views', async () => {
    await collect();
    const before = memory().tensors;
    {
      using monitor = featureSpread() as ReturnType<typeof featureSpread> & Disposable;
      expect(await monitor.figures(contextOf(0))).toEqual({});
      const { values } = rowsOf(8, 5);
      using views = tensor([values.slice(0, 4), values.slice(4)]);
      using features = views.transpose(0, 1); // (4, 2, 5)
      using queued = features.select(1, 0);
      const ids = BigInt64Array.of(0n, 1n, 2n, 3n);
      monitor.observe?.({ features, queued, labels: undefined, ids });
      const { alignment, uniformity, spread } = await contrastiveMetrics(features);
      const expected = { featureAlignment: alignment, featureUniformity: uniformity, featureSpread: spread };
      expect(await monitor.figures(contextOf(0))).toEqual(expected);
      using single = features.narrow(1, 0, 1);
      monitor.observe?.({ features: single, queued, labels: undefined, ids });
      expect(Object.keys(await monitor.figures(contextOf(0)))).toEqual(['featureUniformity', 'featureSpread']);
    }
    expect(memory().tensors).toBe(before);
  });
});
