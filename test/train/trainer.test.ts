import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { augment, setAugmentThreads } from '../../lib/augment/augment.ts';
import { presets } from '../../lib/augment/presets.ts';
import { randomCrop } from '../../lib/augment/random-crop.ts';
import { openCheckpoint, RunFolder } from '../../lib/checkpoint/run.ts';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { concat } from '../../lib/data/concat.ts';
import { type Dataset, subset } from '../../lib/data/dataset.ts';
import { extractFeatures } from '../../lib/evaluate/features.ts';
import { moco } from '../../lib/methods/moco.ts';
import type { CustomHead } from '../../lib/methods/network.ts';
import type { Module } from '../../lib/nn/module.ts';
import type { OptimizerSpec } from '../../lib/optim/optimizer.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import type { TrainEvent } from '../../lib/train/events.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { collect } from '../collect.ts';
import { firstBatch, optionsOf } from './one-step.ts';
import { size, tinyDataset, tinyModels, tinyViews } from './tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-train-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const make = (options: Partial<TrainerOptions> = {}): Trainer =>
  new Trainer({ ...tinyModels(), augment: tinyViews(), batchSize: 8, epochs: 2, seed: 3, ...options });

async function weights(module: Module): Promise<number[][]> {
  return Promise.all(module.parameters().map(async (value) => Array.from(await value.data(), Number)));
}

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('a run', () => {
  test('reports start, steps, epochs and end, and the loss falls', async () => {
    const events: TrainEvent[] = [];
    const end = await make({ epochs: 6 }).fit(tinyDataset(), { onEvent: (event) => events.push(event) });
    expect(events.map((event) => event.kind)).toEqual([
      'start',
      ...new Array(6).fill(['step', 'step', 'step', 'step', 'step', 'epoch']).flat(),
      'end',
    ]);
    const steps = events.filter((event) => event.kind === 'step');
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    for (const { validAnchors, metrics } of steps) {
      expect(validAnchors).toBe(16);
      expect(metrics).toMatchObject({ validAnchors: 16 });
    }
    expect(steps.at(-1)?.metrics?.top1).toBeGreaterThan(steps[0]?.metrics?.top1 as number);
    const losses = events.filter((event) => event.kind === 'epoch').map(({ loss }) => loss);
    expect(losses.at(-1)).toBeLessThan(losses[0] as number);
    expect(end).toMatchObject({ kind: 'end', step: 30, loss: losses.at(-1) });
    expect(end.samplesPerSecond).toBeGreaterThan(0);
  });

  test('trains the encoder and the head, by every optimizer and both named losses', async () => {
    for (const optimizer of [
      { name: 'sgd', lr: 0.1, momentum: 0.9 },
      { name: 'adamw', lr: 0.01 },
      { name: 'lars', lr: 1 },
    ] as const)
      for (const loss of [
        { name: 'supcon', variant: 'in' },
        { name: 'nt-xent', temperature: 0.2 },
      ] as const) {
        const models = tinyModels();
        const before = [await weights(models.encoder), await weights(models.head)];
        await make({ ...models, optimizer, loss, epochs: 1 }).fit(tinyDataset());
        const after = [await weights(models.encoder), await weights(models.head)];
        expect(after[0]).not.toEqual(before[0]);
        expect(after[1]).not.toEqual(before[1]);
      }
  });

  test('is a function of its seeds', async () => {
    const results = [];
    for (const seed of [3, 3, 4]) {
      const models = tinyModels();
      await make({ ...models, seed }).fit(tinyDataset());
      results.push(await weights(models.encoder));
    }
    expect(results[0]).toEqual(results[1]);
    expect(results[0]).not.toEqual(results[2]);
  });

  test('bfloat16 comes near float32', async () => {
    const losses = [];
    for (const precision of ['float32', 'bfloat16'] as const)
      losses.push((await make({ precision, epochs: 1 }).fit(tinyDataset())).loss);
    expect(losses[1]).not.toBe(losses[0]);
    expect(Math.abs((losses[1] as number) / (losses[0] as number) - 1)).toBeLessThan(0.1);
  });

  test('metrics take the positives that the loss has, and can be left out', async () => {
    const anchorsOf = async (options: Partial<TrainerOptions>): Promise<(number | undefined)[]> => {
      const anchors: (number | undefined)[] = [];
      const step = (event: TrainEvent) => event.kind === 'step' && anchors.push(event.metrics?.positiveSimilarity);
      await make({ ...options, epochs: 1 }).fit(tinyDataset(40), { onEvent: step });
      return anchors;
    };
    const byLabel = await anchorsOf({});
    const byView = await anchorsOf({ loss: { name: 'nt-xent', lossScale: 1 } });
    expect(byLabel[0]).toBeGreaterThan(0);
    expect(byView[0]).not.toBeCloseTo(byLabel[0] as number, 3); // the same views before the first update
    expect(await anchorsOf({ metrics: false })).toEqual(new Array(5).fill(undefined));
    const custom = (features: Tensor): Tensor => features.square().mean();
    expect((await anchorsOf({ loss: custom }))[0]).toBeCloseTo(byLabel[0] as number, 5);
  });

  test("a monitor sees the weights of its epoch, with every optimizer's", async () => {
    const optimizers: OptimizerSpec[] = [
      { name: 'sgd', lr: 0.1, momentum: 0.9 },
      { name: 'adamw', lr: 0.01 },
      { name: 'lars', lr: 1 },
    ];
    for (const optimizer of optimizers) {
      const models = tinyModels();
      const seen: number[][] = [];
      await new Trainer({ ...models, augment: tinyViews(), batchSize: 8, epochs: 3, optimizer }).fit(tinyDataset(), {
        monitors: [
          async () => {
            const evaluation = presets.evaluation({ size, mean: 0.4, std: 0.25, channels: 1 });
            const { features } = await extractFeatures(models.encoder, tinyDataset(8), { evaluation });
            using owned = features;
            seen.push(Array.from(await owned.data(), Number));
            return {};
          },
        ],
      });
      const [one, two, three] = seen as [number[], number[], number[]];
      expect(one).not.toEqual(two);
      expect(two).not.toEqual(three);
    }
  });

  test('the monitor runs after each epoch in evaluation mode', async () => {
    const models = tinyModels();
    const seen: unknown[] = [];
    const events: TrainEvent[] = [];
    await make(models).fit(tinyDataset(), {
      monitors: [
        ({ epoch, step }) => {
          seen.push([epoch, step, models.encoder.training]);
          return { answer: 42 };
        },
      ],
      onEvent: (event) => events.push(event),
    });
    expect(seen).toEqual([
      [0, 5, false],
      [1, 10, false],
    ]);
    expect(events.find((event) => event.kind === 'epoch')).toMatchObject({ metrics: { answer: 42 } });
  });

  test('leaves no tensors behind', async () => {
    const trainer = make();
    await trainer.fit(tinyDataset());
    await collect();
    const before = memory().tensors;
    await trainer.fit(tinyDataset());
    for await (const event of trainer.events(tinyDataset())) if (event.kind === 'step') break;
    expect(memory().tensors).toBeLessThanOrEqual(before);
  });
});

describe('losses and heads written in TypeScript', () => {
  const supCon = (features: Tensor, labels: Tensor | undefined, temperature: number): Tensor => {
    const [batch, views, dim] = features.shape as [number, number, number];
    const rows = batch * views;
    const z = features.transpose(0, 1).reshape([rows, dim]);
    const unit = z.div(z.norm(2, [1], true));
    const self = ops.eye(rows).gt(0);
    const similarities = unit.matmul(unit.t()).div(temperature).maskedFill(self, Number.NEGATIVE_INFINITY);
    const all = (labels as Tensor).repeat([views]);
    const positives = all.unsqueeze(0).eq(all.unsqueeze(1)).logicalAnd(self.logicalNot()).to('float32');
    const logProbability = similarities.sub(similarities.logsumexp([1], true)).maskedFill(self, 0);
    return logProbability
      .mul(positives)
      .sum([1])
      .div(positives.sum([1]))
      .mean()
      .neg();
  };

  test('a SupCon in TypeScript trains as the native one', async () => {
    const results = [];
    for (const loss of [
      { name: 'supcon', temperature: 0.1 } as const,
      (features: Tensor, { labels }: { labels: Tensor | undefined }) => supCon(features, labels, 0.1),
    ]) {
      const models = tinyModels();
      const losses: number[] = [];
      // A low rate: rounding differs between the two, and a few large steps through batch norm would amplify it.
      await make({ ...models, loss, optimizer: { name: 'sgd', lr: 0.001 } }).fit(tinyDataset(), {
        onEvent: (event) => event.kind === 'step' && losses.push(event.loss),
      });
      results.push(losses);
    }
    for (const [i, value] of (results[0] as number[]).entries()) expect(results[1]?.[i]).toBeCloseTo(value, 3);
  });

  test('a head in TypeScript trains with a native loss', async () => {
    const { encoder } = tinyModels();
    const weight = ops.randn([8, encoder.featureDim], { seed: 5 }).mul(0.1).detach();
    weight.requiresGrad = true;
    const head: CustomHead = {
      forward: (features) => ops.linear(features, weight),
      namedParameters: () => new Map([['weight', weight]]),
    };
    const before = Array.from(await weight.data(), Number);
    const end = await make({ encoder, head }).fit(tinyDataset());
    expect(end.loss).toBeGreaterThan(0);
    expect(Array.from(await weight.data(), Number)).not.toEqual(before);
  });

  test('a loss that returns no tensor, or NaN, is refused', async () => {
    await expect(make({ loss: (() => 1) as never }).fit(tinyDataset())).rejects.toEqual(code('ERR_OPTION'));
    const models = tinyModels();
    const before = await weights(models.encoder);
    const nan = (features: Tensor): Tensor => features.sum().mul(Number.NaN);
    await expect(make({ ...models, loss: nan }).fit(tinyDataset())).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      step: 1,
    });
    expect(await weights(models.encoder)).toEqual(before);
  });
});

describe('a run on disk', () => {
  test('writes its config, metrics and checkpoints', async () => {
    const out = join(folder, 'written');
    await make().fit(tinyDataset(), { out });
    const run = await RunFolder.open(out);
    expect(run.config).toMatchObject({
      encoder: { name: 'resnet18', stem: 'cifar', width: 4, inChannels: 1 },
      method: { name: 'supcon' },
      input: { size: 12, channels: 1, mean: [0.4], std: [0.25] },
      batchSize: 8,
      epochs: 2,
    });
    const records = await run.metrics.read();
    expect(records.filter(({ kind }) => kind === 'step')).toHaveLength(10);
    expect(records.filter(({ kind }) => kind === 'epoch')).toHaveLength(2);
    const { model, state } = await run.loadCheckpoint('latest');
    expect(state).toMatchObject({ step: 10, epoch: 2 });
    expect([...model.keys()].some((name) => name === 'encoder.conv1.weight')).toBe(true);
    expect([...model.keys()].some((name) => name.startsWith('head.'))).toBe(true);
  });

  test('resumed, it ends where the uninterrupted one does', async () => {
    const whole = tinyModels();
    await make(whole).fit(tinyDataset());

    const out = join(folder, 'resumed');
    const controller = new AbortController();
    const stopped = make().fit(tinyDataset(), {
      out,
      signal: controller.signal,
      onEvent: (event) => event.kind === 'step' && event.step === 7 && controller.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError' });
    const { checkpoint } = await openCheckpoint(out);
    expect(checkpoint.state.step).toBeGreaterThanOrEqual(7);
    expect(checkpoint.state.step).toBeLessThan(10);

    const resumed = tinyModels(99); // other initial weights: all must come from the checkpoint
    const steps: number[] = [];
    await make(resumed).fit(tinyDataset(), {
      out,
      resume: true,
      onEvent: (event) => event.kind === 'step' && steps.push(event.step),
    });
    expect(steps[0]).toBe(checkpoint.state.step + 1);
    expect(steps.at(-1)).toBe(10);
    expect(await weights(resumed.encoder)).toEqual(await weights(whole.encoder));
    const records = await (await RunFolder.open(out)).metrics.read();
    expect(records.filter(({ kind }) => kind === 'step').map(({ step }) => step)).toEqual(
      Array.from({ length: 10 }, (_, i) => i + 1),
    );
  });

  test('a loss that explodes stops with its step and keeps the last good checkpoint', async () => {
    const out = join(folder, 'exploded');
    const models = tinyModels();
    let calls = 0;
    const loss = (features: Tensor): Tensor =>
      ++calls === 8 ? features.sum().div(0).sub(features.sum().div(0)) : features.square().mean();
    await expect(make({ ...models, loss }).fit(tinyDataset(), { out })).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      step: 8,
    });
    expect((await openCheckpoint(out)).checkpoint.state.step).toBe(5);
  });

  test('the native step refuses a NaN too', async () => {
    const models = tinyModels();
    const [weight] = models.encoder.parameters() as [Tensor];
    await weight.detach().fill_(Number.NaN).ready();
    await expect(make(models).fit(tinyDataset())).rejects.toMatchObject({ code: 'ERR_NON_FINITE', step: 1 });
  });

  test('refuses a folder that holds a run, and to resume another run', async () => {
    const out = join(folder, 'taken');
    await make({ epochs: 1 }).fit(tinyDataset(), { out });
    await expect(make().fit(tinyDataset(), { out })).rejects.toEqual(code('ERR_CHECKPOINT'));
    const other = make({ loss: { name: 'supcon', temperature: 0.5 } });
    await expect(other.fit(tinyDataset(), { out, resume: true })).rejects.toThrow(
      /cannot resume: method\.temperature was 0.1, and is now 0\.5/,
    );
    await expect(make().fit(tinyDataset(), { resume: true })).rejects.toEqual(code('ERR_OPTION'));
  });

  test('a default that is written out is no other run', async () => {
    const out = join(folder, 'written-out');
    const plain = {
      optimizer: { name: 'sgd', lr: 0.01 },
      schedule: { name: 'cosine' },
      loss: { name: 'nt-xent' },
    } as const;
    await make({ ...plain, epochs: 1 }).fit(tinyDataset(), { out });
    const written = make({
      optimizer: { ...plain.optimizer, momentum: 0, weightDecay: 0, groups: [] },
      schedule: { ...plain.schedule, minLr: 0, scaling: 'none' },
      loss: { ...plain.loss, temperature: 0.1 },
      epochs: 2,
    });
    expect(await written.fit(tinyDataset(), { out, resume: true })).toMatchObject({ step: 10 });
  });

  test('refuses a damaged checkpoint', async () => {
    const out = join(folder, 'damaged');
    await make({ epochs: 1 }).fit(tinyDataset(), { out });
    const file = join(out, 'checkpoints', '5', 'model.safetensors');
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length - 100));
    await expect(make().fit(tinyDataset(), { out, resume: true })).rejects.toEqual(code('ERR_CHECKPOINT'));
  });
});

describe('what a user gets wrong', () => {
  test('options', () => {
    const wrong: [Partial<TrainerOptions> | object, RegExp][] = [
      [{ batchsize: 8 }, /unknown option 'batchsize'; did you mean 'batchSize'/],
      [{ batchSize: 0 }, /batchSize must be an integer >= 1, got 0/],
      [{ epochs: 1.5 }, /epochs must be an integer/],
      [{ precision: 'bf16' }, /precision must be one of 'auto', 'float32', 'bfloat16'/],
      [{ loss: { name: 'supcom' } }, /did you mean 'supcon'/],
      [{ loss: { name: 'supcon', temprature: 1 } }, /did you mean 'temperature'/],
      [{ loss: { name: 'supcon', temperature: 0 } }, /loss.temperature must be a finite number > 0/],
      [{ encoder: {} }, /encoder must be a Module such as resnet18/],
      [{ encoder: { forward: (x: Tensor) => x } }, /encoder must be a Module such as resnet18/],
      [{ head: { forward: (x: Tensor) => x } }, /head must be a Module, { forward, namedParameters } or null/],
      [{ head: 3 }, /head must be/],
      [{ augment: [] }, /augment must be/],
      [{ augment: presets.simclr }, /augment must be what augment\(\) or a preset returns/],
      [{ augment: [tinyViews()], views: 2 }, /one augmentation a view: expected 2, got 1/],
      [{ optimizer: { name: 'adm', lr: 1 } }, /did you mean 'adam'/],
      [{ schedule: { name: 'cosin' } }, /did you mean 'cosine'/],
      [{ method: 'cross-entropy', metrics: true }, /metrics must be false for the method 'cross-entropy'/],
      [{ method: 'vicreg', batchSize: 1 }, /batchSize must be >= 2 for 'vicreg', which takes variances .*, got 1/],
      [{ seed: 2 ** 53 }, /seed must be an integer >= 0, got 9007199254740992/],
    ];
    for (const [options, message] of wrong) {
      expect(() => make(options as Partial<TrainerOptions>)).toThrow(message);
      expect(() => make(options as Partial<TrainerOptions>)).toThrow(code('ERR_OPTION'));
    }
  });

  test('the largest seed is one', async () => {
    const options = { method: 'byol' as const, head: null, epochs: 1, seed: Number.MAX_SAFE_INTEGER };
    expect(await make(options).fit(tinyDataset())).toMatchObject({ step: 5 });
  });

  test('data', async () => {
    await expect(make().fit(tinyDataset(40, { labels: false }))).rejects.toMatchObject({ code: 'ERR_DATA' });
    await expect(make({ batchSize: 64 }).fit(tinyDataset())).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(make().fit({ ...tinyDataset(), length: 0 })).rejects.toMatchObject({ code: 'ERR_DATA' });
    await make({ loss: { name: 'nt-xent' }, epochs: 1 }).fit(tinyDataset(40, { labels: false }));
  });

  test('options of fit', async () => {
    const dataset = tinyDataset();
    const wrong: [object, RegExp][] = [
      [{ out: '' }, /out must be a non-empty string/],
      [{ out: 5 }, /out must be a non-empty string, got 5/],
      [{ signal: {} }, /signal must be an AbortSignal, got an object/],
      [{ onEvent: 5 }, /onEvent must be a function, got 5/],
      [{ out: 'x', resume: 'yes' }, /resume must be true or false/],
      [{ checkpointEvery: 0 }, /checkpointEvery must be an integer >= 1/],
      [{ data: 'mnist' }, /data: options must be a plain object/],
      [{ data: { name: '', path: null, limit: null } }, /data\.name must be a non-empty string/],
      [{ data: { name: 'x', path: 3, limit: null } }, /data\.path must be/],
      [{ data: { name: 'x', path: null, limit: 0 } }, /data\.limit must be an integer >= 1/],
      [{ data: { name: 'x', pathe: null } }, /did you mean 'path'/],
      [{ best: 'knnTop1', out: 'x' }, /best needs out, the folder of the run, and monitors/],
      [{ best: 'knnTop1', monitors: [() => ({ knnTop1: 1 })] }, /best needs out/],
      [{ verbose: true }, /known: (?!.*(preset|recipe)).*monitors.*best$/],
    ];
    for (const [options, message] of wrong)
      await expect(make({ epochs: 1 }).fit(dataset, options), String(message)).rejects.toMatchObject({
        code: 'ERR_OPTION',
        message: expect.stringMatching(message),
      });
    await make({ epochs: 1 }).fit(dataset, { monitors: [() => undefined] });
  });

  const warningsOf = async (dataset: Dataset, options: Partial<TrainerOptions>): Promise<string[]> => {
    const warnings: string[] = [];
    const onEvent = (event: TrainEvent) => event.kind === 'warning' && warnings.push(event.message);
    await make(options).fit(dataset, { onEvent });
    return warnings;
  };

  test('a batch that nobody chose takes a small data set whole, and says so', async () => {
    const { batchSize: _, ...options } = { ...tinyModels(), augment: tinyViews(), epochs: 1, batchSize: 0 };
    const events: TrainEvent[] = [];
    await new Trainer(options).fit(tinyDataset(), { onEvent: (event) => events.push(event) });
    expect(events.find((event) => event.kind === 'warning')).toMatchObject({
      message: expect.stringMatching(/has 40 samples, fewer than the default batchSize of 256/),
    });
    expect(events.find((event) => event.kind === 'start')).toMatchObject({ stepsPerEpoch: 1 });
    await expect(make({ batchSize: 41 }).fit(tinyDataset())).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/^batchSize must be at most the 40 samples of .*, got 41$/),
    });
  });

  test('a batch of one, which teaches nothing, is a warning, once', async () => {
    const one = { batchSize: 1, epochs: 2 };
    const expected = [expect.stringMatching(/batchSize is 1: .*nothing is learned/)];
    expect(await warningsOf(tinyDataset(4), { ...one, loss: { name: 'nt-xent' } })).toEqual(expected);
    const queue = { method: moco({ queueSize: 8 }) };
    expect(await warningsOf(tinyDataset(4), { ...one, ...queue })).toEqual([]);
    expect(await warningsOf(tinyDataset(4), { ...one, loss: (features) => features.square().mean() })).toEqual([]);
  });

  test('a first epoch without any positive is a warning, once', async () => {
    const pixels = Uint8Array.from({ length: 16 * 144 }, (_, i) => (i * i * 7) % 251);
    const labels = Int32Array.from({ length: 16 }, (_, n) => n);
    const distinct = arrayDataset(pixels, { shape: [16, 12, 12, 1], labels });
    const noPairs = expect.stringMatching(/no two images of a batch are of one class/);
    expect(await warningsOf(distinct, { views: 1 })).toEqual([
      noPairs,
      expect.stringMatching(/no image of the first epoch had/),
    ]);
    expect(await warningsOf(distinct, { views: 2 })).toEqual([noPairs]);
    expect(await warningsOf(distinct, { views: 2, method: 'simclr' })).toEqual([]);
  });

  test('a batch of one class is a warning, once', async () => {
    const warnings: string[] = [];
    await make().fit(tinyDataset(40, { oneClass: true }), {
      onEvent: (event) => event.kind === 'warning' && warnings.push(event.message),
    });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/one class/);
  });

  test('equal ids in a batch are a warning, once, in parts of a batch too; not of a classifier', async () => {
    const whole = tinyDataset(40);
    const constant: Dataset = { ...whole, get: async (index) => ({ ...(await whole.get(index)), id: 3 }) };
    const warningsOf = async (dataset: Dataset, options: Partial<TrainerOptions> = {}): Promise<string[]> => {
      const warnings: string[] = [];
      await make({ metrics: false, epochs: 1, ...options }).fit(dataset, {
        onEvent: (event) => event.kind === 'warning' && warnings.push(event.message),
      });
      return warnings;
    };
    const once = [expect.stringMatching(/same id/)];
    expect(await warningsOf(constant)).toEqual(once);
    expect(await warningsOf(constant, { microBatch: 4 })).toEqual(once);
    expect(await warningsOf(concat([constant, constant]))).toEqual([]);
    expect(
      await warningsOf(
        subset(
          constant,
          Array.from({ length: 40 }, (_, i) => i >> 1),
        ),
      ),
    ).toEqual([]);
  });

  test('an image that the views cannot take is named', async () => {
    const whole = tinyDataset();
    const small: Dataset = {
      ...whole,
      get: async (index) => ({ ...(await whole.get(index)), ...(index === 7 && { height: 6, width: 24 }) }),
    };
    const crop = augment([randomCrop(size)]);
    const fitting = (dataset: Dataset): Promise<unknown> => make({ augment: crop, epochs: 1 }).fit(dataset);
    await expect(fitting(small)).rejects.toMatchObject({
      code: 'ERR_SHAPE',
      message: expect.stringMatching(/^array: samples\[\d\] \(id 7\): /),
    });
    const first = subset(small, [7, ...Array.from({ length: 20 }, (_, i) => i + 8)]);
    await expect(fitting(first)).rejects.toMatchObject({
      code: 'ERR_SHAPE',
      message: expect.stringMatching(/^array: sample/),
    });
  });

  test('the same seed gives the same bits, whatever the augmentation threads', async () => {
    const trained = async (threads: number): Promise<number[][]> => {
      setAugmentThreads(threads);
      const models = tinyModels();
      await make({ ...models, epochs: 1 }).fit(tinyDataset());
      return weights(models.encoder);
    };
    const first = await trained(1);
    expect(await trained(3)).toEqual(first);
    expect(await trained(1)).toEqual(first);
  });

  test('copies of a sample get views of their own', async () => {
    const copies = subset(tinyDataset(), new Array<number>(16).fill(5));
    const options = optionsOf({ augment: tinyViews() });
    using batch = await firstBatch(copies, options);
    const values = await (batch.images[0] as Tensor).data();
    const size = values.length / (2 * 16);
    const views = Array.from({ length: 16 }, (_, i) =>
      Array.from(values.subarray(i * size, (i + 1) * size) as Float32Array).join(),
    );
    expect(new Set(views).size).toBeGreaterThan(8);
  });

  test('a device that is not there, at once and with the reason', () => {
    for (const device of ['gpu', 'cuda:99']) expect(() => make({ device })).toThrow(code('ERR_DEVICE'));
  });

  test('an abort before the start, and a second fit at once', async () => {
    await expect(make().fit(tinyDataset(), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    const trainer = make({ epochs: 1 });
    const first = trainer.fit(tinyDataset());
    await expect(trainer.fit(tinyDataset())).rejects.toMatchObject({ code: 'ERR_STATE' });
    await first;
  });

  test('a model that does not fit the images', async () => {
    const { encoder } = tinyModels();
    await expect(make({ encoder, head: tinyModels().encoder }).fit(tinyDataset())).rejects.toMatchObject({
      code: 'ERR_SHAPE',
    });
    expect(tensor([1]).shape).toEqual([1]);
  });
});
