/** A training on a device: what it computes is compared with the CPU's, and nobody waits for the device in a step. */
import { expect, it } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { presets } from '../../lib/augment/presets.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { extractFeatures } from '../../lib/evaluate/features.ts';
import { supConLoss } from '../../lib/losses/sup-con.ts';
import { methodNames } from '../../lib/methods/all.ts';
import type { CustomLoss } from '../../lib/methods/custom-loss.ts';
import { checkOptimizer, makeOptimizer, type OptimizerSpec } from '../../lib/optim/optimizer.ts';
import { noGrad, onInteractiveStream } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import type { TrainBatch } from '../../lib/train/batches.ts';
import type { StepEvent } from '../../lib/train/events.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { makeStep } from '../../lib/train/step.ts';
import { makeMethod, trainedParameters } from '../../lib/train/trained.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { describeOnDevice } from '../device/describe-on-device.ts';
import { type DeviceLog, takeLog, device as there, waitsOfStreams } from '../device/device.ts';
import { buffersOf, firstBatch, optionsOf, parametersOf, valuesOf } from './one-step.ts';
import { tinyDataset, tinyModels } from './tiny.ts';

/** 48 gray images of 16×16, noise of a level that is their class's. */
const images = arrayDataset(
  Uint8Array.from({ length: 48 * 256 }, (_, i) => ((i * 2_654_435_761) >>> 0) % (i % 512 < 256 ? 256 : 128)),
  { shape: [48, 16, 16, 1], labels: Array.from({ length: 48 }, (_, i) => i % 2) },
);
const input = { size: 16, mean: 0.5, std: 0.25 };
/** Views whose pixels are the same on every device: the samples, some of them mirrored. */
const views = augment([randomHorizontalFlip(), normalize([0.5], [0.25])], { channels: 1 });

interface Trained {
  readonly steps: readonly StepEvent[];
  readonly logs: readonly (DeviceLog | undefined)[];
  readonly features: Float32Array;
}

type Options = Partial<TrainerOptions> & {
  readonly method?: { readonly name: string; readonly [option: string]: unknown };
};

/** Six steps from the same weights, on the same views. */
async function trained(device: string, options: Options): Promise<Trained> {
  using encoder = resnet18({ stem: 'cifar', width: 8, inChannels: 1, seed: 1 });
  using head = projectionHead({ inFeatures: encoder.featureDim, outFeatures: 16, seed: 1 });
  const parts = options.method?.name === 'cross-entropy' ? { encoder } : { encoder, head, metrics: true };
  const trainer = new Trainer({
    ...parts,
    ...{ augment: views, optimizer: { name: 'sgd', lr: 0.002, momentum: 0.9 }, batchSize: 16 },
    ...{ epochs: 2, device, ...options },
  } as TrainerOptions);
  takeLog();
  const [steps, logs]: [StepEvent[], (DeviceLog | undefined)[]] = [[], []];
  for await (const event of trainer.events(images)) {
    if (event.kind !== 'step') continue;
    steps.push(event);
    logs.push(takeLog());
  }
  const { features } = await extractFeatures(encoder, images, { evaluation: presets.evaluation(input) });
  using _ = features;
  return { steps, logs, features: (await features.data()) as Float32Array };
}

const lossesOf = ({ steps }: Trained): number[] => steps.map(({ loss }) => loss);

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] as number))));

describeOnDevice(() => {
  const queues: Readonly<Record<string, object>> = { moco: { queueSize: 32 }, nnclr: { queueSize: 32 } };
  const custom: CustomLoss = (features, { labels }) => supConLoss(features, { labels: labels as Tensor });
  const methods = methodNames().map((name): [string, Options] =>
    name === 'custom' ? [name, { loss: custom }] : [name, { method: { name, ...queues[name] } }],
  );
  const cases: [string, Options][] = [
    ...methods.filter(([name]) => name !== 'nnclr'),
    // Of its long gradients, the next losses tell which rounding there was.
    ['nnclr', { method: { name: 'nnclr', queueSize: 32 }, optimizer: { name: 'sgd', lr: 1e-5 } }],
    ['AdamW', { optimizer: { name: 'adamw', lr: 1e-4 } }],
    ['LARS', { optimizer: { name: 'lars', lr: 0.01 } }],
    ['a clipped gradient', { optimizer: { name: 'sgd', lr: 0.02, clipNorm: 0.1 } }],
    ['an average of the weights', { ema: { decay: 0.9 } }],
  ];
  it.each(cases)('%s: the losses of the CPU, and no step waits', async (_, options) => {
    const here = await trained('cpu', options);
    const onDevice = await trained(there, options);
    const [expected, actual] = [lossesOf(here), lossesOf(onDevice)];
    expect(actual).toHaveLength(6);
    expect(largestDifference(actual.slice(0, 3), expected.slice(0, 3))).toBeLessThan(2e-3 * Math.max(1, ...expected));
    // The first step moves the training to the device; a queue that fills is another function a step.
    for (const log of onDevice.logs.slice(3)) expect(waitsOfStreams(log)).toEqual([]);
    for (const log of onDevice.logs) expect(log?.races ?? []).toEqual([]);
  });

  it('accumulated and cached gradients: the losses of the CPU, no races', async () => {
    for (const options of [{ accumulate: 2 }, { microBatch: 8 }]) {
      const [here, onDevice] = [await trained('cpu', options), await trained(there, options)];
      expect(largestDifference(lossesOf(onDevice).slice(0, 2), lossesOf(here).slice(0, 2))).toBeLessThan(5e-3);
      expect(onDevice.logs.flatMap((log) => log?.races ?? [])).toEqual([]);
    }
  });

  /** All that two steps may change, after the first was spoilt; both are enqueued at once. */
  async function refused(chosen: Options, spec: OptimizerSpec, spoil: (batch: TrainBatch) => void) {
    const models = tinyModels();
    const options = optionsOf({
      ...({ ...models, ...chosen } as TrainerOptions),
      ...{ encoder: models.encoder.to(there), head: models.head.to(there), device: there, batchSize: 8 },
    });
    const method = makeMethod(options);
    const optimizer = makeOptimizer(spec, trainedParameters(options, method));
    const state = [...parametersOf(options), ...buffersOf(options), ...optimizer.stateDict().values()];
    state.push(...method.stateDict().values());
    const before = await valuesOf(state);
    const step = makeStep(options, optimizer, method);
    const [spoilt, good] = [await firstBatch(tinyDataset(), options), await firstBatch(tinyDataset(), options)];
    spoil(spoilt);
    const context = { step: 0, learningRate: checkOptimizer(spec).lr, progress: 0 };
    const [first, second] = await Promise.allSettled([step.run(spoilt, context), step.run(good, context)]);
    expect(second).toMatchObject({ reason: { code: 'ERR_STATE' } });
    expect(await valuesOf(state)).toEqual(before);
    return first;
  }
  const sgd = { name: 'sgd', lr: 0.1, momentum: 0.9 } as const;

  it.each(methods)('%s: a step on NaN, and the one enqueued behind it, change nothing', async (name, options) => {
    if (name === 'cross-entropy') return; // needs a head of its own
    const first = await refused(options, sgd, ({ images: [views] }) => {
      noGrad(() => (views as Tensor).narrow(0, 1, 1).fill_(Number.NaN));
    });
    expect(first).toMatchObject({ value: { loss: Number.NaN, refused: 'the loss is' } });
  });

  it.each<[string, OptimizerSpec]>([
    ['SGD', { name: 'sgd', lr: 3e38, momentum: 0.9, weightDecay: 1e3 }],
    ['AdamW', { name: 'adamw', lr: 3e38, weightDecay: 1e3 }],
    ['LARS', { name: 'lars', lr: 3e38, weightDecay: 1e3 }],
  ])('%s: an update that overflows is put back', async (_, spec) => {
    const first = await refused({ loss: { name: 'nt-xent' } } as Options, spec, () => {});
    expect(first).toMatchObject({ value: { refused: 'the weights after the update are' } });
  });

  it('requests of an embedder go beside, on a queue of their own', async () => {
    const weight = ops.randn([64, 64], { device: there });
    await sync();
    takeLog();
    // The interactive stream reads what the other has just launched, and the other what that one made.
    let x = ops.randn([64, 64], { device: there });
    for (let i = 0; i < 20; i++) {
      const made = onInteractiveStream(() => x.matmul(weight).relu());
      x = made.div(made.amax([0, 1]).add(1));
    }
    const values = (await x.data()) as Float32Array;
    expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
    const log = takeLog();
    expect(log?.races ?? []).toEqual([]);
    expect(waitsOfStreams(log)).toEqual([]);
    if (log) expect(Object.keys(log.launches)).toHaveLength(2);
  });

  it('views are made beside the steps, on a queue of their own', async () => {
    const { logs } = await trained(there, {});
    for (const log of logs) if (log) expect(log.races).toEqual([]);
    const queues = new Set(logs.flatMap((log) => Object.keys(log?.launches ?? {})));
    if (logs[0]) expect(queues.size).toBe(2);
  });

  it('memory stays until a queue that did not make it is done with it', async () => {
    const x = ops.ones([8], { device: there });
    const sum = onInteractiveStream(() => x.sum());
    x.dispose();
    expect(await onInteractiveStream(() => sum.item())).toBe(8);
    expect(takeLog()?.races ?? []).toEqual([]);
  });

  it('sync() and ready() wait for what was launched, in the place of the stream', async () => {
    const x = ops.ones([3], { device: there });
    await sync();
    takeLog();
    await x.add(1).ready();
    await sync();
    const log = takeLog();
    if (log) expect([log.waits, log.arrivals]).toEqual([[], 2]);
    expect(x.add(1).dataSync()).toEqual(Float32Array.of(2, 2, 2));
    expect(tensor(Int32Array.of(1, 2), { device: there }).dataSync()).toEqual(Int32Array.of(1, 2));
  });
});
