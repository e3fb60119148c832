/** Nothing that is not finite reaches weights, running statistics, or what a method keeps; the fit says what it was. */
import { describe, expect, test } from 'vitest';
import { NonFiniteLossError } from '../../lib/errors.ts';
import { byol } from '../../lib/methods/byol.ts';
import type { CustomLoss } from '../../lib/methods/custom-loss.ts';
import { dino } from '../../lib/methods/dino.ts';
import { moco } from '../../lib/methods/moco.ts';
import { mocoV3 } from '../../lib/methods/moco-v3.ts';
import { nnclr } from '../../lib/methods/nnclr.ts';
import { simsiam } from '../../lib/methods/simsiam.ts';
import { swav } from '../../lib/methods/swav.ts';
import { vicreg } from '../../lib/methods/vicreg.ts';
import type { Module } from '../../lib/nn/module.ts';
import { SGD } from '../../lib/optim/sgd.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import type { TrainBatch } from '../../lib/train/batches.ts';
import type { ResolvedOptions, TrainerOptions } from '../../lib/train/options.ts';
import { makeStep } from '../../lib/train/step.ts';
import { makeMethod, trainedParameters } from '../../lib/train/trained.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { buffersOf, firstBatch, gradientOf, optionsOf, parametersOf, valuesOf } from './one-step.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

/** Finite, but its derivative is 0 · ∞. */
const finiteLossNaNGradient: CustomLoss = (features) => features.mul(0).sum().sqrt();
const nanLoss: CustomLoss = (features) => features.sum().mul(Number.NaN);
const ordinary: CustomLoss = (features) => features.square().mean();

type Case = [string, () => Partial<TrainerOptions>, RegExp];
const kinds: [string, () => Partial<TrainerOptions>][] = [
  ['native', () => ({ loss: { name: 'nt-xent' } })],
  ['a loss in TypeScript', () => ({ loss: ordinary })],
  ['in micro-batches', () => ({ loss: { name: 'nt-xent' }, microBatch: 4 })],
  ['moco', () => ({ method: moco({ queueSize: 16 }) })],
  ['moco-v3', () => ({ method: mocoV3({ predictorFeatures: 8 }) })],
  ['byol', () => ({ method: byol({ predictorFeatures: 8 }) })],
  ['simsiam', () => ({ method: simsiam({ predictorFeatures: 8 }) })],
  ['vicreg', () => ({ method: vicreg() })],
  ['nnclr', () => ({ method: nnclr({ queueSize: 16, predictorFeatures: 8 }) })],
  ['swav', () => ({ method: swav({ prototypes: 8 }) })],
  ['dino', () => ({ method: dino({ prototypes: 8 }) })],
];

/** All that a fit moves, but for what the method keeps, which is gone after it. */
async function fitted(options: Partial<TrainerOptions>) {
  const all = { ...tinyModels(), augment: tinyViews(), batchSize: 8, epochs: 1, seed: 3, ...options };
  const state = () => valuesOf([...all.encoder.stateDict().values(), ...tinyHead(all).stateDict().values()]);
  const before = await state();
  const failure = await new Trainer(all).fit(tinyDataset(8)).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { failure, before, after: await state() };
}

const tinyHead = ({ head }: Pick<TrainerOptions, 'head'>): Module => head as Module;

describe('one step, refused', () => {
  const cases: Case[] = [
    [
      'a NaN loss',
      () => ({ loss: nanLoss }),
      /^the loss is NaN at step 1 \(epoch 1\); the weights are those of step 0/,
    ],
    ['a NaN loss in micro-batches', () => ({ loss: nanLoss, microBatch: 4 }), /^the loss is NaN at step 1/],
    [
      'a NaN gradient under a finite loss',
      () => ({ loss: finiteLossNaNGradient }),
      /^the gradient is not finite at step 1 \(epoch 1\), though the loss is 0; the weights are those of step 0/,
    ],
    [
      'a NaN gradient in micro-batches',
      () => ({ loss: finiteLossNaNGradient, microBatch: 4 }),
      /^the gradient is not finite at step 1/,
    ],
    ...kinds.map(
      ([kind, make]): Case => [
        `a learning rate that overflows, ${kind}`,
        () => ({ ...make(), optimizer: { name: 'sgd', lr: 3e38, weightDecay: 1e3 } }),
        /^the weights after the update are not finite at step 1/,
      ],
    ),
  ];
  test.each(cases)('%s', async (_, make, message) => {
    const { failure, before, after } = await fitted(make());
    expect(failure).toBeInstanceOf(NonFiniteLossError);
    expect(failure).toMatchObject({ code: 'ERR_NON_FINITE', step: 1, message: expect.stringMatching(message) });
    expect(after).toEqual(before);
  });

  test.each(kinds.filter(([kind]) => kind !== 'in micro-batches'))('NaN in the images: %s', async (_, make) => {
    const options = optionsOf({ ...make(), batchSize: 8 });
    const tensors = [...parametersOf(options), ...buffersOf(options)];
    const method = makeMethod(options);
    tensors.push(...method.stateDict().values());
    const before = await valuesOf(tensors);
    using batch = await firstBatch(tinyDataset(), options);
    for (const images of batch.images) noGrad(() => images.narrow(0, 1, 1).fill_(Number.NaN));
    const optimizer = new SGD(trainedParameters(options, method), { lr: 0.1, momentum: 0.9 });
    const outcome = await makeStep(options, optimizer, method).run(batch, {
      step: 0,
      learningRate: 0.1,
      progress: 0,
    });
    expect(outcome).toMatchObject({ loss: Number.NaN, refused: 'the loss is' });
    expect(await valuesOf(tensors)).toEqual(before);
    for (const values of await valuesOf(optimizer.stateDict().values())) expect(new Set(values)).toEqual(new Set([0]));
  });

  test('running statistics that overflow, though everything else is finite', async () => {
    for (const loss of [{ name: 'nt-xent' } as const, ordinary]) {
      const options = optionsOf({ loss, batchSize: 8 });
      const [first] = parametersOf(options) as [Tensor];
      noGrad(() => first.mul_(1e25)); // the variance of what it makes is beyond float32
      const tensors = [...parametersOf(options), ...buffersOf(options)];
      const before = await valuesOf(tensors);
      const { loss: value, refused } = await gradientOf(tinyDataset(), options);
      expect(value).toBeGreaterThan(0);
      expect(refused).toBe('the features or the running statistics are');
      expect(await valuesOf(tensors)).toEqual(before);
    }
  });

  test('a loss that throws puts running statistics back', async () => {
    const boom: CustomLoss = () => {
      throw new RangeError('boom');
    };
    const { failure, before, after } = await fitted({ loss: boom });
    expect(failure).toBeInstanceOf(RangeError);
    expect(after).toEqual(before);
  });

  test('a native loss that fails puts them back too', async () => {
    const options = optionsOf({ loss: { name: 'supcon' }, batchSize: 8 });
    const tensors = [...parametersOf(options), ...buffersOf(options)];
    const before = await valuesOf(tensors);
    using batch = await firstBatch(tinyDataset(), options);
    const short = { ...batch, labels: new Int32Array(5) };
    const step = makeStep(options, new SGD(parametersOf(options), { lr: 1 }), makeMethod(options));
    await expect(step.run(short, { step: 0, learningRate: 1, progress: 0 })).rejects.toMatchObject({
      code: 'ERR_SHAPE',
    });
    expect(await valuesOf(tensors)).toEqual(before);
  });
});

describe('a later step, refused', () => {
  test('leaves what the steps before it made', async () => {
    const run = async (poisonAt: number, epochs: number) => {
      let calls = 0;
      const loss: CustomLoss = (features) =>
        (++calls === poisonAt ? finiteLossNaNGradient : ordinary)(features, {} as never);
      const models = tinyModels();
      const fit = new Trainer({
        ...models,
        loss,
        augment: tinyViews(),
        batchSize: 8,
        epochs,
        seed: 3,
        schedule: { name: 'constant' },
      }).fit(tinyDataset(8));
      return {
        end: await fit.catch((error: unknown) => error),
        state: await valuesOf(models.encoder.stateDict().values()),
      };
    };
    const stopped = await run(3, 3);
    expect(stopped.end).toMatchObject({ code: 'ERR_NON_FINITE', step: 3 });
    expect(stopped.state).toEqual((await run(0, 2)).state);
  });
});

describe('a step that was enqueued behind one that is refused, or fails', () => {
  /** Two steps at once, of which `spoil` spoils the first. */
  async function twoSteps(options: ResolvedOptions, spoil: (batch: TrainBatch) => Partial<TrainBatch>) {
    const method = makeMethod(options);
    const optimizer = new SGD(trainedParameters(options, method), { lr: 0.1, momentum: 0.9 });
    const state = [...parametersOf(options), ...buffersOf(options), ...optimizer.stateDict().values()];
    state.push(...method.stateDict().values());
    const before = await valuesOf(state);
    const step = makeStep(options, optimizer, method);
    const [spoilt, good] = [await firstBatch(tinyDataset(), options), await firstBatch(tinyDataset(), options)];
    const context = { step: 0, learningRate: 0.1, progress: 0 };
    const outcomes = await Promise.allSettled([
      step.run({ ...spoilt, ...spoil(spoilt) }, context),
      step.run(good, context),
    ]);
    return { outcomes, before, after: await valuesOf(state), again: () => step.run(good, context) };
  }

  const methodKinds: [string, Partial<TrainerOptions>][] = [
    ['alone', { loss: { name: 'supcon' } }],
    ['moco', { method: moco({ queueSize: 16, loss: { name: 'supcon' } }) }],
  ];

  test.each(methodKinds)('changes nothing, NaN: %s', async (_, chosen) => {
    const { outcomes, before, after, again } = await twoSteps(optionsOf({ ...chosen, batchSize: 8 }), ({ images }) => {
      for (const each of images) noGrad(() => each.narrow(0, 1, 1).fill_(Number.NaN));
      return {};
    });
    expect(outcomes).toMatchObject([{ value: { refused: 'the loss is' } }, { reason: { code: 'ERR_STATE' } }]);
    expect(after).toEqual(before);
    await expect(again()).rejects.toMatchObject({ code: 'ERR_STATE', message: /stopped at an earlier step/ });
  });

  test.each(methodKinds)('changes nothing, a failure in a job: %s', async (_, chosen) => {
    const { outcomes, before, after } = await twoSteps(optionsOf({ ...chosen, batchSize: 8 }), () => ({
      labels: Int32Array.of(0, 1, 2, 3, 4, 5, 6, -1),
    }));
    expect(outcomes).toMatchObject([{ reason: { code: 'ERR_OPTION' } }, { reason: { code: 'ERR_STATE' } }]);
    expect(after).toEqual(before);
  });

  test('changes nothing where the metrics of the first fail, but not its loss', async () => {
    const options = optionsOf({ loss: ordinary, batchSize: 8 });
    const { outcomes, before, after } = await twoSteps(options, () => ({ labels: new Int32Array(8).fill(-1) }));
    expect(outcomes).toMatchObject([{ reason: { code: 'ERR_OPTION' } }, { reason: { code: 'ERR_STATE' } }]);
    expect(after).toEqual(before);
  });
});

test.each(['sgd', 'adamw', 'lars'] as const)('%s: large finite gradients still train', async (name) => {
  const models = tinyModels();
  const loss: CustomLoss = (features) => ops.mul(features.square().mean(), 1e20); // its squares overflow
  const before = await valuesOf(models.encoder.parameters());
  const end = await new Trainer({
    ...models,
    loss,
    augment: tinyViews(),
    batchSize: 8,
    epochs: 1,
    optimizer: { name, lr: 1e-22 },
  }).fit(tinyDataset(8));
  expect(end.step).toBe(1);
  const after = await valuesOf(models.encoder.parameters());
  expect(after.flat().every(Number.isFinite)).toBe(true);
  if (name === 'sgd') expect(after).not.toEqual(before);
});
