/** Steps of DCL against PyTorch. */
import { test } from 'vitest';
import { dcl } from '../../lib/methods/dcl.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of the paper, with weights', async () => {
  const head = { batchNorm: 'hidden', hiddenFeatures: 8, outFeatures: 4 } as const;
  await expectSteps('dcl', dcl({ temperature: 0.5, weighted: true, sigma: 0.5 }), head);
});
