/** Training by momentum contrast; the numbers of single steps are tested in moco-steps.test.ts. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { resize } from '../../lib/augment/resize.ts';
import { openCheckpoint, RunFolder } from '../../lib/checkpoint/run.ts';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { ntXentLoss } from '../../lib/losses/nt-xent.ts';
import type { CustomLoss, CustomLossBatch } from '../../lib/methods/custom-loss.ts';
import { KeyQueue } from '../../lib/methods/key-queue.ts';
import { type Moco, type MocoOptions, moco } from '../../lib/methods/moco.ts';
import { simclr } from '../../lib/methods/simclr.ts';
import { Linear } from '../../lib/nn/linear.ts';
import type { Module } from '../../lib/nn/module.ts';
import { makeOptimizer } from '../../lib/optim/optimizer.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { tensorState } from '../../lib/tensor/raw-tensors.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import type { StepEvent } from '../../lib/train/events.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { makeStep } from '../../lib/train/step.ts';
import { makeMethod } from '../../lib/train/trained.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { alive, collect } from '../collect.ts';
import { buffersOf, firstBatch, optionsOf, parametersOf, valuesOf } from '../train/one-step.ts';
import { tinyDataset, tinyModels, tinyViews } from '../train/tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-momentum-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** 40 samples in 5 steps an epoch; the queue comes round in the middle of the third batch. */
const usual = { momentum: 0.9, queueSize: 20 };
type Options = Partial<TrainerOptions> & { readonly moco?: MocoOptions };
const make = ({ moco: own, ...options }: Options = {}): Trainer =>
  new Trainer({
    ...tinyModels(),
    augment: tinyViews(),
    method: moco({ ...usual, loss: { name: 'nt-xent', temperature: 0.2 }, ...own }),
    batchSize: 8,
    epochs: 2,
    seed: 3,
    ...options,
  });

async function stepsOf(trainer: Trainer): Promise<StepEvent[]> {
  const steps: StepEvent[] = [];
  await trainer.fit(tinyDataset(), { onEvent: (event) => event.kind === 'step' && steps.push(event) });
  return steps;
}
const lossesOf = async (trainer: Trainer): Promise<number[]> => (await stepsOf(trainer)).map(({ loss }) => loss);

const numbers = async (value: Tensor | undefined): Promise<number[]> =>
  Array.from(await (value as Tensor).data(), Number);
const keptIn = async (out: string): Promise<Record<string, number[]>> => {
  const { checkpoint } = await openCheckpoint(out);
  const state = tensorState(checkpoint.method ?? new Map());
  return Object.fromEntries(await Promise.all([...state].map(async ([name, value]) => [name, await numbers(value)])));
};

describe('a run', () => {
  test.each<[string, Options]>([
    ['nt-xent', {}],
    ['supcon', { moco: { loss: { name: 'supcon', temperature: 0.2 } } }],
    ['dcl', { moco: { loss: { name: 'dcl', temperature: 0.2 } } }],
    ['dclw', { moco: { loss: { name: 'dclw', temperature: 0.2 } } }],
    ['no head', { head: null }],
    ['a head with batch normalisation', { ...batchNormHead() }],
  ])('trains: %s', async (_, options) => {
    const models = { ...tinyModels(), ...options };
    const before = await valuesOf(models.encoder.parameters());
    const steps = await stepsOf(make(models));
    expect(steps).toHaveLength(10);
    expect(steps.every(({ loss }) => Number.isFinite(loss))).toBe(true);
    expect(steps.map(({ metrics }) => metrics?.validAnchors)).toEqual(new Array(10).fill(8));
    expect(await valuesOf(models.encoder.parameters())).not.toEqual(before);
  });

  test('learns: queries come nearest to keys of their class', async () => {
    const steps = await stepsOf(make({ moco: { loss: { name: 'supcon', temperature: 0.2 } }, epochs: 12 }));
    const top1 = (from: number) =>
      steps.slice(from, from + 5).reduce((sum, { metrics }) => sum + (metrics?.top1 ?? 0), 0);
    expect(top1(55)).toBeGreaterThan(4.5);
    expect(top1(55)).toBeGreaterThan(top1(1));
    expect(steps.at(-1)?.loss).toBeLessThan(steps[5]?.loss as number);
  });

  test('is a function of its seeds', async () => {
    const [a, b, other] = [await lossesOf(make()), await lossesOf(make()), await lossesOf(make({ seed: 4 }))];
    expect(a).toEqual(b);
    expect(other).not.toEqual(a);
    const second = make();
    await stepsOf(second);
    expect(await lossesOf(second)).not.toEqual(a); // goes on with the weights, from an empty queue
  });

  test('bfloat16 comes near float32', async () => {
    const [full, half] = [
      await lossesOf(make({ epochs: 1 })),
      await lossesOf(make({ epochs: 1, precision: 'bfloat16' })),
    ];
    expect(half).not.toEqual(full);
    for (const [i, value] of full.entries()) expect(Math.abs((half[i] as number) - value)).toBeLessThan(0.15);
  });

  test('the query and the key may be of different sizes', async () => {
    const small = augment([resize([8, 8]), normalize(0.4, 0.25)]);
    expect(await lossesOf(make({ augment: [tinyViews(), small] }))).toHaveLength(10);
  });

  test('a batch of one class is no warning: the queue has others', async () => {
    const kinds: string[] = [];
    const loss = { name: 'supcon' } as const;
    await make({ moco: { loss }, epochs: 1 }).fit(tinyDataset(40, { oneClass: true }), {
      onEvent: ({ kind }) => kinds.push(kind),
    });
    expect(kinds).not.toContain('warning');
  });

  test('leaves no tensors behind', async () => {
    const custom: CustomLoss = (features) => ntXentLoss(features, { anchors: 'queries' });
    for (const loss of [{ name: 'nt-xent' } as const, custom]) {
      const trainer = make({ moco: { loss } });
      await trainer.fit(tinyDataset());
      await collect();
      const before = alive();
      await trainer.fit(tinyDataset());
      for await (const event of trainer.events(tinyDataset())) if (event.kind === 'step') break;
      expect(alive()).toEqual(before);
    }
  });
});

function batchNormHead() {
  const { encoder } = tinyModels();
  return {
    encoder,
    head: projectionHead({ layers: 3, batchNorm: 'all', inFeatures: encoder.featureDim, outFeatures: 16 }),
  };
}

/** One training step at a time, with its parts at hand. */
function stepper({ moco: own, ...options }: Options = {}) {
  const resolved = optionsOf({ method: moco({ ...usual, ...own }), ...options });
  const method = makeMethod(resolved) as Moco;
  const optimizer = makeOptimizer({ name: 'sgd', lr: 0.5 }, parametersOf(resolved));
  const step = makeStep(resolved, optimizer, method);
  const run = async (progress = 0) => {
    using batch = await firstBatch(tinyDataset(), resolved);
    return step.run(batch, { step: 0, learningRate: 0.5, progress });
  };
  return { resolved, method, run };
}

describe('the key encoder', () => {
  const keysOf = ({ teacher }: Moco) => teacher.parameters();
  const headOf = ({ teacher }: Moco) => teacher.head as Module;

  test('begins as the encoder, statistics too, and shares nothing with it', async () => {
    const models = tinyModels();
    await make(models).fit(tinyDataset()); // moves running statistics, and ends in evaluation
    models.encoder.train();
    const { resolved, method } = stepper(models);
    const [encoder, head] = [resolved.encoder, models.head];
    for (const [ours, copy] of [
      [encoder, method.teacher.encoder],
      [head, headOf(method)],
    ] as const)
      expect(await valuesOf(copy?.stateDict().values() ?? [])).toEqual(await valuesOf(ours.stateDict().values()));
    expect(method.teacher.encoder.training).toBe(true);
    const before = await valuesOf(keysOf(method));
    for (const parameter of parametersOf(resolved)) parameter.detach().add_(1).dispose();
    expect(await valuesOf(keysOf(method))).toEqual(before);
  });

  test.each([
    [0, 0.9],
    [0.5, 0.95],
    [1, 1],
  ])('follows by plain loops; when %d of the training lies behind, m is %d', async (progress, m) => {
    const { resolved, method, run } = stepper({
      moco: { momentum: { from: 0.9, to: 1, schedule: 'cosine' } },
      batchSize: 8,
    });
    expect(method.numbersAt(progress).momentum).toBeCloseTo(m, 12);
    await run(progress); // nothing to compare with yet
    const before = await valuesOf(keysOf(method));
    await run(progress);
    const queries = await valuesOf(parametersOf(resolved));
    const after = await valuesOf(keysOf(method));
    let moved = 0;
    for (const [p, values] of before.entries())
      for (const [i, value] of values.entries()) {
        const expected = m * value + (1 - m) * (queries[p]?.[i] as number);
        expect(Math.abs((after[p]?.[i] as number) - expected)).toBeLessThan(1e-6);
        moved = Math.max(moved, Math.abs(expected - value));
      }
    if (m < 1) expect(moved).toBeGreaterThan(1e-3);
    else expect(after).toEqual(before);
  });

  test('moves running statistics of its own, by the keys alone', async () => {
    const { resolved, method, run } = stepper();
    await run();
    const tracked = (name: string) => numbers(method.stateDict().get(name));
    expect(await tracked('teacher.encoder.bn1.num_batches_tracked')).toEqual([1]);
    expect(await tracked('teacher.encoder.bn1.running_mean')).not.toEqual(
      await numbers(resolved.encoder.namedBuffers().get('bn1.running_mean')),
    );
    const queries = await valuesOf(buffersOf(resolved));
    expect(queries.flat().every(Number.isFinite)).toBe(true);
  });

  test("with statistics 'average' those follow too, and a key knows nothing of its batch", async () => {
    const { resolved, method, run } = stepper({ moco: { statistics: 'average' } });
    expect([method.teacher.encoder.training, headOf(method).training]).toEqual([false, false]);
    const name = 'layer1.0.bn1.running_var';
    const key = () => numbers(method.stateDict().get(`teacher.encoder.${name}`));
    const before = await key();
    await run();
    const query = await numbers(resolved.encoder.namedBuffers().get(name));
    for (const [i, value] of (await key()).entries())
      expect(value).toBeCloseTo(0.9 * (before[i] as number) + 0.1 * (query[i] as number), 6);
    expect(query).not.toEqual(before);
    expect(await numbers(method.stateDict().get('teacher.encoder.bn1.num_batches_tracked'))).toEqual([0]);

    const images = ops.randn([6, 1, 12, 12], { seed: 1 });
    const whole = await numbers(method.teacher.encoder.forward(images));
    const alone = await numbers(method.teacher.encoder.forward(images.narrow(0, 0, 1)));
    for (const [i, value] of alone.entries()) expect(value).toBeCloseTo(whole[i] as number, 5);
  });

  test('a loss that is not finite moves neither it nor the queue', async () => {
    for (const loss of [{ name: 'nt-xent' } as const, ((features) => ntXentLoss(features)) as CustomLoss]) {
      const { resolved, method, run } = stepper({ moco: { loss }, batchSize: 8 });
      const [weight] = resolved.head?.namedParameters().values() ?? [];
      weight?.detach().fill_(Number.NaN).dispose();
      const before = await valuesOf(keysOf(method));
      expect((await run()).loss).toBeNaN();
      expect(await valuesOf(keysOf(method))).toEqual(before);
      expect(await numbers(method.stateDict().get('queue.pushed'))).toEqual([0]);
    }
  });
});

/** The status of a step that goes on. */
const fine = () => tensor(0n);

describe('the queue', () => {
  test('holds the newest keys as unit rows, with labels and ids, first in, first out', async () => {
    using owner = new Linear(1, 1);
    const queue = new KeyQueue(owner, { size: 7, dim: 16, device: 'cpu' });
    const slots: { row: number[]; label: number; id: number }[] = [];
    let place = 0;
    for (let push = 0; push < 6; push++) {
      const count = 1 + (push % 3); // comes round inside a push, at its end and at its beginning
      const keys = Array.from({ length: count }, (_, i) =>
        Array.from({ length: 16 }, (_, d) => Math.sin(1 + 3 * push + 5 * i + 7 * d)),
      );
      const ids = keys.map((_, i) => 10 * push + i);
      const labels = ids.map((id) => id % 3);
      const targets = {
        labels: push === 4 ? undefined : tensor(labels, { dtype: 'int32' }),
        ids: tensor(ids, { dtype: 'int64' }),
      };
      queue.push(tensor(keys), targets, fine());
      for (const [i, key] of keys.entries()) {
        const norm = Math.hypot(...key);
        slots[place] = {
          row: key.map((x) => x / norm),
          label: push === 4 ? -1 : (ids[i] as number) % 3,
          id: ids[i] as number,
        };
        place = (place + 1) % 7;
      }
      const bank = queue.bank(true);
      const rows = slots.flatMap(({ row }) => row);
      expect(bank?.features.shape).toEqual([slots.length, 16]);
      for (const [i, value] of (await numbers(bank?.features)).entries())
        expect(value).toBeCloseTo(rows[i] as number, 6);
      expect(await numbers(bank?.labels)).toEqual(slots.map(({ label }) => label));
      expect(await numbers(bank?.ids)).toEqual(slots.map(({ id }) => id));
      expect(queue.bank(false)?.labels).toBeUndefined();
    }
    expect(slots).toHaveLength(7);
  });

  test('keeps keys as they are where the loss does not normalise', async () => {
    for (const [normalize, isUnit] of [
      [true, true],
      [false, false],
    ] as const) {
      const { method, run } = stepper({ moco: { loss: { name: 'nt-xent', normalize } }, batchSize: 8 });
      await run();
      const features = await numbers(method.stateDict().get('queue.features'));
      const norms = Array.from({ length: 8 }, (_, i) => Math.hypot(...features.slice(16 * i, 16 * (i + 1))));
      expect(norms.every((norm) => Math.abs(norm - 1) < 1e-5)).toBe(isUnit);
      expect(features.slice(16 * 8).every((x) => x === 0)).toBe(true); // not there yet
    }
  });

  test('is empty at the first step, and what is there later is what a loss sees', async () => {
    const seen: (CustomLossBatch & { readonly keys: number })[] = [];
    const loss: CustomLoss = (features, batch) => {
      seen.push({ ...batch, keys: batch.bank?.features.shape[0] ?? 0 });
      expect(features.shape).toEqual([8, 2, 16]);
      const { ids, bank } = batch;
      return ntXentLoss(features, {
        anchors: 'queries',
        temperature: 0.2,
        ids: ids as Tensor,
        ...(bank && { bank: { features: bank.features, ids: bank.ids } }),
      });
    };
    const inTypeScript = await lossesOf(make({ moco: { loss } }));
    expect(seen.map(({ keys }) => keys)).toEqual([0, 8, 16, 20, 20, 20, 20, 20, 20, 20]);
    const native = await lossesOf(make());
    expect(native[0]).toBe(0); // nothing but the own key
    for (const [i, value] of native.entries()) expect(inTypeScript[i]).toBeCloseTo(value, 4);
  });

  test('refuses keys that do not fit', async () => {
    using owner = new Linear(1, 1);
    const queue = new KeyQueue(owner, { size: 8, dim: 16, device: 'cpu' });
    const ids = (n: number) => tensor(new BigInt64Array(n));
    for (const [keys, count] of [
      [ops.randn([9, 16]), 9],
      [ops.randn([4, 15]), 4],
      [ops.randn([4, 16]), 3],
    ] as const) {
      expect(() => queue.push(keys, { labels: undefined, ids: ids(count) }, fine())).toThrow(
        expect.objectContaining({ code: 'ERR_SHAPE' }),
      );
    }
  });
});

describe('a run on disk', () => {
  test('writes its options, the encoder that is trained, and beside it keys and queue', async () => {
    const out = join(folder, 'written');
    const models = tinyModels();
    await make({ ...models, method: moco() }).fit(tinyDataset(), { out });
    const { run, checkpoint } = await openCheckpoint(out);
    expect(run.config.method).toEqual({
      name: 'moco',
      loss: { name: 'nt-xent', temperature: 0.1, lossScale: 1, normalize: true },
      momentum: 0.99,
      queueSize: 4096,
      statistics: 'batch',
      symmetric: false,
    });
    const state = await keptIn(out);
    expect(state['queue.pushed']).toEqual([80]);
    expect(checkpoint.method?.get('queue.features')?.shape).toEqual([4096, 16]);
    const saved = await numbers(tensorState(checkpoint.model, 'encoder.').get('conv1.weight'));
    expect(saved).toEqual(await numbers(models.encoder.namedParameters().get('conv1.weight')));
    expect(state['teacher.encoder.conv1.weight']).not.toEqual(saved);
    expect((await openCheckpoint(out, { optimizer: false })).checkpoint.method).toBeUndefined();
  });

  test.each<[string, Options]>([
    ['nt-xent', {}],
    ['supcon', { moco: { loss: { name: 'supcon' } } }],
    ['a loss in TypeScript', { moco: { loss: (features) => ntXentLoss(features, { anchors: 'queries' }) } }],
    ['a momentum that changes', { moco: { momentum: { from: 0.8, to: 1, schedule: 'linear' } } }],
  ])('resumed, it ends where the uninterrupted one does: %s', async (name, options) => {
    const whole: Options & ReturnType<typeof tinyModels> = { ...tinyModels(), ...options } as never;
    const wholeOut = join(folder, `${name}-whole`);
    await make(whole).fit(tinyDataset(), { out: wholeOut });

    const out = join(folder, `${name}-resumed`);
    const controller = new AbortController();
    const stopped = make(options).fit(tinyDataset(), {
      out,
      signal: controller.signal,
      onEvent: (event) => event.kind === 'step' && event.step === 7 && controller.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError' });
    const { checkpoint } = await openCheckpoint(out);
    expect(checkpoint.state.step).toBeGreaterThanOrEqual(7);
    expect(checkpoint.state.step).toBeLessThan(10);
    expect((await keptIn(out))['queue.pushed']).toEqual([8 * checkpoint.state.step]);

    const resumed: typeof whole = { ...tinyModels(99), ...options } as never; // other initial weights: all must come from the checkpoint
    await make(resumed).fit(tinyDataset(), { out, resume: true });
    expect(await valuesOf(resumed.encoder.stateDict().values())).toEqual(
      await valuesOf(whole.encoder.stateDict().values()),
    );
    expect(await keptIn(out)).toEqual(await keptIn(wholeOut));
    const losses = async (run: string) =>
      (await (await RunFolder.open(run)).metrics.read()).filter(({ kind }) => kind === 'step').map(({ loss }) => loss);
    expect(await losses(out)).toEqual(await losses(wholeOut));
  });

  test('refuses to resume with other options, or without the file', async () => {
    const out = join(folder, 'refused');
    await make({ epochs: 1 }).fit(tinyDataset(), { out });
    for (const other of [{ momentum: 0.9, queueSize: 24 }, { momentum: 0.99, queueSize: 20 }, undefined]) {
      const changed = new Trainer({
        ...tinyModels(),
        augment: tinyViews(),
        method: other ? moco({ loss: { name: 'nt-xent', temperature: 0.2 }, ...other }) : simclr({ temperature: 0.2 }),
        batchSize: 8,
        seed: 3,
      });
      await expect(changed.fit(tinyDataset(), { out, resume: true })).rejects.toMatchObject({
        code: 'ERR_CHECKPOINT',
        message: expect.stringContaining('cannot resume: method.'),
      });
    }
    const file = join(out, 'checkpoints', '5', 'method.safetensors');
    expect((await readFile(file)).length).toBeGreaterThan(1000);
    await rm(file);
    await expect(make().fit(tinyDataset(), { out, resume: true })).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/method\.safetensors: cannot be read/),
    });
  });
});

describe('what a user gets wrong', () => {
  test('options', () => {
    const head = { forward: (x: Tensor) => x, namedParameters: () => new Map() };
    const wrong: [Options | { readonly moco: unknown }, RegExp][] = [
      [{ moco: { moment: 0.9 } }, /moco: unknown option 'moment'; did you mean 'momentum'/],
      [{ moco: { momentum: 1.1 } }, /moco.momentum must be a finite number >= 0 and <= 1/],
      [{ moco: { momentum: { from: 0, to: 2, schedule: 'cosine' } } }, /moco.momentum.to must be/],
      [{ moco: { statistics: 'running' } }, /moco.statistics must be one of 'batch', 'average'/],
      [{ moco: { symmetric: 1 } }, /moco.symmetric must be true or false/],
      [{ moco: { queueSize: 15, symmetric: true } }, /a batch of keys at least: expected >= 16, got 15/],
      [{ moco: { queueSize: 0 } }, /moco.queueSize must be an integer >= 1/],
      [{ moco: { queueSize: 7 } }, /queueSize must hold a batch of keys at least: expected >= 8, got 7/],
      [{ moco: { loss: { name: 'supcon', anchors: 'all' } } }, /moco.loss.anchors must not be 'all'/],
      [{ moco: { loss: { name: 'nt-xent', temperature: 0 } } }, /moco.loss.temperature must be/],
      [{ moco: { loss: null } }, /moco.loss must be a name, { name, … } or a function, got null/],
      [{ microBatch: 4 }, /'moco' does not go with microBatch: .* expected a batchSize of 4 instead, got 8/],
      [{ views: 3 }, /'moco' takes 2 views, got 3/],
      [{ views: 1 }, /'moco' takes 2 views, got 1/],
      [{ head }, /'moco' needs a head that is a Module, or none/],
      [{ loss: { name: 'supcon' } }, /loss does not go with method/],
    ];
    for (const [options, message] of wrong)
      expect(() => make(options as Options)).toThrow(
        expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(message) }),
      );
  });

  test('a default batch is fitted to the data before it is compared with the queue', async () => {
    const options = { ...tinyModels(), augment: tinyViews(), epochs: 1 };
    const train = (own: MocoOptions, more: Partial<TrainerOptions> = {}) =>
      new Trainer({ ...options, ...more, method: moco(own) }).fit(tinyDataset(40));
    expect((await train({ queueSize: 40 })).step).toBe(1); // fewer than the 256 of the default
    expect((await train({ queueSize: 40 }, { microBatch: 40 })).step).toBe(1);
    const refusal = (message: RegExp) => ({ code: 'ERR_OPTION', message: expect.stringMatching(message) });
    await expect(train({ queueSize: 39 })).rejects.toMatchObject(refusal(/at least: expected >= 40, got 39/));
    await expect(train({ queueSize: 79, symmetric: true })).rejects.toMatchObject(refusal(/expected >= 80, got 79/));
    await expect(train({}, { microBatch: 20 })).rejects.toMatchObject(
      refusal(/expected a batchSize of 20 instead, got 40/),
    );
  });

  test('labels are missing where the loss needs them', async () => {
    const run = make({ moco: { loss: { name: 'supcon' } } }).fit(tinyDataset(40, { labels: false }));
    await expect(run).rejects.toMatchObject({ code: 'ERR_DATA' });
    await make({ epochs: 1 }).fit(tinyDataset(40, { labels: false }));
  });
});
