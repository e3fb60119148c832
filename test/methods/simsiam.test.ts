/** Steps of SimSiam against PyTorch. */
import { test } from 'vitest';
import { simsiam } from '../../lib/methods/simsiam.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of the paper', async () => {
  const head = { layers: 3, batchNorm: 'all-but-scale', hiddenFeatures: 8, outFeatures: 6 } as const;
  await expectSteps('simsiam', simsiam({ predictorFeatures: 4 }), head);
});
