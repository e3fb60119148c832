/** The parts of a trainer by name, an encoder that gives no features, and where warnings go. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ntXentLoss } from '../../lib/losses/nt-xent.ts';
import { supConLoss } from '../../lib/losses/sup-con.ts';
import type { CustomLoss } from '../../lib/methods/custom-loss.ts';
import { moco } from '../../lib/methods/moco.ts';
import * as nn from '../../lib/nn/index.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import type { TrainEvent } from '../../lib/train/events.ts';
import { checkTrainerOptions, type TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

const { encoder, head } = tinyModels();
const base = { encoder, head, augment: tinyViews(), batchSize: 8, epochs: 1 };

class Maps extends nn.Module {
  readonly featureDim: number;
  readonly conv = new nn.Conv2d(1, 4, 3);
  readonly isPooled: boolean;

  constructor(featureDim: number, isPooled: boolean) {
    super();
    this.featureDim = featureDim;
    this.isPooled = isPooled;
  }

  override forward(x: Tensor): Tensor {
    const maps = this.conv.forward(x);
    return this.isPooled ? maps.mean([2, 3]) : maps;
  }
}

describe('a part by its name', () => {
  test('is the part with its defaults', () => {
    const byName = checkTrainerOptions({
      ...base,
      method: 'simclr',
      optimizer: 'adamw',
      schedule: 'poly',
      sampler: 'weighted',
    });
    const written = checkTrainerOptions({
      ...base,
      method: { name: 'simclr' },
      optimizer: { name: 'adamw', lr: 1e-3 },
      schedule: { name: 'poly' },
      sampler: { name: 'weighted' },
    });
    const parts = ({ method, optimizer, schedule, sampler }: ReturnType<typeof checkTrainerOptions>) => ({
      ...{ method: method.spec, optimizer, schedule, sampler },
    });
    expect(parts(byName)).toEqual(parts(written));
    expect(parts(byName)).toMatchObject({
      optimizer: { lr: 0.001 },
      schedule: { power: 1 },
      sampler: { name: 'weighted' },
    });
    expect(checkTrainerOptions({ ...base, loss: 'nt-xent' }).method.spec).toEqual(byName.method.spec);
    expect(moco({ loss: 'dcl' })).toEqual(moco({ loss: { name: 'dcl' } }));
  });

  test('has a type that knows names and options', () => {
    const right: Partial<TrainerOptions>[] = [
      { method: { name: 'simclr', temperature: 0.2 } },
      { method: { name: 'moco', queueSize: 64, loss: 'dcl' } },
      // @ts-expect-error such a name there is not
      { method: 'simCLR' },
      // @ts-expect-error nor such an option
      { method: { name: 'simclr', temprature: 0.2 } },
      // @ts-expect-error nor such a loss
      { loss: 'infonce' },
      // @ts-expect-error milestones are needed
      { schedule: 'step' },
    ];
    for (const options of right.slice(0, 2)) expect(() => new Trainer({ ...base, ...options })).not.toThrow();
    for (const options of right.slice(2))
      expect(() => new Trainer({ ...base, ...options })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });

  test('a function that takes options is no loss of a trainer', () => {
    const refused = (loss: CustomLoss) => [() => new Trainer({ ...base, loss }), () => moco({ loss })];
    for (const make of [...refused(ntXentLoss), ...refused(supConLoss)])
      expect(make).toThrow(
        expect.objectContaining({
          code: 'ERR_OPTION',
          message: expect.stringMatching(
            /loss must be '(nt-xent|supcon)' or { name: '\1', … }, got the function (ntXent|supCon)Loss/,
          ),
        }),
      );
  });
});

test('an encoder that gives no features is refused by name', async () => {
  const train = (own: nn.Module) =>
    new Trainer({ ...base, encoder: own, head: null, loss: 'nt-xent' }).fit(tinyDataset(16));
  await expect(train(new Maps(4, false))).rejects.toMatchObject({
    code: 'ERR_SHAPE',
    message:
      'the encoder Maps: forward must give features of shape (batch, featureDim) = [16, 4], got [16, 4, 10, 10]; is a pooling missing?',
  });
  await expect(train(new Maps(2, true))).rejects.toMatchObject({
    code: 'ERR_SHAPE',
    message: 'the encoder Maps: forward must give features of shape (batch, featureDim) = [16, 2], got [16, 4]',
  });
});

test('warnings are events, and go to the process where nobody hears these', async () => {
  const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  onTestFinished(() => emit.mockRestore());
  const options: TrainerOptions = { ...base, loss: 'nt-xent', schedule: { name: 'cosine', warmupEpochs: 3 } };
  const message = 'the learning rate rises until the training ends: steps of the warm-up 6, of the training 2';
  await new Trainer(options).fit(tinyDataset(16));
  expect(emit.mock.calls).toEqual([[message, 'TrainingWarning']]);
  emit.mockClear();
  const heard: TrainEvent[] = [];
  await new Trainer(options).fit(tinyDataset(16), { onEvent: (event) => heard.push(event) });
  expect(heard).toContainEqual({ kind: 'warning', message });
  expect(emit).not.toHaveBeenCalled();
});
