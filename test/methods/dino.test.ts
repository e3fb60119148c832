/** Steps of DINO against PyTorch. */
import { test } from 'vitest';
import { dino } from '../../lib/methods/dino.ts';
import { expectSteps } from './steps.ts';

test('takes the steps of the paper, with a small view between the large ones', async () => {
  const method = dino({
    prototypes: 5,
    temperature: 0.2,
    teacherTemperature: { from: 0.1, to: 0.2, schedule: 'linear' },
    momentum: { from: 0.9, to: 1, schedule: 'cosine' },
    centerMomentum: 0.8,
  });
  await expectSteps('dino', method, { layers: 3, activation: 'gelu', hiddenFeatures: 8, outFeatures: 4 });
});
