/** A training in float16 on a device: the scale lives there, and nobody waits for it. */
import { expect, it } from 'vitest';
import { SGD } from '../../lib/optim/sgd.ts';
import { LossScale } from '../../lib/train/loss-scale.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { makeStep } from '../../lib/train/step.ts';
import { makeMethod, trainedParameters } from '../../lib/train/trained.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { describeOnDevice } from '../device/describe-on-device.ts';
import { takeLog, device as there, waitsOfStreams } from '../device/device.ts';
import { scaledSteps, stored } from './loss-scale.ts';
import { buffersOf, farthest, firstBatch, optionsOf, parametersOf, valuesOf } from './one-step.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

describeOnDevice(() => {
  it('the scale goes as that of torch.amp.GradScaler, and the weights with it', async () => {
    const steps = await scaledSteps(there);
    const expected = stored();
    expect(steps.map(({ scale }) => scale)).toEqual(expected.map(({ scale }) => scale));
    expect(
      farthest(
        steps.map(({ weights }) => weights),
        expected.map(({ weights }) => weights),
      ),
    ).toBeLessThan(1e-5); // a GPU rounds a product and a sum once
    expect(takeLog()?.races ?? []).toEqual([]);
  });

  const trained = async (device: string, precision: 'float32' | 'float16') => {
    const losses: number[] = [];
    const waits: (readonly string[])[] = [];
    const optimizer = { name: 'sgd', lr: 0.002, momentum: 0.9, clipNorm: 1 } as const;
    const options: TrainerOptions = {
      ...{ ...tinyModels(), augment: tinyViews(), batchSize: 8, epochs: 1 },
      ...{ method: 'byol', ema: { decay: 0.9 }, optimizer, device, precision },
    };
    for await (const event of new Trainer(options).events(tinyDataset())) {
      if (event.kind !== 'step') continue;
      losses.push(event.loss);
      waits.push(waitsOfStreams(takeLog()));
    }
    return { losses, waits };
  };

  it('its losses are those of float32, and no step waits', async () => {
    const [here, onDevice] = [await trained('cpu', 'float32'), await trained(there, 'float16')];
    expect(farthest([onDevice.losses.slice(0, 3)], [here.losses.slice(0, 3)])).toBeLessThan(0.02);
    for (const waits of onDevice.waits.slice(3)) expect(waits).toEqual([]);
  });

  it('a step that is skipped leaves all as it was; the one behind it, enqueued already, is done', async () => {
    using lossScale = new LossScale(there, { scale: 2 ** 127 });
    const models = tinyModels();
    const options = {
      ...optionsOf({ ...models, method: 'byol', batchSize: 8 }),
      ...{ encoder: models.encoder.to(there), head: models.head.to(there), lossScale },
    };
    const method = makeMethod(options);
    const optimizer = new SGD(trainedParameters(options, method), { lr: 0.1, momentum: 0.9 });
    using step = makeStep(options, optimizer, method);
    const state = [...parametersOf(options), ...buffersOf(options), ...optimizer.stateDict().values()];
    state.push(...method.stateDict().values());
    const before = await valuesOf(state);
    const context = { step: 0, learningRate: 0.1, progress: 0 };
    using batch = await firstBatch(tinyDataset(), options);
    const steps = [step.run(batch, context), step.run(batch, context)];
    const results = await Promise.all(steps);
    expect(results.map(({ skipped, lossScale }) => [skipped, lossScale])).toEqual([
      [true, 2 ** 126],
      [true, 2 ** 125],
    ]);
    expect(await valuesOf(state)).toEqual(before);
    lossScale.set({ scale: 1024, fineSteps: 0 });
    expect(await step.run(batch, context)).toMatchObject({ lossScale: 1024 });
    expect(await valuesOf(state)).not.toEqual(before);
  });
});
