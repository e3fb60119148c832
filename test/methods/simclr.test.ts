/** Steps of SimCLR against PyTorch. */
import { test } from 'vitest';
import { simclr } from '../../lib/methods/simclr.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of the paper', async () => {
  const head = { batchNorm: 'hidden', hiddenFeatures: 8, outFeatures: 4 } as const;
  await expectSteps('simclr', simclr({ temperature: 0.5 }), head);
});
