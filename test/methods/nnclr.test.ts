/** Steps of NNCLR against PyTorch. */
import { test } from 'vitest';
import { nnclr } from '../../lib/methods/nnclr.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of the paper, with the queue that it fills', async () => {
  const method = nnclr({ temperature: 0.5, queueSize: 16, predictorFeatures: 8 });
  await expectSteps('nnclr', method, { batchNorm: 'hidden', hiddenFeatures: 8, outFeatures: 4 });
});
