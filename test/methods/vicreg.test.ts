/** Steps of VICReg against PyTorch. */
import { test } from 'vitest';
import { vicreg } from '../../lib/methods/vicreg.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of the paper', async () => {
  const head = { batchNorm: 'hidden', hiddenFeatures: 8, outFeatures: 4 } as const;
  const method = vicreg({ invarianceWeight: 2.5, varianceWeight: 2, covarianceWeight: 0.5 });
  await expectSteps('vicreg', method, head);
});
