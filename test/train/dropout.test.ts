/** What is dropped in a training is a function of its seed and of the step. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Dropout } from '../../lib/nn/dropout.ts';
import { Module } from '../../lib/nn/module.ts';
import { randomKey, withKeysOf } from '../../lib/tensor/random.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import type { FitOptions } from '../../lib/train/fit-options.ts';
import type { TrainerOptions } from '../../lib/train/options.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { valuesOf } from './one-step.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-dropout-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

class Dropping extends Module {
  readonly encoder = tinyModels().encoder;
  readonly dropout = new Dropout(0.5);

  override get isPure(): boolean {
    return true;
  }

  override forward(x: Tensor): Tensor {
    return this.dropout.forward(this.encoder.forward(x));
  }
}

async function train(options: Partial<TrainerOptions>, fit: FitOptions = {}): Promise<number[][]> {
  const encoder = new Dropping();
  const settings = { augment: tinyViews(), method: 'simclr' as const, batchSize: 4, epochs: 1, seed: 3 };
  const ended = new Trainer({ encoder, ...settings, ...options }).fit(tinyDataset(16), fit);
  await ended.catch((error: unknown) => error);
  return valuesOf(encoder.stateDict().values());
}

const ways: [string, Partial<TrainerOptions>][] = [
  ['a recorded step', {}],
  ['a step that is not recorded', { compile: false }],
  ['several batches an update', { accumulate: 2 }],
  ['micro-batches', { microBatch: 2 }],
];

test.each(ways)('the same seed trains the same weights, also where it was stopped: %s', async (name, options) => {
  const whole = await train(options);
  const out = join(folder, name);
  const controller = new AbortController();
  const onEvent: FitOptions['onEvent'] = ({ kind }) => kind === 'step' && controller.abort();
  const stopped = await train(options, { out, signal: controller.signal, onEvent });
  expect(stopped).not.toEqual(whole);
  expect(await train(options, { out, resume: true })).toEqual(whole);
});

test('a recorded step drops what one drops that is not', async () => {
  expect(await train({ compile: false })).toEqual(await train({}));
});

test('keys are a function of numbers, and of all of them', () => {
  const keysOf = (...numbers: number[]) =>
    withKeysOf(numbers, () => [randomKey(), randomKey()].map((key) => key.itemSync()).join());
  const all = [
    keysOf(3, 0, 0),
    keysOf(3, 0, 1),
    keysOf(3, 1, 0),
    keysOf(4, 0, 0),
    keysOf(0, 3, 0),
    keysOf(2 ** 53 - 1),
  ];
  expect(new Set(all).size).toBe(all.length);
  expect(keysOf(3, 1, 0)).toBe(all[2]);
});
