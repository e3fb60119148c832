import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import type { ScheduleSpec } from '../../lib/optim/schedule.ts';
import { checkTrainerOptions } from '../../lib/train/options.ts';
import { scheduleWarning } from '../../lib/train/same-run.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

const stepsPerEpoch = 10;
const options = { ...tinyModels(), augment: tinyViews(), optimizer: { name: 'sgd', lr: 0.1 }, batchSize: 8 } as const;

/** Of a run of `from` epochs that goes on at `step` as one of `to`. */
const warning = (schedule: ScheduleSpec, from: number, to: number, step: number): string | undefined => {
  const checked = { ...checkTrainerOptions({ ...options, schedule, epochs: to }), precision: 'float32' } as const;
  return scheduleWarning(checked, { epochs: from, step, stepsPerEpoch });
};

const cosine = (progress: number): number => 0.05 * (1 + Math.cos(Math.PI * progress));
const shown = (rate: number): string => String(Number(rate.toPrecision(3)));

describe('another number of epochs', () => {
  it('warns where the cosine gives the next step another rate, with both rates', () => {
    const rates = `gives step 61 a learning rate of ${shown(cosine(0.3))} in place of ${shown(cosine(0.6))}`;
    expect(warning({ name: 'cosine' }, 10, 20, 60)).toMatch(rates);
    expect(warning({ name: 'cosine' }, 20, 10, 60)).toMatch(`${shown(cosine(0.6))} in place of ${shown(cosine(0.3))}`);
  });

  it('warns at the end of a run, where the cosine had come to its least', () => {
    expect(warning({ name: 'cosine', minLr: 0.001 }, 10, 20, 100)).toMatch(/step 101 .* in place of 0.001$/);
  });

  it.each([1, 5, 39])('says nothing inside a warm-up that stays as it was (step %i)', (step) => {
    expect(warning({ name: 'cosine', warmupEpochs: 4 }, 10, 20, step)).toBeUndefined();
    expect(warning({ name: 'constant', warmupEpochs: 4 }, 10, 20, step)).toBeUndefined();
  });

  it('warns inside a warm-up that becomes longer', () => {
    expect(warning({ name: 'constant', warmup: 0.2 }, 10, 20, 9)).toMatch(
      /step 10 a learning rate of 0.025 in place of 0.05$/,
    );
  });

  it('says nothing where the cosine has hardly begun, and of a constant rate', () => {
    expect(warning({ name: 'cosine' }, 10, 20, 10)).toBeUndefined(); // 0.976 and 0.994 of the peak
    expect(warning({ name: 'constant' }, 10, 20, 100)).toBeUndefined();
  });
});

test('a run whose processes compared their own samples goes on so', async () => {
  const out = await mkdtemp(join(tmpdir(), 'contrastive-same-run-'));
  const trained = async (gather: boolean, epochs: number): Promise<void> => {
    const trainer = new Trainer({ ...options, ...tinyModels(), gather, epochs });
    await trainer.fit(tinyDataset(), { out, resume: epochs > 1 });
  };
  try {
    await trained(false, 1);
    await expect(trained(true, 2)).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringContaining('cannot resume: gather was false, and is now absent'),
    });
    await trained(false, 2);
  } finally {
    await rm(out, { recursive: true });
  }
});
