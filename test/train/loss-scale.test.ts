/** Training in float16: the loss is scaled, a step whose gradients overflow is skipped, and nothing else is another. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SGD } from '../../lib/optim/sgd.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { AveragedWeights } from '../../lib/train/averaged-weights.ts';
import type { StepEvent, TrainEvent } from '../../lib/train/events.ts';
import { LossScale } from '../../lib/train/loss-scale.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { makeStep } from '../../lib/train/step.ts';
import { makeMethod, trainedParameters } from '../../lib/train/trained.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { scaledSteps, stored } from './loss-scale.ts';
import { buffersOf, farthest, firstBatch, gradientOf, optionsOf, parametersOf, valuesOf } from './one-step.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

describe('the loss scale', () => {
  it('goes as that of torch.amp.GradScaler, and the weights with it', async () => {
    const steps = await scaledSteps('cpu');
    const expected = stored();
    expect(steps.map(({ scale }) => scale)).toEqual(expected.map(({ scale }) => scale));
    const norms = ({ norm }: { norm: number | null }) => [norm ?? -1];
    expect(farthest(steps.map(norms), expected.map(norms))).toBeLessThan(1e-6);
    expect(
      farthest(
        steps.map(({ weights }) => weights),
        expected.map(({ weights }) => weights),
      ),
    ).toBeLessThan(1e-6);
  });

  it('does not fall below 1: the step is refused', async () => {
    const w = tensor([1], { requiresGrad: true });
    using optimizer = new SGD([w], { lr: 1 });
    using lossScale = new LossScale('cpu', { scale: 2 });
    const statusAfterOverflow = () => {
      w.mul(Number.POSITIVE_INFINITY).sum().backward();
      return lossScale.follow(optimizer.stepIfFinite(optimizer.ratesAt(1, 0), tensor(0n), lossScale.scale)).itemSync();
    };
    expect(statusAfterOverflow()).toBe(7);
    expect(statusAfterOverflow()).toBe(3);
    expect(await lossScale.read()).toEqual({ scale: 1, fineSteps: 0 });
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /scale must be/],
    ['a scale below 1', { scale: 0.5, fineSteps: 0 }, /scale must be/],
    ['a part of a step', { scale: 1, fineSteps: 0.5 }, /fineSteps must be/],
  ])('refuses %s in the place of its state', (_, state, message) => {
    using lossScale = new LossScale('cpu');
    expect(() => lossScale.set(state)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
    expect(() => lossScale.set(state)).toThrow(message);
  });
});

describe('a step with a scaled loss', () => {
  it.each<[string, Partial<TrainerOptions>]>([
    ['of a batch', {}],
    ['with a clipped gradient', { optimizer: { name: 'sgd', lr: 1, clipNorm: 0.1 } }],
    ['of cached gradients', { microBatch: 8 }],
  ])('%s is the same to the bit, as the scale is a power of two', async (_, chosen) => {
    const plain = await gradientOf(tinyDataset(), optionsOf(chosen));
    using lossScale = new LossScale('cpu', { scale: 1024 });
    const scaled = await gradientOf(tinyDataset(), { ...optionsOf(chosen), lossScale });
    expect(scaled).toEqual({ ...plain, lossScale: 1024 });
  });

  it.each(['byol', 'moco-v3', 'swav'] as const)(
    '%s: one that is skipped leaves all as it was, and the next one is done',
    async (name) => {
      using lossScale = new LossScale('cpu', { scale: 2 ** 127 });
      const options = {
        ...optionsOf({ method: name, batchSize: 8, ema: {} }),
        lossScale,
      };
      const method = makeMethod(options);
      const optimizer = new SGD(trainedParameters(options, method), { lr: 0.1, momentum: 0.9 });
      using average = new AveragedWeights(options, { decay: 0.5 });
      using step = makeStep(options, optimizer, method, undefined, average);
      const state = [...parametersOf(options), ...buffersOf(options), ...optimizer.stateDict().values()];
      state.push(...method.stateDict().values(), ...average.stateDict().values());
      const before = await valuesOf(state);
      using batch = await firstBatch(tinyDataset(), options);
      const context = { step: 0, learningRate: 0.1, progress: 0, decay: 0.5 };
      let result = await step.run(batch, context);
      expect(result).toMatchObject({ skipped: true, lossScale: 2 ** 126 });
      expect(await valuesOf(state)).toEqual(before);
      lossScale.set({ scale: 1024, fineSteps: 5 });
      result = await step.run(batch, context);
      expect(result).toMatchObject({ lossScale: 1024 });
      expect(result).not.toHaveProperty('skipped');
      expect(await lossScale.read()).toEqual({ scale: 1024, fineSteps: 6 });
      expect(await valuesOf(state)).not.toEqual(before);
    },
  );
});

describe('a training in float16', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'loss-scale-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Each feature has a gradient of 1, which 2¹⁶ makes an infinity in float16. */
  const sum = (features: Tensor) => features.sum();
  const trainerOf = (options: Partial<TrainerOptions> = {}) =>
    new Trainer({
      ...{ ...tinyModels(), augment: tinyViews(), batchSize: 8, epochs: 2, metrics: false },
      ...{ optimizer: { name: 'sgd', lr: 1e-5, momentum: 0.9 }, precision: 'float16', loss: sum, ...options },
    } as TrainerOptions);

  const stepsOf = (events: readonly TrainEvent[]): StepEvent[] =>
    events.filter((event): event is StepEvent => event.kind === 'step');

  it('skips the first steps, says so, and goes on after a stop as if there had been none', async () => {
    const [whole, parted] = [join(folder, 'whole'), join(folder, 'parted')];
    const all: TrainEvent[] = [];
    const end = await trainerOf().fit(tinyDataset(), { out: whole, onEvent: (event) => all.push(event) });
    const steps = stepsOf(all);
    const scales = steps.map(({ lossScale }) => lossScale as number);
    const skipped = steps.map((event) => event.skipped === true);
    expect([skipped.length, skipped[0], skipped.at(-1)]).toEqual([10, true, false]);
    expect(scales).toEqual(skipped.map((_, i) => 2 ** (16 - skipped.slice(0, i + 1).filter(Boolean).length)));
    expect(end.skippedSteps).toBe(skipped.filter(Boolean).length);
    const config = JSON.parse(await readFile(join(whole, 'config.json'), 'utf8'));
    expect(config.precision).toBe('float16');

    const stop = new AbortController();
    const onEvent = (event: TrainEvent) => event.kind === 'step' && event.step === 7 && stop.abort();
    const { signal } = stop;
    await expect(trainerOf().fit(tinyDataset(), { out: parted, onEvent, signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    const rest: TrainEvent[] = [];
    await trainerOf().fit(tinyDataset(), { out: parted, resume: true, onEvent: (event) => rest.push(event) });
    const timeless = ({ samplesPerSecond: _, secondsLeft: __, ...event }: StepEvent) => event;
    const last = stepsOf(rest).map(timeless);
    expect(last).toEqual(steps.slice(-last.length).map(timeless));
    const stateOf = async (out: string) =>
      JSON.parse(await readFile(join(out, 'checkpoints', '10', 'state.json'), 'utf8'));
    expect((await stateOf(whole)).lossScale).toMatchObject({ scale: scales.at(-1) });
    expect(await stateOf(parted)).toEqual(await stateOf(whole));
  });

  it('a loss that is not finite is an error as ever', async () => {
    const nan = (features: Tensor) => features.sum().mul(Number.NaN);
    await expect(trainerOf({ loss: nan }).fit(tinyDataset())).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      message: expect.stringMatching(/the loss is NaN at step 1/),
    });
  });

  it('a gradient that is not finite at any scale is an error in the end, which names the scale', async () => {
    // Finite, and without a derivative where the features are squared and their root is taken at 0.
    const root = (features: Tensor) => features.sub(features).square().sum().sqrt();
    await expect(trainerOf({ loss: root, epochs: 5 }).fit(tinyDataset())).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      message: expect.stringMatching(
        /the gradient is not finite at step 17 .*the loss is 0, times 1 in the backward pass/,
      ),
    });
  });
});
