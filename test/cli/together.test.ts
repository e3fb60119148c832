/** Commands that the processes of a launcher run together. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command as embedCommand } from '../../lib/cli/embed.ts';
import { command as evalCommand } from '../../lib/cli/eval.ts';
import { command as fineTuneCommand } from '../../lib/cli/fine-tune.ts';
import { command as resumeCommand } from '../../lib/cli/resume.ts';
import { command as trainCommand } from '../../lib/cli/train.ts';
import { freePort } from '../distributed/processes.ts';
import { drawPhotos } from './drawn-photos.ts';
import { nodeArguments, type Ran, runWith, surroundings } from './run-cli.ts';

const limit = 60_000;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'together-'));
  await drawPhotos(join(folder, 'photos'), {});
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Rank {
  readonly child: ChildProcess;
  /** What it has printed. */
  readonly printed: () => string;
  readonly ended: Promise<Ran>;
}

/** The command in two processes of one thread, as a launcher starts them. @param ofSecond what the second is given, if not the same. */
async function startTwo(args: readonly string[], ofSecond = args): Promise<[Rank, Rank]> {
  const place = { WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
  const start = (rank: number): Rank => {
    const env = { ...surroundings, OMP_NUM_THREADS: '1', ...place, RANK: String(rank) };
    const child = spawn(process.execPath, [...nodeArguments, ...(rank === 0 ? args : ofSecond)], {
      cwd: folder,
      env,
      timeout: limit,
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    const ended = once(child, 'close').then(([code]) => ({ code, stdout, stderr }));
    return { child, printed: () => stdout, ended };
  };
  return [start(0), start(1)];
}

const endOf = async ([first, second]: readonly [Rank, Rank]): Promise<[Ran, Ran]> => [
  await first.ended,
  await second.ended,
];

/** By default two steps of 23 images an epoch, which two processes make 22. */
const small = [
  'train',
  'photos',
  '--method',
  'simclr',
  '--limit-train',
  '46',
  '--width',
  '4',
  '--size',
  '16',
  '--monitors',
  'rank',
];

describe('a training in two processes', { timeout: limit }, () => {
  it('is printed and written once, in a folder that rank 0 chooses, with a batch that both share evenly; one goes on', async () => {
    const [first, second] = await endOf(
      await startTwo([...small, '--epochs', '1', '--no-sync-batch-norm', '--backend', 'gloo']),
    );
    expect(second).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(first).toMatchObject({ code: 0 });
    expect(first.stdout).toMatch(/ in 2 processes: 1 epoch of 2 steps of 22 images .*into runs\/photos-simclr-1\n/);
    expect(await readdir(join(folder, 'runs'))).toEqual(['photos-simclr-1']);
    const config = JSON.parse(await readFile(join(folder, 'runs/photos-simclr-1/config.json'), 'utf8'));
    expect(config).toMatchObject({ batchSize: 22, syncBatchNorm: false });

    const alone = await runWith([resumeCommand], ['resume', join(folder, 'runs/photos-simclr-1'), '--epochs', '2']);
    expect(alone).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(' of 22 images (2 left out of each epoch, others each time), from step 2, '),
    });
  });

  it('stops together, with one message and a checkpoint; the same command goes on from it', async () => {
    const out = ['--out', 'runs/restarted', '--continue', '--knn-every', '0'];
    const ranks = await startTwo([...small, ...out, '--epochs', '100000']);
    while (!ranks[0].printed().includes('epoch 2/')) await once(ranks[0].child.stdout as NodeJS.ReadableStream, 'data');
    for (const { child } of ranks) child.kill('SIGTERM');
    const [first, second] = await endOf(ranks);
    expect(second).toEqual({ code: 143, stdout: '', stderr: '' });
    expect(first.code).toBe(143);
    const [, saved] =
      /Stopped at step (\d+); checkpoint saved\. Go on with:\n.*--resume runs\/restarted/.exec(first.stderr) ?? [];
    expect(Number(saved)).toBeGreaterThanOrEqual(4);

    const epochs = String(Math.ceil((Number(saved) + 1) / 2));
    const again = await startTwo([...small, ...out, '--epochs', epochs]);
    const [restarted] = await endOf(again);
    expect(restarted).toMatchObject({ code: 0 });
    expect(restarted.stdout).toContain(`, from step ${saved}, into runs/restarted`);
  });

  it('fails in each process, with its rank', async () => {
    const [first, second] = await endOf(await startTwo([...small, '--batch-size', '7', '--out', 'runs/uneven']));
    const message = 'batchSize must be a multiple of the 2 processes, which share every batch evenly; got 7';
    expect(first).toMatchObject({ code: 2, stderr: expect.stringContaining(`\nerror: ${message}`) });
    // Its own error, or what it heard of rank 0's.
    expect(second).toMatchObject({
      stdout: '',
      stderr: expect.stringMatching(new RegExp(`^rank 1: error: .*${message}.*\\n$`)),
    });
    expect(second.code).toBeGreaterThan(0);
  });
});

describe('what an encoder has learnt, in two processes', { timeout: limit }, () => {
  let run: string;
  beforeAll(async () => {
    run = join(folder, 'judged');
    const args = ['--data', join(folder, 'photos'), '--width', '4', '--size', '16', '--epochs', '1', '--out', run];
    expect(await runWith([trainCommand], ['train', ...args])).toMatchObject({ code: 0 });
  });

  it('is what one process says, printed once', async () => {
    const args = ['eval', run, '--protocol', 'all', '--baseline', '--epochs', '2', '--precision', 'float32', '--json'];
    const [first, second] = await endOf(await startTwo(args));
    expect(second).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(first).toMatchObject({ code: 0 });
    const alone = await runWith([evalCommand], args);
    const result = JSON.parse(first.stdout);
    expect(result).toEqual(JSON.parse(alone.stdout));
    for (const figure of ['knnTop1', 'linearTop1', 'fineTuneTop1', 'baseline']) expect(result).toHaveProperty(figure);
  });

  it('is not asked of processes that were asked otherwise, or have other weights', async () => {
    const args = ['eval', run, '--protocol', 'knn'];
    const ends = await endOf(await startTwo(args, [...args, '--k', '3']));
    const message = 'rank 1 evaluates otherwise than rank 0: k is 3 here and 20 there';
    for (const { code, stderr } of ends)
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) });

    const other = join(folder, 'other');
    await cp(run, other, { recursive: true });
    const [step] = await readdir(join(other, 'checkpoints')).then((names) =>
      names.filter((name) => /^\d+$/.test(name)),
    );
    const sums = join(other, 'checkpoints', step as string, 'SHA256SUMS');
    const weights = join(other, 'checkpoints', step as string, 'model.safetensors');
    const bytes = await readFile(weights);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    await writeFile(weights, bytes);
    const digest = createHash('sha256').update(bytes).digest('hex');
    await writeFile(sums, (await readFile(sums, 'utf8')).replace(/\w+(?= +model\.safetensors)/, digest));
    const [, second] = await endOf(await startTwo(args, ['eval', other, '--protocol', 'knn']));
    expect(second).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('rank 1 opens otherwise than rank 0: weights is'),
    });
  });

  it('is put to use by a classifier that both fine-tune', async () => {
    const out = join(folder, 'classifier');
    const tune = ['fine-tune', run, '--epochs', '4', '--precision', 'float32', '--json', '--out'];
    const [first, second] = await endOf(await startTwo([...tune, out]));
    expect(second).toEqual({ code: 0, stdout: '', stderr: '' });
    const result = JSON.parse(first.stdout);
    const alone = await runWith([fineTuneCommand], [...tune, `${out}-alone`]);
    const { loss, ...rest } = JSON.parse(alone.stdout);
    expect(result).toEqual({ ...rest, out, loss: expect.closeTo(loss, 4) });
    expect((await readdir(out)).sort()).toEqual(['checkpoints', 'config.json', 'metrics.jsonl']);
  });
});

it('the other commands say that they are of one process', async () => {
  const env = { RANK: '1', WORLD_SIZE: '2' };
  const message = 'contrastive embed is of one process, and RANK and WORLD_SIZE say that this is one of 2';
  const refused = await runWith([embedCommand], ['embed', 'runs/a', '--json'], { env });
  expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(`rank 1: error: ${message}`) });
  expect(await runWith([embedCommand], ['embed', '--help'], { env: { ...env, RANK: '0' } })).toMatchObject({ code: 0 });
  for (const { takesSeveral } of [trainCommand, resumeCommand, evalCommand, fineTuneCommand])
    expect(takesSeveral).toBe(true);
});
