/** Steps of MoCo v3 against PyTorch. */
import { test } from 'vitest';
import { mocoV3 } from '../../lib/methods/moco-v3.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of the paper', async () => {
  const method = mocoV3({ predictorFeatures: 8, momentum: { from: 0.9, to: 1, schedule: 'cosine' } });
  await expectSteps('moco-v3', method, { batchNorm: 'all-but-scale', hiddenFeatures: 8, outFeatures: 4 });
});
