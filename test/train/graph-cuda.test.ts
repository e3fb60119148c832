/** Steps as graphs of the device: a training with them is the same as one without, to the bit. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import type { Method } from '../../lib/methods/method.ts';
import { checkOptimizer, makeOptimizer, type Optimizer, type OptimizerSpec } from '../../lib/optim/optimizer.ts';
import { setBackends } from '../../lib/tensor/backends.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { makeCachedStep } from '../../lib/train/cached-step.ts';
import type { ResolvedOptions, TrainerOptions } from '../../lib/train/options.ts';
import type { StepResult } from '../../lib/train/report.ts';
import { makeStep, type StepContext } from '../../lib/train/step.ts';
import { makeMethod, trainedParameters } from '../../lib/train/trained.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { describeWithGraphs } from '../device/describe-on-device.ts';
import { type DeviceLog, launchesIn, takeLog, device as there, waitsOfStreams } from '../device/device.ts';
import { buffersOf, firstBatch, firstLargeBatch, optionsOf, parametersOf, valuesOf } from './one-step.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

interface Trained {
  readonly losses: readonly number[];
  /** All that the steps change. */
  readonly state: readonly number[][];
  /** Of the last step. */
  readonly log: DeviceLog | undefined;
  readonly races: readonly string[];
  readonly refused: readonly (string | undefined)[];
}

type Chosen = Partial<TrainerOptions> & { readonly method?: { readonly name: string } };

type Spoil = (step: number, images: Tensor) => void;

/** A step of several batches on views of their own: what it made of the last of them. */
async function plainStep(options: ResolvedOptions, optimizer: Optimizer, method: Method, spoil: Spoil) {
  const step = makeStep(options, optimizer, method);
  const batch = await firstBatch(tinyDataset(), options);
  const run = async (context: StepContext) => {
    spoil(context.step, batch.images[0] as Tensor);
    const parts = Array.from({ length: options.accumulate }, (_, i) => {
      noGrad(() => batch.images[0]?.mul_(0.98));
      return step.run(batch, context, { isFirst: i === 0, isLast: i === options.accumulate - 1 });
    });
    return (await Promise.all(parts)).at(-1) as StepResult;
  };
  return { run, [Symbol.dispose]: () => step[Symbol.dispose]() };
}

async function cachedStep(options: ResolvedOptions, optimizer: Optimizer, method: Method) {
  const step = makeCachedStep(options, optimizer, method);
  const batch = await firstLargeBatch(tinyDataset(), options);
  const run = (context: StepContext) => step.run(batch, { ...context, signal: undefined });
  return { run, [Symbol.dispose]: () => step[Symbol.dispose]() };
}

/** Eight steps at falling rates. @param spoil before a step. */
async function trained(
  graph: boolean,
  chosen: Chosen,
  spec: OptimizerSpec,
  spoil: Spoil = () => {},
  steps = 8,
): Promise<Trained> {
  const models = tinyModels();
  const options = optionsOf({
    ...({ metrics: true, ...models, batchSize: 8, ...chosen, graph } as TrainerOptions),
    ...{ encoder: models.encoder.to(there), head: models.head.to(there), device: there },
  });
  const method = makeMethod(options);
  const optimizer = makeOptimizer(spec, trainedParameters(options, method));
  using step =
    options.microBatch < options.batchSize
      ? await cachedStep(options, optimizer, method)
      : await plainStep(options, optimizer, method, spoil);
  const results = [];
  const races: string[] = [];
  let log: DeviceLog | undefined;
  takeLog();
  for (let i = 0; i < steps; i++) {
    const context = { step: i, learningRate: checkOptimizer(spec).lr / (i + 1), progress: i / 8, decay: 0.9 };
    results.push(await step.run(context).catch((error: Error) => ({ loss: Number.NaN, refused: error.message })));
    log = takeLog();
    races.push(...(log?.races ?? []));
  }
  const state = [...parametersOf(options), ...buffersOf(options), ...optimizer.stateDict().values()];
  state.push(...method.stateDict().values());
  return {
    ...{ losses: results.map(({ loss }) => loss), state: await valuesOf(state), log, races },
    refused: results.map(({ refused }) => refused),
  };
}

const sgd = { name: 'sgd', lr: 0.05, momentum: 0.9 } as const;

describeWithGraphs(() => {
  beforeAll(() => setBackends({ cudnnDeterministic: true }));
  afterAll(() => setBackends({ cudnnDeterministic: false }));

  const method = (name: string, own: object = {}): Chosen => ({ method: { name, ...own } }) as Chosen;
  const ramp = (from: number, to: number) => ({ from, to, schedule: 'cosine' });
  const small = { predictorFeatures: 8 };
  const warned = (warnings: { mock: { calls: unknown[][] } }) =>
    warnings.mock.calls.filter(([, type]) => type === 'GraphWarning').map(([text]) => text);
  /** What is chosen, by what, and how many launches a step has at most, as part of those without graphs. */
  const cases: [string, Chosen, OptimizerSpec, number][] = [
    ['SimCLR', method('simclr'), sgd, 0.1],
    ['AdamW', method('simclr'), { name: 'adamw', lr: 0.01, weightDecay: 0.1 }, 0.4],
    ['LARS', method('simclr'), { name: 'lars', lr: 0.1 }, 0.4],
    ['a clipped gradient', method('simclr'), { ...sgd, clipNorm: 0.1 }, 0.1],
    ['SupCon, which looks at labels', method('supcon'), sgd, 0.1],
    ['SupCon inside the logarithm', method('supcon', { variant: 'in', temperature: ramp(0.5, 0.1) }), sgd, 0.1],
    ['SupCon of vectors of any length', method('supcon', { normalize: false, maxPositives: 2 }), sgd, 0.1],
    ['MoCo, while its queue fills and after', method('moco', { queueSize: 16 }), sgd, 0.1],
    [
      'MoCo with labels',
      method('moco', { queueSize: 16, loss: { name: 'supcon', temperature: ramp(0.3, 0.1) } }),
      sgd,
      0.1,
    ],
    ['MoCo v3', method('moco-v3', { ...small, temperature: ramp(0.5, 0.2) }), sgd, 0.1],
    ['BYOL', method('byol', small), sgd, 0.1],
    ['NNCLR', method('nnclr', { ...small, queueSize: 16, temperature: ramp(0.1, 0.3) }), sgd, 0.1],
    ['SwAV', method('swav', { prototypes: 8, temperature: ramp(0.2, 0.1) }), sgd, 0.1],
    ['DINO', method('dino', { prototypes: 8, teacherTemperature: ramp(0.04, 0.07) }), sgd, 0.1],
    ['SimSiam', method('simsiam'), sgd, 0.1],
    ['Barlow Twins', method('barlow-twins'), sgd, 0.1],
    ['VICReg', method('vicreg'), sgd, 0.1],
    ['DCL', method('dcl'), sgd, 0.1],
    ['cross entropy', { ...method('cross-entropy'), metrics: false }, sgd, 0.1],
    ['three batches a step', { ...method('supcon'), accumulate: 3 }, sgd, 0.1],
  ];
  it.each(cases)(
    '%s: the same losses, weights, statistics and state, and no step waits',
    async (_, chosen, spec, most) => {
      using warnings = vi.spyOn(process, 'emitWarning');
      const [plain, graph] = [await trained(false, chosen, spec), await trained(true, chosen, spec)];
      expect(warned(warnings)).toEqual([]);
      expect(graph.losses).toEqual(plain.losses);
      expect(graph.state).toEqual(plain.state);
      expect(graph.refused).toEqual(new Array(8).fill(undefined));
      expect(graph.races).toEqual([]);
      expect(waitsOfStreams(graph.log)).toEqual([]);
      if (graph.log) expect(launchesIn(graph.log)).toBeLessThan(most * (launchesIn(plain.log) as number));
    },
  );

  it('a loss that looks at a number of the device: no graph, and one warning says where', async () => {
    using warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const chosen = method('supcon', { noPositives: 'error' });
    const [plain, graph] = [await trained(false, chosen, sgd), await trained(true, chosen, sgd)];
    if (graph.log)
      expect(warned(warnings)).toEqual([expect.stringMatching(/captured: item, at .*\/lib\/\w+\/[\w-]+\.ts:/)]);
    else expect(warned(warnings)).toHaveLength(1);
    expect(graph.losses).toEqual(plain.losses);
    expect(graph.state).toEqual(plain.state);
  });

  it('micro-batches: the same losses, weights and statistics', async () => {
    using warnings = vi.spyOn(process, 'emitWarning');
    // Views of few launches, since they are in no graph.
    const chosen = { ...method('supcon'), augment: augment([normalize(0.4, 0.25)]), batchSize: 12, microBatch: 4 };
    const [plain, graph] = [await trained(false, chosen, sgd), await trained(true, chosen, sgd)];
    expect(warned(warnings)).toEqual([]);
    expect(graph.losses).toEqual(plain.losses);
    expect(graph.state).toEqual(plain.state);
    expect(graph.refused).toEqual(new Array(8).fill(undefined));
    expect(graph.races).toEqual([]);
    // What is left is the views, the loss of the whole batch and the update.
    if (graph.log) expect(launchesIn(graph.log)).toBeLessThan((launchesIn(plain.log) as number) / 2.5);
  });

  it.each<[string, Chosen]>([
    ['SimCLR', method('simclr')],
    ['DINO', method('dino', { prototypes: 8 })],
    ['NNCLR', method('nnclr', { ...small, queueSize: 16 })],
    ['three batches a step', { ...method('supcon'), accumulate: 3 }],
  ])('%s: a step that is refused leaves all as it was, and so do those behind it', async (_, chosen) => {
    const spoil = (step: number, images: Tensor) => {
      if (step === 5) noGrad(() => images.narrow(0, 1, 1).fill_(Number.NaN));
    };
    const [plain, graph] = [await trained(false, chosen, sgd, spoil), await trained(true, chosen, sgd, spoil)];
    const before = await trained(false, chosen, sgd, () => {}, 5);
    expect(graph.refused.slice(4)).toEqual([
      undefined,
      'the loss is',
      ...new Array(2).fill(expect.stringContaining('stopped')),
    ]);
    expect(graph.refused).toEqual(plain.refused);
    expect(graph.losses.slice(0, 5)).toEqual(before.losses);
    expect(graph.state).toEqual(before.state);
    expect(plain.state).toEqual(before.state);
    expect(graph.races).toEqual([]);
  });
});

describe('steps of which there are no graphs', () => {
  function hooked(): Partial<TrainerOptions> {
    const models = tinyModels();
    models.encoder.registerForwardHook(() => undefined);
    return models;
  }

  it.each<[string, Partial<TrainerOptions>, string]>([
    ['compile: false', { compile: false }, 'they are not compiled'],
    ['micro-batches that are not compiled', { compile: false, microBatch: 4 }, 'they are not compiled'],
    ['a forward hook', hooked(), 'they are not recorded, as with forward hooks'],
  ])('%s: one warning says why', async (_, chosen, reason) => {
    using warnings = vi.spyOn(process, 'emitWarning');
    const options = { ...tinyModels(), augment: tinyViews(), batchSize: 8, epochs: 1, device: 'cpu', graph: true };
    await new Trainer({ ...options, ...chosen }).fit(tinyDataset(16));
    const told = warnings.mock.calls.filter(([, type]) => type === ('GraphWarning' as never)).map(([text]) => text);
    expect(told).toEqual([`the steps of this training are not kept as graphs: ${reason}`]);
  });
});
