/** Steps of cross entropy against PyTorch. */
import { test } from 'vitest';
import { crossEntropy } from '../../lib/methods/cross-entropy.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of a classifier', async () => {
  const head = { batchNorm: 'hidden', hiddenFeatures: 8, outFeatures: 3 } as const;
  await expectSteps('cross-entropy', crossEntropy({ labelSmoothing: 0.1 }), head);
});
