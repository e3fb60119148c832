/**
 * A process that is killed before any of its file operations leaves a run that goes on, to the same bits. `CONTRASTIVE_FAULTS=60` kills as
 * many, in the place of 6.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import type { Module } from '../../lib/nn/module.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { tinyDataset, tinyModels, tinyViews } from './tiny.ts';

const child = fileURLToPath(new URL('killed-child.ts', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-kills-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (out: string, at: number) =>
  spawnSync(process.execPath, ['--import', 'tsx', child, out, String(at)], { encoding: 'utf8' });

const weights = (module: Module): Promise<number[][]> =>
  Promise.all(module.parameters().map(async (value) => Array.from(await value.data(), Number)));

const make = (models: ReturnType<typeof tinyModels>) =>
  new Trainer({ ...models, augment: tinyViews(), batchSize: 8, epochs: 2, seed: 3 });

test.runIf(process.platform !== 'win32')('kills all over a training', { timeout: 1_800_000 }, async () => {
  const whole = tinyModels();
  await make(whole).fit(tinyDataset());
  const expected = await weights(whole.encoder);
  const uncut = run(join(folder, 'uncut'), -1);
  const operations = Number(uncut.stdout);
  expect({ status: uncut.status, stderr: uncut.stderr }).toEqual({ status: 0, stderr: '' });
  expect(operations).toBeGreaterThan(30);

  const kills = Number(process.env.CONTRASTIVE_FAULTS ?? 6);
  for (let kill = 0; kill < kills; kill++) {
    const at = Math.floor(((kill + 0.5) * operations) / kills);
    const out = join(folder, String(at));
    expect(run(out, at).signal, `operation ${at} of ${operations}`).toBe('SIGKILL');
    const second = (2 * kill) % 14;
    expect(run(out, second).signal, `operation ${second} of a resumed training`).toBe('SIGKILL');
    const names = await readdir(out).catch((): string[] => []);
    const resume = names.includes('config.json'); // it may have been killed before there was one
    const steps = resume ? await (await RunFolder.open(out)).steps() : [];
    const models = tinyModels(steps.length > 0 ? 99 : 1); // with a checkpoint, all must come from it
    await make(models).fit(tinyDataset(), { out, resume });
    expect(await weights(models.encoder), `operation ${at} of ${operations}`).toEqual(expected);

    const resumed = await RunFolder.open(out);
    const records = await resumed.metrics.read();
    const of = (wanted: string) => records.filter(({ kind }) => kind === wanted);
    expect(of('step').map(({ step }) => step)).toEqual(Array.from({ length: 10 }, (_, i) => i + 1));
    expect(of('epoch').map(({ epoch }) => epoch)).toEqual([0, 1]);
    expect((await readdir(out)).sort()).toEqual(['checkpoints', 'config.json', 'metrics.jsonl']);
    expect((await resumed.loadCheckpoint()).state.step).toBe(10);
  }
});
