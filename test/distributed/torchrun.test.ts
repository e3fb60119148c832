/** PyTorch's launcher, which starts the processes again when one of them dies. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Training, train } from './tiny-training.ts';

const peers = process.env.CONTRASTIVE_PEERS ?? fileURLToPath(new URL('../../build/peers', import.meta.url));
const torchrun = join(peers, 'bin/torchrun');
const reason = existsSync(torchrun) ? '' : ` (skipped: there is no ${torchrun})`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contrastive-torchrun-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.skipIf(reason)(`a training goes on when one of its processes was killed${reason}`, async () => {
  const out = join(folder, 'run');
  const steady: Training = { isSmall: true, schedule: { name: 'constant' }, epochs: 3 };
  const unbroken = await train(steady);
  await train({ ...steady, epochs: 1, fit: { out } });
  // After the checkpoint of step 6, at the first start alone.
  const killed: Training = { ofRanks: [{}, { fault: { step: 7, does: 'kill' } }] };
  const training: Training = { ...steady, ...killed, fit: { out, resume: true } };
  const script = fileURLToPath(new URL('training.ts', import.meta.url));
  const node = [process.execPath, '--import', 'tsx', script, JSON.stringify({ trainings: [training] })];
  const { status, stderr } = spawnSync(
    torchrun,
    ['--standalone', '--no-python', '--nproc-per-node', '2', '--max-restarts', '1', ...node],
    { encoding: 'utf8' },
  );
  expect(stderr).toMatch(/exitcode: -9\) local_rank: 1/);
  expect(status, stderr).toBe(0);
  const records = (await readFile(join(out, 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const steps = records.filter(({ kind }) => kind === 'step');
  expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const losses = unbroken.events.flatMap((event) => (event.kind === 'step' ? event.loss : []));
  for (const [i, { loss }] of steps.entries()) expect(Math.abs(loss - (losses[i] as number))).toBeLessThan(1e-9);
});
