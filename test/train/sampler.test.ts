import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { subset } from '../../lib/data/dataset.ts';
import { everySample } from '../../lib/data/sampler.ts';
import { makeSampler } from '../../lib/data/samplers/samplers.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { roundOf } from '../../lib/train/batches.ts';
import type { TrainEvent } from '../../lib/train/events.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { firstBatch, firstLargeBatch, optionsOf, valuesOf } from './one-step.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sampler-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const balanced = { name: 'class-balanced', classes: 2, perClass: 4 } as const;

const make = (options: Partial<TrainerOptions> = {}) => {
  const models = tinyModels();
  const trainer = new Trainer({ ...models, augment: tinyViews(), epochs: 2, seed: 5, sampler: balanced, ...options });
  return { ...models, trainer };
};

const weightsOf = ({ encoder }: ReturnType<typeof tinyModels>) => valuesOf(encoder.parameters());

describe('a training with a sampler', () => {
  test('has its batches, and their number', async () => {
    const events: TrainEvent[] = [];
    await make().trainer.fit(tinyDataset(), { onEvent: (event) => events.push(event) });
    expect(events[0]).toMatchObject({ kind: 'start', stepsPerEpoch: 5, totalSteps: 10 });
    const options = optionsOf({ sampler: balanced, batchSize: 8 });
    using batch = await firstBatch(tinyDataset(), options);
    expect(Array.from(batch.labels ?? []).sort()).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  });

  test('in micro-batches sees the same samples and views', async () => {
    const options = optionsOf({ sampler: balanced, batchSize: 8, seed: 5 });
    using whole = await firstBatch(tinyDataset(), options);
    const large = await firstLargeBatch(tinyDataset(), { ...options, microBatch: 4 });
    const [ids, views]: [bigint[], number[]] = [[], []];
    for await (const micro of large.microBatches()) {
      ids.push(...micro.ids);
      const [first] = await valuesOf([(micro.images[0] as Tensor).narrow(0, 0, 4)]);
      views.push(...(first as number[]));
      micro[Symbol.dispose]();
    }
    expect(ids).toEqual([...whole.ids]);
    expect([views]).toEqual(await valuesOf([(whole.images[0] as Tensor).narrow(0, 0, 8)]));
  });

  test('gives samples new views each time they come', async () => {
    const sampler = await makeSampler(balanced, tinyDataset());
    expect([roundOf(sampler, 0, 3), roundOf(sampler, 2, 3)]).toEqual([3, 13]);
    const usual = everySample(tinyDataset(), { batchSize: 8, shuffle: true, seed: 0, dropLast: true });
    expect([roundOf(usual, 0, 3), roundOf(usual, 2, 3)]).toEqual([0, 2]);
    const same = () => [0, 2, 4, 6, 0, 2, 4, 6];
    const losses: number[] = [];
    await make({ sampler: same, batchSize: 4, epochs: 1, optimizer: { name: 'sgd', lr: 1e-12 } }).trainer.fit(
      tinyDataset(),
      { onEvent: (event) => event.kind === 'step' && losses.push(event.loss) },
    );
    expect(losses).toHaveLength(2);
    expect(losses[0]).not.toBe(losses[1]);
  });

  test('goes on in the middle of an epoch to the same weights', async () => {
    const whole = make();
    await whole.trainer.fit(tinyDataset());
    const out = join(folder, 'resumed');
    const stop = new AbortController();
    await expect(
      make().trainer.fit(tinyDataset(), {
        out,
        signal: stop.signal,
        onEvent: (event) => event.kind === 'step' && event.step === 7 && stop.abort(),
      }),
    ).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const resumed = make();
    await resumed.trainer.fit(tinyDataset(), { out, resume: true });
    expect(await weightsOf(resumed)).toEqual(await weightsOf(whole));
  });

  test('keeps the sampler in its config, and refuses another', async () => {
    const out = join(folder, 'config');
    await make({ epochs: 1 }).trainer.fit(tinyDataset(), { out });
    expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).toMatchObject({
      sampler: balanced,
      batchSize: 8,
    });
    await expect(
      make({ sampler: { name: 'class-balanced', classes: 1, perClass: 8 } }).trainer.fit(tinyDataset(), {
        out,
        resume: true,
      }),
    ).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/sampler.classes was 2, and is now 1/),
    });
    const usual = join(folder, 'usual');
    await make({ sampler: undefined, epochs: 1, batchSize: 8 } as never).trainer.fit(tinyDataset(), { out: usual });
    expect(JSON.parse(await readFile(join(usual, 'config.json'), 'utf8'))).not.toHaveProperty('sampler');
  });

  test('tells features by what is in them', async () => {
    const out = join(folder, 'negatives');
    const featuresOf = (scale: number) =>
      tensor(Array.from({ length: 40 }, (_, i) => [Math.sin(i) * scale, Math.cos(i)]));
    const of = (scale: number) =>
      make({ sampler: { name: 'hard-negatives', features: featuresOf(scale) }, epochs: 1, batchSize: 8 });
    await of(1).trainer.fit(tinyDataset(), { out });
    await expect(of(2).trainer.fit(tinyDataset(), { out, resume: true })).rejects.toThrow(/sampler.sha256 was/);
    await of(1).trainer.fit(tinyDataset(), { out, resume: true });
  });

  test('refuses what does not go together', async () => {
    expect(() => make({ sampler: { name: 'class-balanced', classes: 0, perClass: 1 } })).toThrow(
      /sampler.classes must be/,
    );
    expect(() => make({ sampler: { name: 'no' } as never })).toThrow(/sampler.name must be one of/);
    await expect(make({ batchSize: 10 }).trainer.fit(tinyDataset())).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/2 · 4 samples of the class-balanced sampler, got 10/),
    });
    await expect(make().trainer.fit(tinyDataset(6))).rejects.toThrow(/batchSize must be at most the 6 samples/);
  });
});

describe('batches without two of a class', () => {
  const warningsOf = async (options: Partial<TrainerOptions>): Promise<string[]> => {
    const warnings: string[] = [];
    // Of 40 images in two classes, two of different classes in each batch.
    const dataset = subset(
      tinyDataset(),
      Array.from({ length: 8 }, (_, i) => i),
    );
    await make({ sampler: { name: 'distinct' }, batchSize: 2, epochs: 1, ...options }).trainer.fit(dataset, {
      onEvent: (event) => event.kind === 'warning' && warnings.push(event.message),
    });
    return warnings;
  };

  test('are told of once, where the loss looks at labels', async () => {
    expect(await warningsOf({})).toEqual([expect.stringMatching(/no two images of a batch are of one class/)]);
    expect(await warningsOf({ loss: { name: 'nt-xent' } })).toEqual([]);
  });
});
