/** Steps of SwAV against PyTorch. */
import { test } from 'vitest';
import { swav } from '../../lib/methods/swav.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of the paper, with a small view', async () => {
  const method = swav({ prototypes: 5, temperature: 0.2, epsilon: 0.1 });
  await expectSteps('swav', method, { batchNorm: 'hidden', hiddenFeatures: 8, outFeatures: 4 });
});
