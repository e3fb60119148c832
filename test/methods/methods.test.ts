/** What holds for every method: it trains, keeps its state in the run, and says what it does not go with. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { multiCrop } from '../../lib/augment/multi-crop.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { openCheckpoint, RunFolder } from '../../lib/checkpoint/run.ts';
import { linearHead } from '../../lib/encoders/linear-head.ts';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { vitTi16 } from '../../lib/encoders/vision-transformer.ts';
import type { LossValue } from '../../lib/losses/all.ts';
import { barlowTwins } from '../../lib/methods/barlow-twins.ts';
import { byol } from '../../lib/methods/byol.ts';
import { crossEntropy } from '../../lib/methods/cross-entropy.ts';
import { dcl } from '../../lib/methods/dcl.ts';
import { dino } from '../../lib/methods/dino.ts';
import { FeatureMethod, type Method, type MethodParts } from '../../lib/methods/method.ts';
import { moco } from '../../lib/methods/moco.ts';
import { mocoV3 } from '../../lib/methods/moco-v3.ts';
import { Network } from '../../lib/methods/network.ts';
import { nnclr } from '../../lib/methods/nnclr.ts';
import { defineMethod, type MethodSpec, methodNames, methodOf } from '../../lib/methods/registry.ts';
import { simclr } from '../../lib/methods/simclr.ts';
import { simsiam } from '../../lib/methods/simsiam.ts';
import { supcon } from '../../lib/methods/supcon.ts';
import { swav } from '../../lib/methods/swav.ts';
import { Teacher } from '../../lib/methods/teacher.ts';
import { vicreg } from '../../lib/methods/vicreg.ts';
import { Views } from '../../lib/methods/views.ts';
import { MultiheadAttention } from '../../lib/nn/attention.ts';
import { Dropout } from '../../lib/nn/dropout.ts';
import { Module } from '../../lib/nn/module.ts';
import { BatchNorm2d } from '../../lib/nn/normalization.ts';
import { StochasticDepth } from '../../lib/nn/stochastic-depth.ts';
import { makeOptimizer } from '../../lib/optim/optimizer.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { tensorState } from '../../lib/tensor/raw-tensors.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { AveragedWeights } from '../../lib/train/averaged-weights.ts';
import type { StepEvent } from '../../lib/train/events.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { makeStep } from '../../lib/train/step.ts';
import { makeMethod, trainedParameters } from '../../lib/train/trained.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { alive, collect } from '../collect.ts';
import { uniform } from '../encoders/formula.ts';
import { firstBatch, optionsOf, valuesOf } from '../train/one-step.ts';
import { size, tinyDataset, tinyModels, tinyViews } from '../train/tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-methods-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Case {
  readonly method: MethodSpec;
  readonly more?: () => Partial<TrainerOptions>;
}

const classifier = (): Partial<TrainerOptions> => {
  const { encoder } = tinyModels();
  return { encoder, head: linearHead({ inFeatures: encoder.featureDim, outFeatures: 2 }), views: 1 };
};
const crops = (): Partial<TrainerOptions> => {
  const transforms = [normalize(0.4, 0.25)];
  return { augment: multiCrop({ globalSize: size, localSize: 8, localViews: 1, transforms }), views: 3 };
};
const cases: Readonly<Record<string, Case>> = {
  simclr: { method: simclr() },
  supcon: { method: supcon() },
  dcl: { method: dcl({ weighted: true }) },
  moco: { method: moco({ queueSize: 16, symmetric: true }) },
  'moco-v3': { method: mocoV3({ predictorFeatures: 8, momentum: 0.9 }) },
  byol: { method: byol({ predictorFeatures: 8, momentum: 0.9 }) },
  simsiam: { method: simsiam({ predictorFeatures: 8 }) },
  'barlow-twins': { method: barlowTwins() },
  vicreg: { method: vicreg({ invarianceWeight: 1, varianceWeight: 1, covarianceWeight: 0.04 }) },
  nnclr: { method: nnclr({ queueSize: 16, predictorFeatures: 8 }) },
  swav: { method: swav({ prototypes: 8 }), more: crops },
  dino: { method: dino({ prototypes: 8, momentum: 0.9 }), more: crops },
  'cross-entropy': { method: crossEntropy(), more: classifier },
};

const optionsFor = ({ method, more }: Case, seed = 1): TrainerOptions => ({
  ...{ ...tinyModels(seed), augment: tinyViews(), batchSize: 8, epochs: 2, seed: 3, method },
  ...more?.(),
});

test('each method of the package is tried here', () => {
  expect(Object.keys(cases).sort()).toEqual(
    methodNames()
      .filter((name) => name !== 'custom')
      .sort(),
  );
});

describe.each(Object.entries(cases))('%s', (name, each) => {
  test('trains its own parts, and is recorded as it is called', async () => {
    const ends = await Promise.all(
      [true, false].map(async (compile) => {
        const options = optionsFor(each);
        const steps: StepEvent[] = [];
        const onEvent = (event: { kind: string }) => void (event.kind === 'step' && steps.push(event as StepEvent));
        await new Trainer({ ...options, compile }).fit(tinyDataset(), { onEvent });
        expect(steps).toHaveLength(10);
        expect(steps.every(({ loss }) => Number.isFinite(loss))).toBe(true);
        return [...(await valuesOf(options.encoder.stateDict().values())), steps.map(({ loss }) => loss)];
      }),
    );
    expect(ends[0]).toEqual(ends[1]);
  });

  test('resumed, it ends where the uninterrupted run does', async () => {
    const outs = [join(folder, `${name}-whole`), join(folder, `${name}-resumed`)] as const;
    await new Trainer(optionsFor(each)).fit(tinyDataset(), { out: outs[0] });
    const controller = new AbortController();
    const stopped = new Trainer(optionsFor(each)).fit(tinyDataset(), {
      out: outs[1],
      signal: controller.signal,
      onEvent: (event) => event.kind === 'step' && event.step === 6 && controller.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await new Trainer(optionsFor(each, 9)).fit(tinyDataset(), { out: outs[1], resume: true });
    const [whole, resumed] = await Promise.all(
      outs.map(async (out) => {
        const { checkpoint } = await openCheckpoint(out);
        const parts = [checkpoint.model, checkpoint.optimizer, checkpoint.method ?? new Map()];
        return Promise.all(parts.map((part) => valuesOf(tensorState(part ?? new Map()).values())));
      }),
    );
    expect(resumed).toEqual(whole);
  });

  test('leaves no tensors behind', async () => {
    const trainer = new Trainer(optionsFor(each));
    await trainer.fit(tinyDataset(16));
    await collect();
    const before = alive();
    await trainer.fit(tinyDataset(16));
    expect(alive()).toEqual(before);
  });

  test('a step whose second batch is refused changes nothing, what the method and the average keep neither', async () => {
    const options = optionsOf({ ...optionsFor(each), accumulate: 2 });
    const { encoder, head } = options;
    using method = makeMethod(options);
    const optimizer = makeOptimizer({ name: 'sgd', lr: 0.1, momentum: 0.9 }, trainedParameters(options, method));
    using average = new AveragedWeights({ encoder, head }, { decay: 0.5 });
    using step = makeStep(options, optimizer, method, undefined, average);
    const parts = [encoder, head as Module, method, optimizer, average];
    const state = () => valuesOf(parts.flatMap((part) => [...part.stateDict().values()]));
    using batch = await firstBatch(tinyDataset(), options);
    const run = (n: number, isFirst: boolean) =>
      step.run(batch, { step: n, learningRate: 0.1, progress: 0.5, decay: 0.5 }, { isFirst, isLast: !isFirst });
    const before = await state();
    for (const isFirst of [true, false]) expect((await run(0, isFirst)).refused).toBeUndefined();
    const after = await state();
    expect(after).not.toEqual(before);
    expect((await run(1, true)).refused).toBeUndefined();
    for (const images of batch.images) images.narrow(0, 1, 1).fill_(Number.NaN).dispose();
    expect((await run(1, false)).refused).toBe('the loss is');
    expect(await state()).toEqual(after);
  });

  test('as plain data it is the same method', () => {
    const { spec } = methodOf(JSON.parse(JSON.stringify(each.method)));
    expect(JSON.stringify(spec)).toBe(JSON.stringify(each.method));
  });
});

describe('a teacher', () => {
  const methods = {
    dino: dino({ prototypes: 8 }),
    byol: byol({ predictorFeatures: 8 }),
    moco: moco({ queueSize: 8 }),
    'moco-v3': mocoV3({ predictorFeatures: 8 }),
  };
  test.each(Object.entries(methods))('of %s drops nothing, whatever mode the whole is set to', async (_, method) => {
    using encoder = vitTi16({ size: 32, patch: 8, inChannels: 1, width: 64, stochasticDepth: 0.1 });
    using head = projectionHead({ inFeatures: encoder.featureDim, outFeatures: 8 });
    const options = optionsOf({ encoder, head, method, batchSize: 8 });
    using made = makeMethod(options) as Method & { readonly teacher: Teacher };
    const images = tensor(uniform(1, [8, 1, 32, 32]), { shape: [8, 1, 32, 32] });
    const twice = (network: Module) => valuesOf([0, 1].map(() => network.forward(images)));
    const [one, other] = await twice(made);
    expect(one).not.toEqual(other);
    const [key, keyAgain] = await twice(made.teacher);
    expect(key).toEqual(keyAgain);
    made.train();
    expect((await twice(made.teacher)).every((values) => String(values) === String(key))).toBe(true);
  });

  class Dropping extends Module {
    readonly parts = [
      new Dropout(),
      new StochasticDepth(0.5),
      new MultiheadAttention(8, 1, { dropout: 0.5 }),
      new BatchNorm2d(1),
    ];
    readonly featureDim = 1;

    override forward(images: Tensor): Tensor {
      return images.mean([2, 3]);
    }
  }
  test.each([
    ['batch', [false, false, false, true]],
    ['average', [false, false, false, false]],
  ] as const)('with the statistics of the %s, normalises as they say', (statistics, expected) => {
    using encoder = new Dropping();
    using made = new Teacher(new Network({ encoder, head: null }, 'float32'), { statistics });
    const modes = () => (made.encoder as Dropping).parts.map(({ training }) => training);
    expect(modes()).toEqual(expected);
    made.train();
    expect(modes()).toEqual(expected);
    expect(encoder.parts.every(({ training }) => training)).toBe(true);
  });
});

test.each(['byol', 'moco'] as const)('the teacher of %s follows, but for a step that is refused', async (name) => {
  const method =
    name === 'byol' ? byol({ predictorFeatures: 8, momentum: 0.75 }) : moco({ queueSize: 8, momentum: 0.75 });
  const options = optionsOf({ method, batchSize: 8 });
  using made = makeMethod(options) as ReturnType<typeof makeMethod> & { readonly teacher: { parameters(): Tensor[] } };
  const trained = trainedParameters(options, made);
  const own = [...trained.keys()].filter((each) => each.startsWith('method.'));
  expect(own).toEqual(
    name === 'byol' ? ['0.weight', '1.weight', '1.bias', '3.weight', '3.bias'].map((p) => `method.predictor.${p}`) : [],
  );
  const step = makeStep(options, makeOptimizer({ name: 'sgd', lr: 0.5 }, trained), made);
  const students = [...trained].filter(([each]) => !each.startsWith('method.')).map(([, value]) => value);
  const before = await valuesOf(made.teacher.parameters());
  using batch = await firstBatch(tinyDataset(), options);
  await step.run(batch, { step: 0, learningRate: 0.5, progress: 0.5 });
  const [student, after] = [await valuesOf(students), await valuesOf(made.teacher.parameters())];
  for (const [p, values] of after.entries())
    for (const [i, value] of values.entries())
      expect(value).toBeCloseTo(0.75 * (before[p]?.[i] as number) + 0.25 * (student[p]?.[i] as number), 5);
  for (const images of batch.images) images.fill_(Number.NaN).dispose();
  expect((await step.run(batch, { step: 0, learningRate: 0.5, progress: 0.5 })).refused).toBe('the loss is');
  expect(await valuesOf(made.teacher.parameters())).toEqual(after);
});

test('a method by its name alone has its defaults, and one loss is one method', () => {
  expect(methodOf('byol').spec).toEqual(byol());
  expect(methodOf('byol').spec).toEqual({
    name: 'byol',
    momentum: { from: 0.996, to: 1, schedule: 'cosine' },
    predictorFeatures: 4096,
  });
  const { encoder, head } = tinyModels();
  const wrong: [object, RegExp][] = [
    [{ method: 'byl' }, /method must be one of .*did you mean 'byol'/],
    [{ method: 3 }, /method must be what a method such as simclr\(\) returns, or a name, got 3/],
    [{ method: { name: 'byol', momentun: 3 } }, /byol: unknown option 'momentun'; did you mean 'momentum'/],
    [{ method: nnclr({ queueSize: 8 }), batchSize: 16 }, /nnclr.queueSize must hold a batch of keys.* >= 16, got 8/],
    [{ method: 'byol', views: 3 }, /the method 'byol' takes 2 views, got 3/],
    [{ method: 'simclr', views: 1 }, /the method 'simclr' takes >= 2 views, got 1/],
    [{ loss: 'nt-xent', views: 1 }, /the method 'simclr' takes >= 2 views, got 1/],
    [{ method: dcl({ weighted: true }), views: 1 }, /the method 'dcl' takes >= 2 views, got 1/],
    [{ method: 'simsiam', microBatch: 4, batchSize: 8 }, /the method 'simsiam' does not go with microBatch/],
    [{ method: simclr(), loss: { name: 'supcon' } }, /loss does not go with method/],
    [{ method: 'simsiam', head: { forward: head.forward, namedParameters: () => new Map() } }, /featureDim must be/],
    [{ method: 'byol', head: { forward: head.forward, namedParameters: () => new Map() } }, /cannot be copied/],
  ];
  for (const [options, message] of wrong)
    expect(() => new Trainer({ encoder, head, augment: tinyViews(), ...options })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(message) }),
    );
});

describe('a method of your own', () => {
  class Alignment extends FeatureMethod {
    override lossOf(features: Tensor): LossValue {
      const z = ops.normalize(features, { dim: 2 });
      return { loss: z.select(1, 0).sub(z.select(1, 1)).square().sum([1]).mean() };
    }
  }
  const definition = {
    name: 'alignment',
    views: [2, 2],
    isOfFeatures: true,
    check: (options: { weight?: number }) => options,
    make: (_: object, parts: MethodParts) => new Alignment(parts),
  } as const;

  test('trains, in parts of a batch too, and its name is taken', async () => {
    const alignment = defineMethod(definition);
    for (const microBatch of [8, 4]) {
      const out = join(folder, `alignment-${microBatch}`);
      const options = { ...optionsFor({ method: alignment({ weight: 1 }) }), microBatch };
      const end = await new Trainer(options).fit(tinyDataset(), { out });
      expect(end.step).toBe(10);
      expect((await openCheckpoint(out)).run.config.method).toEqual({ name: 'alignment', weight: 1 });
    }
    expect(() => defineMethod(definition)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(/already registered/) }),
    );
  });
});

test.each([8, 4])(
  'what follows an update fails: the half of a step is not saved (microBatch: %s)',
  async (microBatch) => {
    let calls = 0;
    class Failing extends FeatureMethod {
      override lossOf(features: Tensor): LossValue {
        return { loss: features.square().mean() };
      }

      override afterUpdate(_value: unknown, _targets: unknown, status: Tensor): Tensor {
        if (++calls === 2) throw new RangeError('mine');
        return status;
      }
    }
    const failing = defineMethod({
      ...{ name: `failing-${microBatch}`, isOfFeatures: true, check: (options: object) => options },
      make: (_: object, parts: MethodParts) => new Failing(parts),
    });
    const out = join(folder, `failing-${microBatch}`);
    const trainer = new Trainer({ ...optionsFor({ method: failing() }), microBatch });
    await expect(trainer.fit(tinyDataset(), { out })).rejects.toThrow('mine');
    expect(await (await RunFolder.open(out)).steps()).toEqual([]);
  },
);

test.each([8, 4])('an afterUpdate() that hands no status on is named (microBatch: %s)', async (microBatch) => {
  class Careless extends FeatureMethod {
    override lossOf(features: Tensor): LossValue {
      return { loss: features.square().mean() };
    }

    override afterUpdate(): Tensor {
      return undefined as unknown as Tensor;
    }
  }
  const careless = defineMethod({
    ...{ name: `careless-${microBatch}`, isOfFeatures: true, options: {} },
    make: (_: object, parts: MethodParts) => new Careless(parts),
  });
  await expect(
    new Trainer({ ...optionsFor({ method: careless() }), microBatch }).fit(tinyDataset()),
  ).rejects.toMatchObject({
    code: 'ERR_OPTION',
    message: 'afterUpdate() of a method must return the status that it is given, got undefined',
  });
});

test('views are found by their numbers, in tensors of a size each', async () => {
  const [large, small] = [ops.arange(4).reshape([4, 1, 1, 1]), ops.arange(2).add(4).reshape([2, 1, 1, 1])];
  const views = new Views([large, small], [0, 2, 1]); // the second view is the small one
  expect([views.count, views.batch]).toEqual([3, 2]);
  expect(await valuesOf([views.at(0), views.at(1), views.at(2)])).toEqual([
    [0, 1],
    [4, 5],
    [2, 3],
  ]);
  expect(views.globalNumbers).toEqual([0, 2]);
  expect(await valuesOf(views.globalOnes.images)).toEqual([[0, 1, 2, 3]]);
  expect(views.globalOnes.order).toEqual([0, 1]);
});
