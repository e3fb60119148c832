/** Several batches an update. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../lib/checkpoint/run.ts';
import { ntXentLoss } from '../../lib/losses/nt-xent.ts';
import type { CustomLoss } from '../../lib/methods/custom-loss.ts';
import type { Module } from '../../lib/nn/module.ts';
import { full } from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { samplerOf, trainBatches } from '../../lib/train/batches.ts';
import type { StepEvent } from '../../lib/train/events.ts';
import type { FitOptions } from '../../lib/train/fit-options.ts';
import { checkTrainerOptions, type TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-accumulate-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const numbers = async (value: Tensor): Promise<number[]> => Array.from(await value.data(), Number);
/** Weights and running statistics. */
const stateOf = (module: Module): Promise<number[][]> => Promise.all([...module.stateDict().values()].map(numbers));

const plainSgd = { optimizer: { name: 'sgd', lr: 1 }, schedule: { name: 'constant' } } as const;
const settings = {
  augment: tinyViews(),
  loss: { name: 'nt-xent' },
  batchSize: 8,
  accumulate: 2,
  epochs: 1,
  seed: 3,
} as const;

async function train(options: Partial<TrainerOptions> = {}, fit: FitOptions = {}, dataset = tinyDataset(40), seed = 1) {
  const models = tinyModels(seed);
  const steps: StepEvent[] = [];
  const onEvent: FitOptions['onEvent'] = (event) => {
    if (event.kind === 'step') steps.push(event);
    fit.onEvent?.(event);
  };
  const end = await new Trainer({ ...models, ...settings, ...options }).fit(dataset, { ...fit, onEvent });
  return { steps, end, state: await stateOf(models.encoder), ...models };
}

describe('an update', () => {
  test.each([undefined, false])('is by the mean of the gradients of its batches (compile: %s)', async (compile) => {
    const before = tinyModels();
    const trained = await train({ ...plainSgd, ...(compile === false && { compile }) }, {}, tinyDataset(16));
    // The same by hand: two batches, whose gradients add up.
    const options = checkTrainerOptions({ ...before, ...settings });
    const losses: number[] = [];
    const dataset = tinyDataset(16);
    const sampler = await samplerOf(dataset, options);
    for await (const batch of trainBatches(dataset, { ...options, precision: 'float32' }, sampler).epoch(0)) {
      const rows = before.head.forward(before.encoder.forward(batch.images[0] as Tensor));
      const features = rows.reshape([2, 8, -1]).transpose(0, 1);
      const loss = ntXentLoss(features);
      loss.backward();
      losses.push(await loss.item());
    }
    expect(losses.length).toBe(2);
    expect(trained.steps.length).toBe(1);
    const [{ loss, gradientNorm }] = trained.steps as [StepEvent];
    expect(loss).toBeCloseTo(((losses[0] as number) + (losses[1] as number)) / 2, 6);
    let squares = 0;
    for (const [name, parameter] of before.encoder.namedParameters()) {
      const gradient = (await numbers(parameter.grad as Tensor)).map((value) => value / 2);
      const [was, is] = [
        await numbers(parameter),
        await numbers(trained.encoder.namedParameters().get(name) as Tensor),
      ];
      const differences = gradient.map((value, i) => Math.abs((was[i] as number) - (is[i] as number) - value));
      expect(Math.max(...differences), name).toBeLessThan(5e-6);
      for (const value of gradient) squares += value * value;
    }
    for (const parameter of before.head.parameters())
      for (const value of await numbers(parameter.grad as Tensor)) squares += (value / 2) ** 2;
    expect(gradientNorm / Math.sqrt(squares)).toBeCloseTo(1, 5);
    const [own, other] = [trained.encoder.namedBuffers(), before.encoder.namedBuffers()];
    for (const [name, buffer] of own) expect(await numbers(buffer)).toEqual(await numbers(other.get(name) as Tensor));
  });

  test('counts as one step; what is left of an epoch is dropped', async () => {
    const { steps, end } = await train({ epochs: 2, metrics: true });
    expect(steps.map(({ step, epoch }) => [step, epoch])).toEqual([
      [1, 0],
      [2, 0],
      [3, 1],
      [4, 1],
    ]);
    expect(end.step).toBe(4);
    for (const { metrics, validAnchors } of steps) {
      expect(metrics?.spread).toBeGreaterThan(0);
      expect(validAnchors).toBeUndefined();
    }
    const { steps: supervised } = await train({ loss: { name: 'supcon' } });
    expect(supervised.map(({ validAnchors }) => validAnchors)).toEqual([32, 32]); // two batches of eight in two views
  });

  test('scales its rate by all of its samples', async () => {
    const { steps } = await train({
      optimizer: { name: 'sgd', lr: 0.16 },
      schedule: { name: 'constant', scaling: 'linear' },
    });
    expect(steps[0]?.learningRate).toBeCloseTo(0.01, 12); // 0.16 · 16/256
  });
});

/** Calls that are no training step's own: each batch calls it once. */
const ownLoss = (at: number, what: (features: Tensor) => Tensor): CustomLoss => {
  let calls = 0;
  return (features) => (++calls === at ? what(features) : ntXentLoss(features));
};
const failing = (features: Tensor): Tensor =>
  features.sum().add(
    tensor([1, 2])
      .indexSelect(0, tensor([5], { dtype: 'int64' }))
      .sum(),
  );

describe('what goes wrong leaves the weights of the last update', () => {
  test.each([
    ['first', 3],
    ['last', 4],
  ])('a loss that is not finite, at the %s batch', async (_, call) => {
    const good = await train({}, {}, tinyDataset(16));
    const models = tinyModels();
    const loss = ownLoss(call, (features) => features.sum().mul(full([], Number.NaN)));
    const fit = new Trainer({ ...models, ...settings, schedule: { name: 'constant' }, loss, compile: false }).fit(
      tinyDataset(40),
    );
    await expect(fit).rejects.toMatchObject({ code: 'ERR_NON_FINITE', message: /at step 2/ });
    const one = tinyModels();
    const first = new Trainer({
      ...one,
      ...settings,
      schedule: { name: 'constant' },
      loss: ownLoss(0, failing),
      compile: false,
    });
    for await (const event of first.events(tinyDataset(40))) if (event.kind === 'step') break;
    expect(good.steps.length).toBe(1);
    expect(await stateOf(models.encoder)).toEqual(await stateOf(one.encoder));
  });

  test.each([
    ['first', 3],
    ['last', 4],
  ])('an operation that fails, at the %s batch', async (_, call) => {
    const out = join(folder, `failed-${call}`);
    await expect(train({ loss: ownLoss(call, failing), epochs: 2 }, { out })).rejects.toMatchObject({
      code: 'ERR_OPTION',
    });
    const { checkpoint } = await openCheckpoint(out);
    expect(checkpoint.state.step).toBe(1);
    const whole = await train({ loss: ownLoss(0, failing), epochs: 2 });
    const resumed = await train({ loss: ownLoss(0, failing), epochs: 2 }, { out, resume: true }, tinyDataset(40), 9);
    expect(resumed.state).toEqual(whole.state);
  });

  test('an abort between two batches of an update: it is resumed as if nothing had been', async () => {
    const out = join(folder, 'aborted');
    const controller = new AbortController();
    const abort: FitOptions['onEvent'] = (event) => {
      if (event.kind === 'step' && event.step === 1) controller.abort();
    };
    const fit = train({ epochs: 2 }, { out, signal: controller.signal, onEvent: abort });
    await expect(fit).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const whole = await train({ epochs: 2 });
    const resumed = await train({ epochs: 2 }, { out, resume: true }, tinyDataset(40), 9);
    expect(resumed.state).toEqual(whole.state);
    expect(resumed.end.step).toBe(4);
    const other = train({ epochs: 3, accumulate: 1 }, { out, resume: true });
    await expect(other).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: /accumulate was 2, and is now absent/,
    });
  });
});

test('monitors are asked once behind an update, not behind each of its batches', async () => {
  const asked: number[] = [];
  const monitor = { figures: ({ step }: { step: number }) => ({ asked: asked.push(step) }) };
  await train({ batchSize: 4, accumulate: 3 }, { monitors: [monitor], monitorEvery: 1 });
  expect(asked).toEqual([1, 2, 3]);
});

test('what does not go together', async () => {
  const message = (text: RegExp) =>
    expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(text) });
  const make = (options: object) => () => new Trainer({ ...tinyModels(), ...settings, ...options });
  expect(make({ accumulate: 0 })).toThrow(message(/accumulate must be an integer >= 1/));
  expect(make({ accumulate: 2, microBatch: 4 })).toThrow(message(/accumulate does not go with microBatch/));
  await expect(train({ accumulate: 6 })).rejects.toEqual(
    message(/accumulate must be at most the batches of an epoch: .* has 5 of 8 samples, got 6/),
  );
  const { batchSize: _, ...rest } = settings;
  const { encoder, head } = tinyModels();
  const { step } = await new Trainer({ encoder, head, ...rest, accumulate: 4 }).fit(tinyDataset(40));
  expect(step).toBe(1); // batches of ten
});
