/** A weight decay that changes over the training: each step takes that of its place. */
import { expect, it } from 'vitest';
import { SGD } from '../../lib/optim/sgd.ts';
import type { Ramp } from '../../lib/options/ramp.ts';
import { makeCachedStep } from '../../lib/train/cached-step.ts';
import { makeStep } from '../../lib/train/step.ts';
import { makeMethod } from '../../lib/train/trained.ts';
import { firstBatch, firstLargeBatch, optionsOf, parametersOf, valuesOf } from './one-step.ts';
import { tinyDataset } from './tiny.ts';

/** The parameters after steps at 0, 0.5 and 1 of a training. */
async function trained(weightDecays: readonly (number | Ramp)[], microBatch: number): Promise<number[][]> {
  const options = optionsOf({ microBatch });
  const context = { step: 0, learningRate: 0.1, signal: undefined };
  for (const [i, weightDecay] of weightDecays.entries()) {
    using optimizer = new SGD(parametersOf(options), { lr: 1, weightDecay });
    for (const progress of weightDecays.length === 1 ? [0, 0.5, 1] : [i / 2]) {
      if (microBatch < options.batchSize) {
        using step = makeCachedStep(options, optimizer, makeMethod(options));
        await step.run(await firstLargeBatch(tinyDataset(), options), { ...context, progress });
      } else {
        using step = makeStep(options, optimizer, makeMethod(options));
        using batch = await firstBatch(tinyDataset(), options);
        await step.run(batch, { ...context, progress });
      }
    }
  }
  return valuesOf(parametersOf(options));
}

it.each([
  ['a step', 16],
  ['a step in micro-batches', 8],
])('%s decays the weights by what its place in the training says', async (_, microBatch) => {
  const ramp = { from: 0.25, to: 0.75, schedule: 'linear' } as const;
  expect(await trained([ramp], microBatch)).toEqual(await trained([0.25, 0.5, 0.75], microBatch));
});
