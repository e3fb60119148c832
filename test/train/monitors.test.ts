import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { multiCrop } from '../../lib/augment/multi-crop.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import type { Encoder } from '../../lib/encoders/registry.ts';
import { featureRank } from '../../lib/monitors/feature-rank.ts';
import { featureSpread } from '../../lib/monitors/feature-spread.ts';
import { onlineKnn } from '../../lib/monitors/online-knn.ts';
import { onlineProbe } from '../../lib/monitors/online-probe.ts';
import { keepRunningStatistics, noGrad } from '../../lib/tensor/modes.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import type { TrainEvent } from '../../lib/train/events.ts';
import type { FitOptions } from '../../lib/train/fit-options.ts';
import type { FeatureMonitor, Monitor } from '../../lib/train/monitors.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { firstBatch, optionsOf, valuesOf } from './one-step.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'monitors-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const all = (): Monitor[] => [onlineProbe(), onlineKnn({ k: 5, rows: 24 }), featureRank({ rows: 24 }), featureSpread()];

async function train(options: Partial<TrainerOptions> = {}, fit: FitOptions = {}) {
  const models = tinyModels();
  const trainer = new Trainer({ ...models, augment: tinyViews(), batchSize: 8, epochs: 2, seed: 5, ...options });
  const events: TrainEvent[] = [];
  await trainer.fit(tinyDataset(), { ...fit, onEvent: (event) => events.push(event) }).catch((error: unknown) => {
    throw Object.assign(error as Error, { events });
  });
  return { ...models, events };
}

const stateOf = async ({ encoder, head }: Awaited<ReturnType<typeof train>>) =>
  valuesOf([...encoder.stateDict().values(), ...head.stateDict().values()]);

describe('monitors of features', () => {
  const ways: [string, Partial<TrainerOptions>][] = [
    ['a recorded step', {}],
    ['a step that is not recorded', { compile: false }],
    ['micro-batches', { microBatch: 3 }],
    ['another method, with a teacher', { method: 'byol', epochs: 1 }],
    ['a queue of keys', { method: 'moco', epochs: 1 }],
    ['bfloat16', { precision: 'bfloat16', epochs: 1 }],
  ];

  test.each(ways)('do not change a training to the bit: %s', async (_, options) => {
    const [alone, watched] = [await train(options), await train(options, { monitors: all(), monitorEvery: 2 })];
    expect(await stateOf(watched)).toEqual(await stateOf(alone));
    const steps = (events: TrainEvent[]) =>
      events.flatMap((event) => (event.kind === 'step' ? [{ ...event, samplesPerSecond: 0, secondsLeft: 0 }] : []));
    expect(steps(watched.events)).toEqual(steps(alone.events));
  });

  test('have figures in the events of epochs, and of steps between', async () => {
    const { events } = await train({}, { monitors: all(), monitorEvery: 2 });
    const figures = events.filter((event) => event.kind === 'monitor' || event.kind === 'epoch');
    expect(figures.map(({ kind, epoch, step }) => [kind, epoch, step])).toEqual([
      ['monitor', 0, 2],
      ['monitor', 0, 4],
      ['epoch', 0, 5],
      ['monitor', 1, 6],
      ['monitor', 1, 8],
      ['epoch', 1, 10],
    ]);
    const names = ['probeTop1', 'queueKnnTop1', 'rankMe', 'featureAlignment', 'featureUniformity', 'featureSpread'];
    for (const { metrics } of figures) {
      expect(Object.keys(metrics).sort()).toEqual(names.sort());
      for (const value of Object.values(metrics)) expect(Number.isFinite(value)).toBe(true);
    }
  });

  test('go into metrics.jsonl, and begin anew where a run is resumed', async () => {
    const out = join(folder, 'run');
    await train({ epochs: 1 }, { out, monitors: all(), monitorEvery: 3 });
    const read = async () => (await (await RunFolder.open(out)).metrics.read()).filter(({ kind }) => kind !== 'step');
    expect(await read()).toMatchObject([
      { kind: 'monitor', step: 3, metrics: { rankMe: expect.any(Number) } },
      { kind: 'epoch', step: 5, metrics: { probeTop1: expect.any(Number) } },
    ]);
    await train({}, { out, resume: true, monitors: all(), monitorEvery: 3 });
    expect((await read()).map(({ kind, step }) => [kind, step])).toEqual([
      ['monitor', 3],
      ['epoch', 5],
      ['monitor', 6],
      ['monitor', 9],
      ['epoch', 10],
    ]);
  });

  test('read one queue: what is observed is its newest rows', async () => {
    const seen = [new Set<Tensor>(), new Set<Tensor>()] as const;
    const newest: number[][] = [];
    const reading = seen.map((queued): FeatureMonitor => {
      let last: Tensor | undefined;
      return {
        observe(batch) {
          last = batch.queued;
          queued.add(last);
        },
        async figures({ newest: ask }) {
          using features = ask(8)?.features;
          newest.push(...(await valuesOf([last as Tensor, features as Tensor])));
          return {};
        },
      };
    });
    await train({ epochs: 1 }, { monitors: reading });
    expect([...seen[0]]).toEqual([...seen[1]]);
    expect(seen[0].size).toBe(5);
    for (const values of newest) expect(values).toEqual(newest[0]);
  });

  /** Keeps a copy of what it is shown. */
  class Keeper implements FeatureMonitor {
    readonly seen: { features: Tensor; labels: Int32Array | undefined; ids: BigInt64Array }[] = [];
    observe({ features, labels, ids }: Parameters<NonNullable<FeatureMonitor['observe']>>[0]): void {
      this.seen.push({ features: noGrad(() => features.clone()), labels, ids });
    }
    figures() {
      return {};
    }
  }

  test.each([
    ['all views at once', {}],
    ['micro-batches', { microBatch: 4 }],
    [
      'views of two sizes',
      {
        augment: multiCrop({
          globalSize: 12,
          localSize: 8,
          localViews: 2,
          transforms: [normalize(0.4, 0.25)],
          channels: 1,
        } as never),
      },
    ],
  ])('see the features of the encoder before the step, without a gradient: %s', async (_, given) => {
    const options = { compile: true, batchSize: 8, seed: 5, ...given } as Partial<TrainerOptions>;
    const keeper = new Keeper();
    await train({ ...options, epochs: 1 }, { monitors: [keeper] });
    const resolved = optionsOf({ ...options, microBatch: 8 });
    using batch = await firstBatch(tinyDataset(), resolved);
    const [first] = keeper.seen;
    expect([first?.labels, first?.ids]).toEqual([batch.labels, batch.ids]);
    const views = batch.viewOrder.length;
    expect(first?.features.shape).toEqual([8, views, (resolved.encoder as Encoder).featureDim]);
    expect([first?.features.requiresGrad, first?.features.dtype]).toEqual([false, 'float32']);
    if ('microBatch' in given) return; // batch normalisation is within micro-batches
    const encoded = batch.images.map((images) =>
      noGrad(() => keepRunningStatistics(() => resolved.encoder.forward(images))),
    );
    const rows = (await valuesOf(encoded)).flat();
    const seen = (await valuesOf([(first as NonNullable<typeof first>).features.transpose(0, 1)]))[0] as number[];
    for (const [i, value] of rows.entries()) expect(Math.abs((seen[i] as number) - value)).toBeLessThan(1e-5);
  });
});

describe('monitors', () => {
  test('of epochs are functions, beside those of features', async () => {
    const asked: number[] = [];
    const mine: Monitor = ({ epoch, step }) => {
      asked.push(step);
      return { mine: epoch };
    };
    const { events } = await train({}, { monitors: [mine, featureRank({ rows: 8 })], monitorEvery: 2 });
    expect(asked).toEqual([5, 10]);
    expect(events.filter(({ kind }) => kind === 'epoch')).toMatchObject([
      { metrics: { mine: 0, rankMe: expect.any(Number) } },
      { metrics: { mine: 1, rankMe: expect.any(Number) } },
    ]);
  });

  test('are let go of at the end', async () => {
    let disposed = 0;
    const monitor = { figures: () => ({}), [Symbol.dispose]: () => void disposed++ };
    await train({ epochs: 1 }, { monitors: [monitor] });
    expect(disposed).toBe(1);
  });

  test('that are none are refused', async () => {
    const failing = (fit: object, message: RegExp) =>
      expect(train({}, fit)).rejects.toMatchObject({ code: 'ERR_OPTION', message: expect.stringMatching(message) });
    await failing({ monitors: {} }, /monitors must be an array, got an object/);
    await failing({ monitors: [3] }, /monitors\[0\] must be a function or have a function figures, got 3/);
    await failing({ monitors: [{}] }, /monitors\[0\] must be a function or have/);
    await failing({ monitors: [], monitorEvery: 0 }, /monitorEvery must be an integer >= 1, got 0/);
    await failing({ monitors: [{ figures: () => 5 }] }, /a monitor must return numbers by name, got 5/);
    await failing({ monitors: [() => ({ answer: 1n })] }, /monitor: answer must be a number, got 1 \(bigint\)/);
    await failing({ monitors: [{ figures: () => ({ a: 'b' }) }] }, /monitor: a must be a number, got 'b'/);
  });
});

describe('monitors of epochs', () => {
  /** Says the accuracies in turn. */
  const saying = (...values: number[]) => {
    const asked: number[] = [];
    const monitor = ({ epoch }: { epoch: number }) => {
      asked.push(epoch);
      return { knnTop1: values.shift() as number };
    };
    return { asked, monitor };
  };

  test('run before the first step with monitorStart, which changes nothing in the training', async () => {
    const { asked, monitor } = saying(0.3, 0.4, 0.5);
    const out = join(folder, 'start');
    const watched = await train({}, { monitors: [monitor], monitorStart: true, out });
    expect(asked).toEqual([-1, 0, 1]);
    const event = { kind: 'monitor', epoch: 0, step: 0, metrics: { knnTop1: 0.3 } };
    expect(watched.events[1]).toEqual(event);
    expect((await (await RunFolder.open(out)).metrics.read())[0]).toEqual(event);
    expect(await stateOf(watched)).toEqual(await stateOf(await train()));
  });

  test('that say nothing at the start leave no event', async () => {
    const { events } = await train({ epochs: 1 }, { monitors: [() => undefined], monitorStart: true });
    expect(events.map(({ kind }) => kind)).not.toContain('monitor');
  });

  test('are asked for the best checkpoint by a name that one of them gives', async () => {
    const out = join(folder, 'misnamed');
    const fit = { best: 'knnTop', out } as const;
    const message = (given: string) =>
      `best must be a figure that the monitors give after epochs, got 'knnTop'; given: ${given}`;
    const { monitor } = saying(0.9, 0.4, 0.5, 0.6, 0.7);
    const failure = await train({ epochs: 3 }, { ...fit, monitors: [monitor] }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'ERR_OPTION', message: message("'knnTop1'") });
    const { events } = failure as { events: TrainEvent[] };
    expect(events.filter(({ kind }) => kind === 'warning')).toEqual([
      { kind: 'warning', message: message("'knnTop1'") },
    ]);
    const run = await RunFolder.open(out);
    expect((await run.steps()).at(-1)).toBe(15); // what was trained is kept, and goes on with the right name
    await train({ epochs: 4 }, { best: 'knnTop1', out, resume: true, monitors: [monitor] });
    expect(await run.best()).toMatchObject({ figure: 'knnTop1' });

    // One that speaks later may be the one.
    const late = ({ epoch }: { epoch: number }) => (epoch === 1 ? { knnTop: 1 } : {});
    await train({ epochs: 2 }, { ...fit, out: join(folder, 'late'), monitors: [saying(0.9, 0.4).monitor, late] });
    expect(await (await RunFolder.open(join(folder, 'late'))).best()).toMatchObject({ figure: 'knnTop', step: 10 });
    // As is one that a run was given before it went on.
    const rare = ({ epoch }: { epoch: number }) => (epoch === 0 ? { knnTop: 1 } : {});
    const rarely = { ...fit, out: join(folder, 'rare'), monitors: [rare] };
    await train({ epochs: 1 }, rarely);
    await train({ epochs: 2 }, { ...rarely, resume: true });
    const silent = train({ epochs: 1 }, { ...fit, out: join(folder, 'silent'), monitors: [() => undefined] });
    await expect(silent).rejects.toMatchObject({ code: 'ERR_OPTION', message: message('none') });
  });

  test('name the checkpoint that is kept as the best; a run that goes on remembers it', async () => {
    const out = join(folder, 'best');
    const fit = { best: 'knnTop1', monitorStart: true, checkpointEvery: 100, out } as const;
    await train({ epochs: 4 }, { ...fit, monitors: [saying(0.9, 0.4, 0.6, 0.5, Number.NaN).monitor] });
    const run = await RunFolder.open(out);
    expect(await run.best()).toEqual({ step: 10, figure: 'knnTop1', value: 0.6 });
    expect(await run.steps()).toEqual([5, 10, 20]);
    const { asked, monitor } = saying(0.55, 0.61);
    await train({ epochs: 5 }, { ...fit, monitors: [monitor], resume: true });
    expect(asked).toEqual([4]);
    expect(await run.best()).toMatchObject({ step: 10, value: 0.6 });
    await train({ epochs: 6 }, { ...fit, monitors: [monitor], resume: true });
    expect(await run.best()).toMatchObject({ step: 30, value: 0.61 });
  });
});
