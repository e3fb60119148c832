/**
 * A disk that fails at any of a training's file operations costs no step that was saved: the run goes on, to the same bits.
 * `CONTRASTIVE_FAULTS=88` tries as many operations, in the place of 16.
 */
import fs from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import type { Module } from '../../lib/nn/module.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-disk-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Call = (...args: unknown[]) => Promise<unknown>;

/** Whether an operation fails, by its number and its path. */
let fails = (_number: number, _path: string): boolean => false;
let operations = 0;

function failing(call: Call, path: string): Call {
  return (...args) => {
    if (!fails(operations++, path)) return call(...args);
    return Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }));
  };
}

const promises = fs.promises as unknown as Record<string, Call>;
const names = ['appendFile', 'mkdir', 'open', 'rename', 'rm', 'writeFile'];
const originals = Object.fromEntries(names.map((name) => [name, promises[name] as Call]));

/** From now on, file operations are counted and may fail: those on open files too. */
function watchDisk(): void {
  operations = 0;
  for (const [name, original] of Object.entries(originals))
    promises[name] = async (...args) => {
      const path = String(args[0]);
      const result = await failing(original, path)(...args);
      if (name !== 'open') return result;
      const file = result as Record<string, Call>;
      for (const method of ['writeFile', 'sync']) file[method] = failing((file[method] as Call).bind(file), path);
      return file;
    };
  syncBuiltinESMExports();
}

function unwatchDisk(): void {
  Object.assign(promises, originals);
  syncBuiltinESMExports();
}
afterEach(unwatchDisk);

const weights = (module: Module): Promise<number[][]> =>
  Promise.all(module.parameters().map(async (value) => Array.from(await value.data(), Number)));

const make = (models: ReturnType<typeof tinyModels>) =>
  new Trainer({ ...models, augment: tinyViews(), batchSize: 8, epochs: 2, seed: 3 });

/** Trains into `out` while operation `at` fails, and those behind it unless `once`; then goes on with a disk that does not. */
async function trainedOver(out: string, at: number, once: boolean) {
  fails = (number, path) => (once ? number === at : number >= at) && basename(path) !== 'run.lock'; // it would be kept
  watchDisk();
  const failure = await make(tinyModels())
    .fit(tinyDataset(), { out })
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  unwatchDisk();
  if (failure !== undefined) expect(failure).toMatchObject({ code: 'ERR_CHECKPOINT' });
  const resume = fs.existsSync(join(out, 'config.json'));
  const steps = resume ? await (await RunFolder.open(out)).steps() : [];
  const models = tinyModels(steps.length > 0 ? 99 : 1); // with a checkpoint, all must come from it
  await make(models).fit(tinyDataset(), { out, resume });
  return { failure, weights: await weights(models.encoder) };
}

test('an error all over a training', { timeout: 1_800_000 }, async () => {
  const whole = tinyModels();
  fails = () => false;
  watchDisk();
  await make(whole).fit(tinyDataset(), { out: join(folder, 'uncut') });
  unwatchDisk();
  const expected = await weights(whole.encoder);
  const all = operations;
  expect(all).toBeGreaterThan(60);

  const count = Number(process.env.CONTRASTIVE_FAULTS ?? 16);
  let failures = 0;
  for (let i = 0; i < count; i++) {
    const at = Math.floor(((i + 0.5) * all) / count);
    const out = join(folder, String(i));
    const { failure, weights: found } = await trainedOver(out, at, i % 2 === 0);
    if (failure !== undefined) failures++;
    expect(found, `operation ${at} of ${all}`).toEqual(expected);
    const run = await RunFolder.open(out);
    const steps = (await run.metrics.read()).filter(({ kind }) => kind === 'step').map(({ step }) => step);
    expect(steps, `operation ${at} of ${all}`).toEqual(Array.from({ length: 10 }, (_, step) => step + 1));
    expect((await readdir(out)).sort()).toEqual(['checkpoints', 'config.json', 'metrics.jsonl']);
    expect((await run.loadCheckpoint()).state.step).toBe(10);
  }
  expect(failures).toBeGreaterThan(count / 2);
});
