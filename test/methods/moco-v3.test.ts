/** Steps of MoCo v3 against PyTorch. */
import { expect, test } from 'vitest';
import { mocoV3 } from '../../lib/methods/moco-v3.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { makeMethod } from '../../lib/train/trained.ts';
import { optionsOf } from '../train/one-step.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of the paper', async () => {
  const method = mocoV3({ predictorFeatures: 8, momentum: { from: 0.9, to: 1, schedule: 'cosine' } });
  await expectSteps('moco-v3', method, { batchNorm: 'all-but-scale', hiddenFeatures: 8, outFeatures: 4 });
});

test('top-1 is the part of the queries whose nearest key is their own, however near queries are to each other', async () => {
  const method = makeMethod(optionsOf({ method: mocoV3({ predictorFeatures: 8 }) }));
  const keys = [1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0]; // (4, 3)
  const queries = [3, 0, 9, 0, 3, 9, 0, 0, 9, 0, 0, 9]; // near key 2, key 2, key 2, key 2
  const features = ops.stack([tensor(queries, { shape: [4, 3] }), tensor(keys, { shape: [4, 3] })], 1);
  const ids = tensor(BigInt64Array.of(5n, 6n, 7n, 8n));
  const metrics = method.metrics({ loss: ops.zeros([]), features }, { labels: undefined, ids, numbers: {} });
  expect((await metrics.data())[0]).toBe(0.25);
});
