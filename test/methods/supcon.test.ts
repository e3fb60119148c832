/** Steps of SupCon against PyTorch. */
import { test } from 'vitest';
import { supcon } from '../../lib/methods/supcon.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of the paper', async () => {
  const head = { batchNorm: 'hidden', hiddenFeatures: 8, outFeatures: 4 } as const;
  await expectSteps('supcon', supcon({ temperature: 0.5 }), head);
});
