import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../lib/checkpoint/run.ts';
import type { Dataset } from '../../lib/data/dataset.ts';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { supConLoss } from '../../lib/losses/sup-con.ts';
import type { CustomLoss } from '../../lib/methods/custom-loss.ts';
import type { CustomHead } from '../../lib/methods/network.ts';
import { Network } from '../../lib/methods/network.ts';
import { Views } from '../../lib/methods/views.ts';
import { Dropout } from '../../lib/nn/dropout.ts';
import { Module } from '../../lib/nn/module.ts';
import { SGD } from '../../lib/optim/sgd.ts';
import { noGrad, onInteractiveStream } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { makeCachedStep } from '../../lib/train/cached-step.ts';
import type { StepEvent } from '../../lib/train/events.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { makeMethod } from '../../lib/train/trained.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { collect } from '../collect.ts';
import {
  buffersOf,
  farthest,
  firstBatch,
  firstLargeBatch,
  gradientOf,
  optionsOf,
  parametersOf,
  valuesOf,
} from './one-step.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-caching-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function customHead(featureDim: number): CustomHead {
  const weight = ops.randn([8, featureDim], { seed: 5 }).mul(0.3).detach();
  weight.requiresGrad = true;
  return {
    forward: (features) => ops.linear(features, weight).tanh(),
    namedParameters: () => new Map([['weight', weight]]),
  };
}

const customLoss: CustomLoss = (features, { labels }) => supConLoss(features, { labels: labels as Tensor });

/** Options whose encoder and head normalise with their running statistics: no sample looks at another. */
function inEvaluation(options: Partial<TrainerOptions>) {
  const resolved = optionsOf(options);
  for (const module of [resolved.encoder, resolved.head]) if (module instanceof Module) module.eval();
  return resolved;
}

describe('a step with cached gradients', () => {
  const cases: [string, () => Partial<TrainerOptions>][] = [
    ['supcon', () => ({})],
    ['nt-xent, three views', () => ({ loss: { name: 'nt-xent', temperature: 0.5 }, views: 3 })],
    ['a loss in TypeScript', () => ({ loss: customLoss })],
    [
      'a head in TypeScript',
      () => {
        const { encoder } = tinyModels();
        return { encoder, head: customHead(encoder.featureDim) };
      },
    ],
    ['no head', () => ({ head: null })],
  ];
  test('drops in the second pass what the first one dropped', async () => {
    class Dropping extends Module {
      readonly encoder = tinyModels().encoder;
      readonly featureDim = this.encoder.featureDim;
      readonly dropout = new Dropout(0.5);

      override forward(x: Tensor): Tensor {
        return this.dropout.forward(this.encoder.forward(x));
      }
    }
    const encoder = new Dropping();
    const outputs: Tensor[] = [];
    encoder.dropout.registerForwardHook((_module, _inputs, output) => {
      outputs.push(output);
      return undefined;
    });
    await gradientOf(tinyDataset(), optionsOf({ encoder, microBatch: 4 }));
    const values = await valuesOf(outputs);
    expect(values).toHaveLength(8); // four micro-batches, twice
    expect(values.slice(4)).toEqual(values.slice(0, 4));
    expect(new Set(values.slice(0, 4).map((each) => each.map((value) => value === 0).join())).size).toBe(4);
  });

  test('has gradients inside a noGrad too, as a step at once has', async () => {
    const { encoder, head } = tinyModels();
    const options = { encoder, head, augment: tinyViews(), batchSize: 8, epochs: 1, microBatch: 4 };
    const end = await noGrad(() => new Trainer({ ...options, method: 'simclr' }).fit(tinyDataset(8)));
    expect(end.step).toBe(1);
  });

  test.each(cases)('has the gradient of the whole batch: %s', async (_, make) => {
    const whole = await gradientOf(tinyDataset(), inEvaluation(make()));
    const size = farthest(
      whole.gradient,
      whole.gradient.map((values) => values.map(() => 0)),
    );
    expect(size).toBeGreaterThan(1e-2);
    for (const microBatch of [8, 4, 5, 1]) {
      const cached = await gradientOf(tinyDataset(), inEvaluation({ ...make(), microBatch }));
      expect(farthest(cached.gradient, whole.gradient)).toBeLessThan(1e-5);
      expect(cached.loss).toBeCloseTo(whole.loss, 5);
      expect(cached.metrics?.top1).toBeCloseTo(whole.metrics?.top1 as number, 6);
      expect(cached.validAnchors).toBe(whole.validAnchors);
    }
  });

  test('moves running statistics by its second pass alone', async () => {
    const make = () => {
      const { encoder } = tinyModels();
      const head = projectionHead({
        layers: 3,
        batchNorm: 'all',
        inFeatures: encoder.featureDim,
        outFeatures: 16,
        seed: 1,
      });
      return optionsOf({ encoder, head, microBatch: 5 });
    };
    const options = make();
    const result = await gradientOf(tinyDataset(), options);
    expect(result.loss).toBeGreaterThan(0);

    const alone = make();
    const features: Tensor[] = [];
    for await (const micro of (await firstLargeBatch(tinyDataset(), alone)).microBatches())
      features.push(new Network(alone, 'float32').features(new Views(micro.images, micro.viewOrder)));
    expect(features).toHaveLength(4);
    expect(await valuesOf(buffersOf(options))).toEqual(await valuesOf(buffersOf(alone)));
    const [tracked] = await valuesOf([alone.encoder.namedBuffers().get('bn1.num_batches_tracked') as Tensor]);
    expect(tracked).toEqual([4]);
  });

  test('makes the same views in every pass, those of the whole batch', async () => {
    const options = optionsOf({ microBatch: 5 });
    const large = await firstLargeBatch(tinyDataset(), options);
    const passes: number[][][] = [];
    for (let pass = 0; pass < 2; pass++) {
      const views: number[][] = [[], []];
      for await (const micro of large.microBatches()) {
        const values = Array.from(await (micro.images[0] as Tensor).data(), Number);
        views[0]?.push(...values.slice(0, values.length / 2));
        views[1]?.push(...values.slice(values.length / 2));
      }
      passes.push(views);
    }
    using whole = await firstBatch(tinyDataset(), options);
    const values = Array.from(await (whole.images[0] as Tensor).data(), Number);
    expect(passes[0]).toEqual(passes[1]);
    expect(passes[0]?.flat()).toEqual(values);
  });

  test('takes micro-batches as even as can be', async () => {
    const batches = [16, 15, 8, 7, 5, 3, 1].map((microBatch) =>
      firstLargeBatch(tinyDataset(), optionsOf({ microBatch })),
    );
    const sizes = (await Promise.all(batches)).map(({ microBatch }) => microBatch);
    expect(sizes).toEqual([16, 8, 8, 6, 4, 3, 1]);
  });

  test('leaves weights and statistics alone when the loss is not finite', async () => {
    const options = optionsOf({ microBatch: 5, loss: (features) => features.sum().mul(Number.NaN) });
    const tensors = [...parametersOf(options), ...buffersOf(options)];
    const before = await valuesOf(tensors);
    expect((await gradientOf(tinyDataset(), options)).loss).toBeNaN();
    expect(await valuesOf(tensors)).toEqual(before);
  });

  test('undone by a sample that fails in the second pass, named by its index in the data set', async () => {
    const dataset = tinyDataset();
    let reads = 0;
    const failing: Dataset = {
      ...dataset,
      get(index) {
        if (++reads === 30) throw new Error('boom');
        return dataset.get(index);
      },
    };
    const options = optionsOf({ microBatch: 5 });
    const tensors = [...parametersOf(options), ...buffersOf(options)];
    const before = await valuesOf(tensors);
    const step = makeCachedStep(options, new SGD(parametersOf(options), { lr: 1 }), makeMethod(options));
    const context = { step: 0, learningRate: 1, progress: 0, signal: undefined };
    await expect(step.run(await firstLargeBatch(failing, options), context)).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/batch 1 of epoch 1: sample \d+: .*sample \d+: boom/),
    });
    expect(await valuesOf(tensors)).toEqual(before);
  });
});

describe('a trainer with micro-batches', () => {
  const make = (options: Partial<TrainerOptions> = {}): Trainer =>
    new Trainer({
      ...tinyModels(),
      augment: tinyViews(),
      batchSize: 16,
      microBatch: 5,
      epochs: 3,
      seed: 3,
      optimizer: { name: 'sgd', lr: 0.05 },
      ...options,
    });

  test('trains, by a step event for each whole batch, and leaves no tensors behind', async () => {
    const steps: StepEvent[] = [];
    const onEvent = (event: { kind: string }) => event.kind === 'step' && steps.push(event as StepEvent);
    const trainer = make();
    const end = await trainer.fit(tinyDataset(48), { onEvent });
    expect(steps).toHaveLength(9);
    expect(end.loss).toBeLessThan(steps[0]?.loss as number);
    expect(steps[0]).toMatchObject({ validAnchors: 32, metrics: { validAnchors: 32 } });
    await collect();
    const before = memory().tensors;
    await trainer.fit(tinyDataset(48));
    expect(memory().tensors).toBeLessThanOrEqual(before);
  });

  test('in bfloat16, and with a batch of one class', async () => {
    const warnings: string[] = [];
    await make({ precision: 'bfloat16' }).fit(tinyDataset(48, { oneClass: true }), {
      onEvent: (event) => event.kind === 'warning' && warnings.push(event.message),
    });
    const ofData = warnings.filter((warning) => !warning.startsWith('bfloat16 is emulated'));
    expect(ofData).toEqual([expect.stringMatching(/one class/)]);
  });

  test('keeps neither interactive work nor the event loop waiting for a step', async () => {
    const trainer = make({ microBatch: 1, epochs: 1 });
    const order: string[] = [];
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    for await (const event of trainer.events(tinyDataset(16))) {
      order.push(event.kind);
      if (event.kind !== 'start') continue;
      void onInteractiveStream(() => ops.randn([8, 8]).sum().item()).then(() => order.push('interactive'));
    }
    clearInterval(ticking);
    expect(order).toEqual(['start', 'interactive', 'step', 'epoch', 'end']);
    expect(turns).toBeGreaterThan(10);
  });

  test('stops between micro-batches; resumed, it ends where the uninterrupted run does', async () => {
    const whole = tinyModels();
    await make(whole).fit(tinyDataset(48));

    const out = join(folder, 'stopped');
    const controller = new AbortController();
    const dataset = tinyDataset(48);
    let reads = 0;
    const stopping: Dataset = {
      ...dataset,
      // The fifth step is in its second pass: 4 · 32 samples were read for the steps before, and 16 for the first pass.
      get(index) {
        if (++reads === 4 * 32 + 16 + 12) controller.abort();
        return dataset.get(index);
      },
    };
    await expect(make().fit(stopping, { out, signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect((await openCheckpoint(out)).checkpoint.state.step).toBe(4);

    await expect(make({ microBatch: 4 }).fit(tinyDataset(48), { out, resume: true })).rejects.toThrow(
      /cannot resume: microBatch was 5, and is now 4/,
    );
    const resumed = tinyModels(99);
    await make(resumed).fit(tinyDataset(48), { out, resume: true });
    const tensors = ({ encoder, head }: typeof whole) => [
      ...encoder.stateDict().values(),
      ...head.stateDict().values(),
    ];
    expect(await valuesOf(tensors(resumed))).toEqual(await valuesOf(tensors(whole)));
  });

  test('options', () => {
    expect(() => make({ microBatch: 0 })).toThrow(/microBatch must be an integer >= 1/);
    expect(() => make({ microBatch: 17 })).toThrow(/microBatch must be an integer >= 1 and <= 16, got 17/);
    expect(() => make({ metrics: 1 as never })).toThrow(/metrics must be/);
  });
});
