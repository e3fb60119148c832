/** Steps of Barlow Twins against PyTorch. */
import { test } from 'vitest';
import { barlowTwins } from '../../lib/methods/barlow-twins.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of the paper', async () => {
  const head = { batchNorm: 'hidden', hiddenFeatures: 8, outFeatures: 4 } as const;
  await expectSteps('barlow-twins', barlowTwins({ redundancyWeight: 0.1, lossScale: 0.5 }), head);
});
