/** Averaged weights: what they are, who has them, and what stays when something goes wrong. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadEncoder } from '../../lib/checkpoint/encoder.ts';
import { openCheckpoint } from '../../lib/checkpoint/run.ts';
import { ntXentLoss } from '../../lib/losses/nt-xent.ts';
import type { CustomLoss } from '../../lib/methods/custom-loss.ts';
import type { Module } from '../../lib/nn/module.ts';
import { type Ramp, rampAt } from '../../lib/options/ramp.ts';
import { full } from '../../lib/tensor/ops.ts';
import { tensorState } from '../../lib/tensor/raw-tensors.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { AveragedWeights } from '../../lib/train/averaged-weights.ts';
import type { FitOptions } from '../../lib/train/fit-options.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-ema-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type State = Record<string, number[]>;

async function numbersOf(state: ReadonlyMap<string, Tensor>): Promise<State> {
  const entries = await Promise.all(
    [...state].map(async ([name, value]) => [name, Array.from(await value.data(), Number)]),
  );
  return Object.fromEntries(entries) as State;
}
const stateOf = (module: Module): Promise<State> => numbersOf(module.stateDict());

const steps = 4;
/** One step an epoch, so that a monitor sees the weights of each. */
const settings = { augment: tinyViews(), loss: { name: 'nt-xent' }, batchSize: 8, epochs: steps, seed: 3 } as const;

/** The encoder's state at the beginning, in the monitor of each epoch, and when fit has ended. */
async function train(options: Partial<TrainerOptions> = {}, fit: FitOptions = {}, seed = 1) {
  const { encoder, head } = tinyModels(seed);
  const first = await stateOf(encoder);
  const seen: State[] = [];
  const monitor = async (): Promise<undefined> => void seen.push(await stateOf(encoder));
  const trainer = new Trainer({ encoder, head, ...settings, ...options });
  const result = await trainer.fit(tinyDataset(8), { monitors: [monitor], ...fit }).catch((error: unknown) => error);
  return { first, seen, result, last: await stateOf(encoder), encoder };
}

/** The mean by its formula, from the weights before and after each step. */
function averaged(weights: readonly State[], decay: number | Ramp): State[] {
  const means: State[] = [structuredClone(weights[0] as State)];
  weights.slice(1).forEach((state, t) => {
    const d = Math.min(rampAt(decay, t / steps), (1 + t) / (10 + t));
    const before = means[t] as State;
    const next = Object.entries(state).map(([name, values]) => [
      name,
      name.endsWith('num_batches_tracked')
        ? values
        : values.map((w, i) => d * (before[name]?.[i] as number) + (1 - d) * w),
    ]);
    means.push(Object.fromEntries(next) as State);
  });
  return means.slice(1);
}

/** The largest difference of two states. */
function farthest(one: State, other: State): number {
  expect(Object.keys(one)).toEqual(Object.keys(other));
  const differences = Object.entries(one).flatMap(([name, values]) =>
    values.map((value, i) => Math.abs(value - (other[name]?.[i] as number))),
  );
  return differences.reduce((most, difference) => Math.max(most, difference), 0);
}

describe('the mean of the weights', () => {
  test.each<[string, number | Ramp, Partial<TrainerOptions>]>([
    ['a number', 0.15, {}],
    ['a ramp', { from: 0, to: 0.2, schedule: 'linear' }, {}],
    ['of steps that are not recorded', 0.999, { compile: false }],
    ['of steps in micro-batches', 0.999, { microBatch: 4 }],
  ])('follows its formula: decay is %s', async (_, decay, options) => {
    const plain = await train(options);
    const { seen, last } = await train({ ...options, ema: { decay } });
    const expected = averaged([plain.first, ...plain.seen], decay);
    expect(seen.length).toBe(steps);
    seen.forEach((state, step) => {
      expect(farthest(state, expected[step] as State)).toBeLessThan(1e-6);
    });
    expect(last).toEqual(seen.at(-1));
  });

  test('is what a checkpoint opens with; the trained weights are beside it, and go on', async () => {
    const out = join(folder, 'run');
    const plain = await train();
    const { last } = await train({ ema: {} }, { out });
    using opened = await loadEncoder({ checkpoint: out });
    expect(await stateOf(opened)).toEqual(last);
    const { checkpoint, run } = await openCheckpoint(out);
    expect(run.config.ema).toEqual({ decay: 0.999 });
    const trained = await numbersOf(tensorState(checkpoint.trained ?? new Map(), 'encoder.'));
    for (const [name, values] of Object.entries(trained)) expect(values).toEqual(plain.last[name]);
    expect(Object.keys(trained).length).toBeGreaterThan(40);
  });

  test('is resumed as if nothing had been', async () => {
    const out = join(folder, 'resumed');
    const whole = await train({ ema: {} });
    const stop = {
      onEvent: ({ kind, step }: { kind: string; step?: number }) => {
        if (kind === 'epoch' && step === 2) throw new Error('mine');
      },
    } as FitOptions;
    const stopped = await train({ ema: {} }, { out, ...stop });
    expect(stopped.result).toMatchObject({ message: 'mine' });
    expect(stopped.last).toEqual(whole.seen[1]); // the mean, however it ended
    const resumed = await train({ ema: {} }, { out, resume: true }, 9);
    expect(resumed.last).toEqual(whole.last);
    const other = await train({ ema: { decay: 0.5 } }, { out, resume: true });
    expect(other.result).toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/ema.decay was 0.999, and is now 0.5/),
    });
  });

  test('is in the modules where a run that goes on is left at its start', async () => {
    const out = join(folder, 'left');
    const whole = await train({ ema: {}, epochs: 2 }, { out });
    const { encoder, head } = tinyModels(9);
    const trainer = new Trainer({ encoder, head, ...settings, ema: {}, epochs: 2 });
    for await (const { kind } of trainer.events(tinyDataset(8), { out, resume: true })) if (kind === 'start') break;
    expect(await stateOf(encoder)).toEqual(whole.last);
  });

  test('is in the modules where the checkpoint after an abort fails', async () => {
    const out = join(folder, 'full');
    const controller = new AbortController();
    let calls = 0;
    const monitor = async (): Promise<undefined> => {
      if (++calls < 2) return;
      await rm(out, { recursive: true });
      await writeFile(out, ''); // no folder can be made there
      controller.abort();
    };
    const options = { ema: {}, schedule: { name: 'constant' } } as const;
    const whole = await train(options);
    const { result, last } = await train(options, {
      ...{ out, checkpointEvery: 4, monitors: [monitor], signal: controller.signal },
    });
    expect(result).toBeInstanceOf(Error);
    expect(result).not.toMatchObject({ code: 'ERR_ABORTED' });
    expect(last).toEqual(whole.seen[1]);
  });

  test('stays where a step is refused, and where a monitor fails', async () => {
    let calls = 0;
    const loss: CustomLoss = (features) =>
      ++calls === 3 ? features.sum().mul(full([], Number.NaN)) : ntXentLoss(features);
    const { result, seen, last } = await train({ ema: {}, loss, compile: false });
    expect(result).toMatchObject({ code: 'ERR_NON_FINITE' });
    expect(last).toEqual(seen[1]);

    const whole = await train({ ema: {} });
    const failing = await train({ ema: {} }, { monitors: [() => Promise.reject(new Error('mine'))] });
    expect(failing.result).toMatchObject({ message: 'mine' });
    expect(failing.last).toEqual(whole.seen[0]);
  });
});

test('options, and a state that does not fit', async () => {
  const make = (ema: object) => () => new Trainer({ ...tinyModels(), ...settings, ema });
  const thrown = (message: RegExp) =>
    expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(message) });
  expect(make({ decay: 1.1 })).toThrow(thrown(/ema\.decay must be a finite number >= 0 and <= 1/));
  expect(make({ dekay: 1 })).toThrow(thrown(/ema: unknown option 'dekay'; did you mean 'decay'\?/));
  const { encoder, head } = tinyModels();
  using average = new AveragedWeights({ encoder, head }, { decay: 0.9 });
  const state = average.stateDict();
  const refused = (message: RegExp) =>
    expect.objectContaining({ code: 'ERR_CHECKPOINT', message: expect.stringMatching(message) });
  expect(() => average.loadStateDict(new Map())).toThrow(refused(/the averaged encoder\.conv1\.weight is missing/));
  state.set('encoder.conv1.weight', full([2], 1));
  expect(() => average.loadStateDict(state)).toThrow(refused(/must have shape \[4,1,3,3\], got \[2\]/));
});
