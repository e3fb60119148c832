/** Steps of BYOL against PyTorch. */
import { test } from 'vitest';
import { byol } from '../../lib/methods/byol.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of the paper', async () => {
  const method = byol({ predictorFeatures: 8, momentum: { from: 0.9, to: 1, schedule: 'cosine' } });
  await expectSteps('byol', method, { batchNorm: 'hidden', hiddenFeatures: 8, outFeatures: 4 });
});
