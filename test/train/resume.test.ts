/** What a run keeps when something goes wrong, and what it goes on with. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findNonFinite } from '../../lib/checkpoint/finite.ts';
import { openCheckpoint, RunFolder } from '../../lib/checkpoint/run.ts';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { type Dataset, subset } from '../../lib/data/dataset.ts';
import type { CustomLoss } from '../../lib/methods/custom-loss.ts';
import type { Module } from '../../lib/nn/module.ts';
import type { TrainEvent } from '../../lib/train/events.ts';
import type { FitOptions } from '../../lib/train/fit-options.ts';
import type { Monitor } from '../../lib/train/monitors.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { size, tinyDataset, tinyModels, tinyViews } from './tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-resume-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** 5 steps an epoch of tinyDataset(). */
const make = (options: Partial<TrainerOptions> = {}): Trainer =>
  new Trainer({ ...tinyModels(), augment: tinyViews(), batchSize: 8, epochs: 2, seed: 3, ...options });

const weights = (module: Module): Promise<number[][]> =>
  Promise.all(module.parameters().map(async (value) => Array.from(await value.data(), Number)));

const refusal = (message: RegExp) => ({ code: 'ERR_CHECKPOINT', message: expect.stringMatching(message) });

/** The weights after two epochs that nothing interrupted. */
async function wholeWeights(): Promise<number[][]> {
  const { encoder, head } = tinyModels();
  await make({ encoder, head }).fit(tinyDataset());
  return weights(encoder);
}

/** Goes on with other initial weights: all must come from the run. */
async function finish(out: string, options: FitOptions = {}) {
  const { encoder, head } = tinyModels(99);
  const events: TrainEvent[] = [];
  const onEvent = (event: TrainEvent) => void events.push(event);
  const end = await make({ encoder, head }).fit(tinyDataset(), { out, resume: true, onEvent, ...options });
  const warnings = events.filter((event) => event.kind === 'warning').map(({ message }) => message);
  return { events, warnings, end, weights: await weights(encoder) };
}

const recordsOf = async (out: string) => (await RunFolder.open(out)).metrics.read();
const stepsOf = async (out: string) =>
  (await recordsOf(out)).filter(({ kind }) => kind === 'step').map(({ step }) => step);
const ten = Array.from({ length: 10 }, (_, i) => i + 1);

describe('an error that has nothing to do with the weights comes after a checkpoint', () => {
  const failAt = (wanted: (event: TrainEvent) => boolean) => (event: TrainEvent) => {
    if (wanted(event)) throw new Error('mine');
  };

  test('of a loss written in TypeScript, whose own step is undone', async () => {
    const out = join(folder, 'own-loss');
    let calls = 0;
    const loss: CustomLoss = (features) => {
      if (++calls === 8) throw new Error('mine');
      return features.square().mean();
    };
    await expect(make({ loss }).fit(tinyDataset(), { out })).rejects.toThrow('mine');
    expect((await openCheckpoint(out)).checkpoint.state.step).toBe(7);
  });

  test('of onEvent', async () => {
    const out = join(folder, 'on-event');
    const onEvent = failAt((event) => event.kind === 'step' && event.step === 7);
    await expect(make().fit(tinyDataset(), { out, onEvent })).rejects.toThrow('mine');
    const { step } = (await openCheckpoint(out)).checkpoint.state;
    expect(step).toBeGreaterThanOrEqual(7);
    expect((await finish(out)).weights).toEqual(await wholeWeights());
    expect(await stepsOf(out)).toEqual(ten);
  });

  test('of a consumer that leaves the loop', async () => {
    const out = join(folder, 'left');
    for await (const event of make().events(tinyDataset(), { out }))
      if (event.kind === 'step' && event.step === 3) break;
    expect((await openCheckpoint(out)).checkpoint.state.step).toBeGreaterThanOrEqual(3);
    expect((await finish(out)).weights).toEqual(await wholeWeights());
  });

  test.each([
    [8, 8],
    [4, 16], // gradients are cached: two passes over the samples
  ])('of the data, with micro-batches of %i', async (microBatch, readsAStep) => {
    const out = join(folder, `data-${microBatch}`);
    const good = tinyDataset();
    let left = 1 + 8 + 3 * readsAStep; // the size of an image, the samples that mark the data set, and three steps
    const get: Dataset['get'] = (index) => {
      if (left-- <= 0) throw new Error('the disk is gone');
      return good.get(index);
    };
    await expect(make({ microBatch }).fit({ ...good, get }, { out })).rejects.toMatchObject({ code: 'ERR_DATA' });
    expect((await openCheckpoint(out)).checkpoint.state.step).toBe(3);
    expect(await stepsOf(out)).toEqual([1, 2, 3]);
    const whole = tinyModels();
    await make({ ...whole, microBatch }).fit(tinyDataset());
    const resumed = tinyModels(99);
    await make({ ...resumed, microBatch }).fit(tinyDataset(), { out, resume: true });
    expect(await weights(resumed.encoder)).toEqual(await weights(whole.encoder));
  });

  test('of the monitor: the epoch is there, and is ended again', async () => {
    const out = join(folder, 'monitor');
    const monitor = () => Promise.reject(new Error('mine'));
    await expect(make().fit(tinyDataset(), { out, monitors: [monitor] })).rejects.toThrow('mine');
    expect((await openCheckpoint(out)).checkpoint.state).toMatchObject({ step: 5, epoch: 1 });
    const seen: number[] = [];
    const { events, weights: got } = await finish(out, {
      monitors: [
        ({ epoch, step }) => {
          seen.push(step);
          return { epoch };
        },
      ],
    });
    expect(seen).toEqual([5, 10]);
    expect(got).toEqual(await wholeWeights());
    const epochs = (await recordsOf(out)).filter(({ kind }) => kind === 'epoch');
    expect(epochs).toMatchObject([
      { epoch: 0, step: 5, metrics: { epoch: 0 } },
      { epoch: 1, step: 10, metrics: { epoch: 1 } },
    ]);
    const first = (await recordsOf(out)).filter(({ kind, epoch }) => kind === 'step' && epoch === 0);
    expect(epochs[0]?.loss).toBeCloseTo(first.reduce((sum, { loss }) => sum + (loss as number), 0) / 5, 9);
    expect(events.filter((event) => event.kind === 'epoch')).toHaveLength(2);
  });

  test('a signal during the last monitor: the record and the loss come with the resume', async () => {
    const out = join(folder, 'last-monitor');
    const controller = new AbortController();
    const monitor: Monitor = ({ epoch, signal }) => {
      if (epoch === 1) controller.abort();
      signal?.throwIfAborted();
      return {};
    };
    const options = { out, monitors: [monitor], signal: controller.signal };
    await expect(make().fit(tinyDataset(), options)).rejects.toMatchObject({ name: 'AbortError' });
    const { end } = await finish(out);
    expect(end.step).toBe(10);
    const epochs = (await recordsOf(out)).filter(({ kind }) => kind === 'epoch');
    expect(epochs.map(({ epoch }) => epoch)).toEqual([0, 1]);
    expect(end.loss).toBe(epochs[1]?.loss);
    expect((await finish(out)).end.loss).toBe(end.loss); // and once more, with nothing left to do
  });

  test("a resumed epoch's loss is that of all its steps", async () => {
    const out = join(folder, 'epoch-loss');
    for await (const event of make().events(tinyDataset(), { out }))
      if (event.kind === 'step' && event.step === 7) break;
    const { end } = await finish(out);
    const losses = (await recordsOf(out)).filter(({ kind, epoch }) => kind === 'step' && epoch === 1);
    expect(end.loss).toBeCloseTo(losses.reduce((sum, { loss }) => sum + (loss as number), 0) / 5, 9);
  });
});

describe('weights that are not finite', () => {
  test('are not saved, and say so, though the loss was finite', async () => {
    const out = join(folder, 'infinite');
    await make({ epochs: 1 }).fit(tinyDataset(), { out });
    const models = tinyModels();
    const optimizer = { name: 'sgd', lr: 3e38, momentum: 0.9, weightDecay: 1e-4 } as const;
    const wild = make({ ...models, optimizer, schedule: { name: 'constant' }, epochs: 1, batchSize: 40 });
    const other = join(folder, 'wild');
    await expect(wild.fit(tinyDataset(), { out: other })).rejects.toMatchObject({ code: 'ERR_NON_FINITE' });
    expect(existsSync(other)).toBe(false); // a run that came to no step leaves nothing behind
  });
});

describe('a signal that fires while something is not finite', () => {
  const nan: CustomLoss = (features) => features.sum().mul(Number.NaN);
  const nanGradient: CustomLoss = (features) => features.mul(0).sum().sqrt();

  test.each([
    ['a loss', nan],
    ['a gradient, in the last step of an epoch', nanGradient],
  ])('saves none of it: %s', async (name, spoilt) => {
    const out = join(folder, `abort-${name.length}`);
    const controller = new AbortController();
    let calls = 0;
    const loss: CustomLoss = (features, batch) => {
      if (++calls < 10) return features.square().mean();
      controller.abort();
      return spoilt(features, batch);
    };
    const fit = make({ loss }).fit(tinyDataset(), { out, signal: controller.signal });
    await expect(fit).rejects.toMatchObject({ code: expect.stringMatching(/ERR_(ABORTED|NON_FINITE)/) });
    const { run, checkpoint } = await openCheckpoint(out);
    expect([checkpoint.state.step, await run.steps()]).toEqual([5, [5]]);
    expect(await findNonFinite(checkpoint.model)).toBeUndefined();
    const whole = make({ loss: (features) => features.square().mean() });
    expect((await whole.fit(tinyDataset(), { out, resume: true })).step).toBe(10);
  });
});

describe('a run without a checkpoint', () => {
  const empty = async (name: string): Promise<string> => {
    const out = join(folder, name);
    await make().fit(tinyDataset(), { out });
    await rm(join(out, 'checkpoints'), { recursive: true });
    return out;
  };

  test('can be begun anew', async () => {
    const out = await empty('anew');
    const { encoder, head } = tinyModels();
    await make({ encoder, head }).fit(tinyDataset(), { out });
    expect(await stepsOf(out)).toEqual(ten);
  });

  test('can be resumed from step 0, and says so', async () => {
    const out = await empty('from-zero');
    const warnings: string[] = [];
    const { encoder, head } = tinyModels();
    const onEvent = (event: TrainEvent) => event.kind === 'warning' && warnings.push(event.message);
    await make({ encoder, head }).fit(tinyDataset(), { out, resume: true, onEvent });
    expect(warnings).toEqual([expect.stringMatching(/stopped before its first checkpoint; it begins again at step 0/)]);
    expect(await weights(encoder)).toEqual(await wholeWeights());
    expect(await stepsOf(out)).toEqual(ten);
  });
});

describe('a run that is untrained', () => {
  test('has a checkpoint of step 0 with the weights as they were, and can be trained', async () => {
    const out = join(folder, 'untrained');
    const { encoder, head } = tinyModels();
    const before = await weights(encoder);
    const end = await make({ encoder, head, epochs: 0 }).fit(tinyDataset(), { out });
    expect(end).toMatchObject({ step: 0, loss: Number.NaN });
    expect(await weights(encoder)).toEqual(before);
    expect((await openCheckpoint(out)).checkpoint.state).toMatchObject({ step: 0, epoch: 0 });
    const { warnings, weights: got } = await finish(out);
    expect(warnings).toEqual([]);
    expect(got).toEqual(await wholeWeights());
    expect((await RunFolder.open(out)).config.epochs).toBe(2);
    await make({ epochs: 0 }).fit(tinyDataset(), { out, resume: true }); // leaves a trained run as it is
    const run = await RunFolder.open(out);
    expect([run.config.epochs, await run.steps()]).toEqual([2, [0, 5, 10]]);
  });
});

describe('what makes another run is refused', () => {
  let out: string;
  beforeAll(async () => {
    out = join(folder, 'same');
    await make({ epochs: 1 }).fit(tinyDataset(), { out });
  });
  const resume = (dataset: Dataset, options: Partial<TrainerOptions> = {}) =>
    make({ epochs: 1, ...options }).fit(dataset, { out, resume: true });

  test('half of the data, and twice', async () => {
    const half = subset(
      tinyDataset(),
      Array.from({ length: 20 }, (_, i) => i),
    );
    await expect(resume(half)).rejects.toMatchObject(refusal(/the data set had 40 samples, and has 20 now/));
    await expect(resume(tinyDataset(80))).rejects.toMatchObject(refusal(/had 40 samples, and has 80 now/));
  });

  test('other classes, labels and pixels', async () => {
    const named = { ...tinyDataset(), classes: ['above', 'below'] };
    await expect(resume(named)).rejects.toMatchObject(
      refusal(/the classes were null, and are now \["above","below"\]/),
    );
    await expect(resume(tinyDataset(40, { oneClass: true }))).rejects.toMatchObject(
      refusal(/sample \d+ was .*"label":1/),
    );
    const pixels = new Uint8Array(40 * size * size).fill(90);
    const labels = Int32Array.from({ length: 40 }, (_, n) => n % 2);
    const gray = arrayDataset(pixels, { shape: [40, size, size, 1], labels });
    await expect(resume(gray)).rejects.toMatchObject(refusal(/sample 0 was .*"mean":90}/));
  });

  test('another name is the same data, and so are pixels that a decoder rounds otherwise', async () => {
    const same = tinyDataset();
    const get: Dataset['get'] = async (index) => {
      const sample = await same.get(index);
      return { ...sample, pixels: sample.pixels.map((value) => value + 1) };
    };
    expect((await resume({ ...same, name: 'moved', get })).step).toBe(5);
  });

  test('another schedule', async () => {
    await expect(resume(tinyDataset(), { schedule: { name: 'constant' } })).rejects.toMatchObject(
      refusal(/cannot resume: schedule\.name was "cosine", and is now "constant"/),
    );
  });
});

describe('more epochs', () => {
  test('warn with both learning rates where the schedule jumps, once', async () => {
    const out = join(folder, 'longer');
    await make({ epochs: 4 }).fit(tinyDataset(), { out });
    const events: TrainEvent[] = [];
    await make({ epochs: 8 }).fit(tinyDataset(), { out, resume: true, onEvent: (event) => void events.push(event) });
    const rates = (await recordsOf(out)).filter(({ kind }) => kind === 'step').map(({ learningRate }) => learningRate);
    const next = String(Number((rates[20] as number).toPrecision(3)));
    expect(events.filter((event) => event.kind === 'warning')).toMatchObject([
      { message: expect.stringContaining(`epochs was 4, and is now 8: the schedule`) },
    ]);
    expect(events.find((event) => event.kind === 'warning')).toMatchObject({
      message: expect.stringMatching(`gives step 21 a learning rate of ${next} in place of 0$`),
    });
    expect((await RunFolder.open(out)).config.epochs).toBe(8);
  });

  test('say nothing where the rate stays', async () => {
    const out = join(folder, 'constant');
    const schedule = { name: 'constant' } as const;
    await make({ schedule, epochs: 1 }).fit(tinyDataset(), { out });
    const kinds: string[] = [];
    const onEvent = (event: TrainEvent) => void kinds.push(event.kind);
    await make({ schedule, epochs: 2 }).fit(tinyDataset(), { out, resume: true, onEvent });
    expect(kinds).not.toContain('warning');
  });
});

describe('a damaged checkpoint', () => {
  test('is passed over for the one before, which a warning names', async () => {
    const out = join(folder, 'flipped');
    await make().fit(tinyDataset(), { out });
    const file = join(out, 'checkpoints', '10', 'model.safetensors');
    const bytes = await readFile(file);
    bytes[bytes.length - 3] = (bytes.at(-3) as number) ^ 8;
    await writeFile(file, bytes);
    const { warnings, weights: got, events } = await finish(out);
    expect(warnings).toEqual([
      expect.stringMatching(/10.model\.safetensors: is damaged.*using the checkpoint of step 5/),
    ]);
    expect(events[0]).toMatchObject({ kind: 'start', startStep: 5 });
    expect(got).toEqual(await wholeWeights());
    expect((await finish(out)).warnings).toEqual([]); // it was written again
  });
});

describe('one process writes a run', () => {
  test('the other one is refused, whether it begins or resumes, and the lock goes with the end', async () => {
    const out = join(folder, 'locked');
    for await (const event of make().events(tinyDataset(), { out })) {
      if (event.kind !== 'step') continue;
      const message = new RegExp(`process ${process.pid} of .* is training into it.*run\\.lock`);
      await expect(make().fit(tinyDataset(), { out })).rejects.toMatchObject(refusal(message));
      await expect(make().fit(tinyDataset(), { out, resume: true })).rejects.toMatchObject(refusal(message));
      break;
    }
    expect(await readdir(out)).not.toContain('run.lock');
    await finish(out);
    expect((await readdir(out)).sort()).toEqual(['checkpoints', 'config.json', 'metrics.jsonl']);
  });

  test('what interrupted writes left in its folder goes', async () => {
    const out = join(folder, 'left-over');
    await make({ epochs: 1 }).fit(tinyDataset(), { out });
    const left = `.config.json.tmp-${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}`;
    await writeFile(join(out, left), '{');
    await finish(out);
    expect(await readdir(out)).not.toContain(left);
  });

  test('a folder without a run is not made by resuming in it', async () => {
    const out = join(folder, 'none');
    await expect(make().fit(tinyDataset(), { out, resume: true })).rejects.toMatchObject(refusal(/there is no run in/));
    await expect(readdir(out)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a refused folder is left unlocked', async () => {
    const out = join(folder, 'refused');
    await mkdir(out);
    await make({ epochs: 1 }).fit(tinyDataset(), { out });
    await expect(make().fit(tinyDataset(), { out })).rejects.toMatchObject(refusal(/holds a run already/));
    expect(await readdir(out)).not.toContain('run.lock');
  });
});
