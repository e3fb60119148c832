import { describe, expect, test } from 'vitest';
import type { LossSpec } from '../../lib/losses/all.ts';
import type { ContrastiveMetrics } from '../../lib/losses/metrics.ts';
import type { CustomLoss } from '../../lib/methods/custom-loss.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { CollapseWatch, collapsedBelow, collapsedSteps } from '../../lib/train/collapse.ts';
import type { TrainEvent } from '../../lib/train/events.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

const withSpread = (spread: number) => ({ spread }) as ContrastiveMetrics;

describe('the watch for collapsed features', () => {
  test('speaks once, after so many steps in a row', () => {
    const watch = new CollapseWatch();
    const said: number[] = [];
    const spreads = [
      ...new Array(collapsedSteps - 1).fill(collapsedBelow / 2),
      collapsedBelow, // begins anew
      ...new Array(3 * collapsedSteps).fill(0),
    ];
    for (const [step, spread] of spreads.entries()) if (watch.sees(withSpread(spread))) said.push(step);
    expect(said).toEqual([2 * collapsedSteps - 1]);
  });

  test('is silent without a number', () => {
    const watch = new CollapseWatch();
    for (let step = 0; step < 2 * collapsedSteps; step++) expect(watch.sees(withSpread(Number.NaN))).toBe(false);
  });

  test('a loss that pulls everything together is warned of; one that learns is not', async () => {
    const warningsOf = async (loss: LossSpec | CustomLoss): Promise<string[]> => {
      const warnings: string[] = [];
      const optimizer = { name: 'sgd', lr: 0.05 } as const;
      const onEvent = (event: TrainEvent) => event.kind === 'warning' && warnings.push(event.message);
      const { encoder } = tinyModels();
      await new Trainer({
        ...{ encoder, loss, optimizer, augment: tinyViews(), batchSize: 8, epochs: 10, seed: 3 },
        schedule: { name: 'constant' },
      }).fit(tinyDataset(), { onEvent });
      return warnings;
    };
    const unit = (features: Tensor): Tensor => features.div(features.norm(2, [2], true));
    const together = (features: Tensor): Tensor =>
      unit(features)
        .sub(unit(features).mean([0, 1], true))
        .square()
        .sum();
    expect(await warningsOf(together)).toEqual([expect.stringMatching(/features have collapsed/)]);
    expect(await warningsOf({ name: 'supcon' })).toEqual([]);
  });
});
