import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command } from '../../lib/cli/eval.ts';
import type { Output } from '../../lib/cli/output.ts';
import { command as trainCommand } from '../../lib/cli/train.ts';
import { type Ran, runWith } from './run-cli.ts';

let folder: string;
let run: string;
let trained: { knnTop1: number };
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eval-'));
  run = join(folder, 'run');
  const args = ['--width', '4', '--batch-size', '64', '--epochs', '1', '--limit-train', '256', '--limit-test', '100'];
  const ran = await runWith(
    [trainCommand],
    ['train', '--data', 'fashion-mnist:bundled', ...args, '--out', run, '--json'],
  );
  trained = JSON.parse(ran.stdout.trim().split('\n').at(-1) as string);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const evaluate = (...args: string[]): Promise<Ran> => runWith([command], ['eval', '--run', run, ...args]);

/** What the parser fills in, with few images. */
const defaults = {
  encoder: undefined,
  data: undefined,
  baseline: false,
  k: 20,
  knnTemperature: 0.1,
  labelFraction: undefined,
  epochs: undefined,
  lr: undefined,
  batchSize: undefined,
  precision: undefined,
  seed: 0,
  limitTrain: 100,
  limitTest: 50,
  split: 'test' as const,
  skipDamaged: false,
  device: 'cpu',
  matmulPrecision: undefined,
  cudnnDeterministic: false,
  threads: undefined,
  timeout: 600,
  backend: 'auto' as const,
};

describe('contrastive eval', () => {
  it("judges on the run's own data, and agrees with what training measured", async () => {
    const { code, stdout, stderr } = await evaluate('--limit-test', '100', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ run, step: 4, protocol: 'both', trainImages: 256, testImages: 100 });
    expect(result.knnTop1).toBe(trained.knnTop1);
    expect(result.linearTop1).toBeGreaterThan(0.2); // 0.1 is chance
  });

  it('prints a table, with an untrained encoder on request', async () => {
    const { code, stdout } = await evaluate(
      '--data',
      'fashion-mnist:bundled',
      '--limit-train',
      '100',
      '--limit-test',
      '50',
      '--baseline',
      '--protocol',
      'knn',
      '--threads',
      '1',
    );
    expect(code).toBe(0);
    expect(stdout).toContain('fashion-mnist: 100 images');
    expect(stdout).toMatch(/ +kNN +top-5\nrandom weights( +\d+\.\d%){2}\nafter step 4( +\d+\.\d%){2}\n\n/);
    expect(stdout).toMatch(/\n95% intervals, of 50 test images: kNN \d+\.\d to \d+\.\d%\nchance \d+\.\d%\n$/);
    const json = await evaluate(
      '--limit-train',
      '100',
      '--limit-test',
      '50',
      '--baseline',
      '--protocol',
      'linear',
      '--json',
    );
    expect(JSON.parse(json.stdout)).toMatchObject({
      linearTop1: expect.any(Number),
      baseline: { linearTop1: expect.any(Number) },
    });
    expect(JSON.parse(json.stdout)).not.toHaveProperty('knnTop1');
  });

  it('shows what kNN reached before training, where the run measured it on as many images', async () => {
    const watched = join(folder, 'watched');
    await cp(run, watched, { recursive: true });
    const figures = { knnTop1: 0.25, chanceTop1: 0.1, testImages: 50 };
    const records = [
      { kind: 'monitor', epoch: 0, step: 0, metrics: figures },
      { kind: 'epoch', epoch: 0, step: 4, loss: 1, metrics: { ...figures, knnTop1: 0.5 } },
    ];
    await writeFile(join(watched, 'metrics.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    const judge = async (...args: string[]) => {
      const ran = await runWith([command], ['eval', '--run', watched, '--protocol', 'knn', '--json', ...args]);
      return JSON.parse(ran.stdout);
    };
    const result = await judge('--limit-test', '50');
    const [low, high] = result.intervals.knnTop1;
    expect(result).toMatchObject({ knnBefore: 0.25, chanceTop1: expect.any(Number) });
    expect(low <= result.knnTop1 && result.knnTop1 <= high).toBe(true);
    expect(await judge('--limit-test', '40')).not.toHaveProperty('knnBefore');
    expect(await judge('--limit-test', '50', '--k', '3')).not.toHaveProperty('knnBefore');
  });

  it('fine-tunes on a part of the labels, beside the untrained encoder, and leaves the run as it is', async () => {
    const model = join(run, 'checkpoints', '4', 'model.safetensors');
    const before = await readFile(model);
    const limits = ['--limit-train', '200', '--limit-test', '60', '--label-fraction', '0.5'];
    const tuning = ['--protocol', 'fine-tune', '--epochs', '20', '--batch-size', '20', '--lr', '2'];
    const { code, stdout, stderr } = await evaluate(...limits, ...tuning, '--baseline', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ protocol: 'fine-tune', labelFraction: 0.5, testImages: 60 });
    expect(Math.abs(result.trainImages - 100)).toBeLessThanOrEqual(5); // each class's share is rounded
    for (const figures of [result, result.baseline]) {
      expect(figures).not.toHaveProperty('knnTop1');
      expect(figures.fineTuneTop5).toBeGreaterThanOrEqual(figures.fineTuneTop1);
    }
    expect(result.fineTuneTop1).toBeGreaterThan(0.3); // 0.1 is chance
    expect((await readFile(model)).equals(before)).toBe(true);
  });

  it('judges by all protocols at once', async () => {
    const limits = ['--limit-train', '100', '--limit-test', '50'];
    const { code, stdout } = await evaluate(...limits, '--protocol', 'all', '--epochs', '1', '--batch-size', '50');
    expect(code).toBe(0);
    expect(stdout).toMatch(/ +kNN +top-5 +linear probe +top-5 +fine-tuned +top-5\nafter step 4( +\d+\.\d%){6}\n\n/);
    expect(stdout).toMatch(/: kNN \d+\.\d to \d+\.\d%, linear probe \d+\.\d to \d+\.\d%, fine-tuned \d+\.\d to/);
  });

  it('shows what it is at: features, neighbours, steps', async () => {
    const shown = new Set<string>();
    const show = (text: string | (() => string)): void => {
      shown.add((typeof text === 'function' ? text() : text).replaceAll(/\d+/g, '#'));
    };
    const nothing = (): void => {};
    const output = {
      json: false,
      print: nothing,
      emit: nothing,
      warn: nothing,
      progress: { update: show, done: nothing },
    };
    await command.run({
      options: { ...defaults, run, protocol: 'all', epochs: 1 },
      given: new Set<string>(),
      positionals: [],
      commands: {},
      signal: new AbortController().signal,
      output: output as unknown as Output,
    });
    const lines = [...shown];
    for (const part of [
      'after step #: features of #/# images',
      'after step #: kNN: test images #/#',
      'after step #: linear probe: steps #/#',
      'after step #: fine-tuning  epoch #/#  step #/#  loss #.#',
      'after step #: fine-tuning  evaluating: features of #/# images',
    ])
      expect(
        lines.some((line) => line.startsWith(part)),
        `${part} among ${lines.join(' | ')}`,
      ).toBe(true);
  });

  it.each(['knn', 'linear', 'fine-tune'] as const)('stops in the middle of %s', async (protocol) => {
    const controller = new AbortController();
    const update = (text: string | (() => string)): void => {
      const line = typeof text === 'function' ? text() : text;
      if (/kNN|linear probe|fine-tuning/.test(line)) controller.abort('SIGINT');
    };
    const nothing = (): void => {};
    const output = { json: false, print: nothing, emit: nothing, warn: nothing, progress: { update, done: nothing } };
    const context = {
      given: new Set<string>(),
      positionals: [],
      commands: {},
      signal: controller.signal,
      output: output as unknown as Output,
    };
    const stopped = command.run({ ...context, options: { ...defaults, run, protocol } });
    await expect(stopped).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  it('takes a checkpoint folder, k and temperature', async () => {
    const checkpoint = join(run, 'checkpoints', '4');
    const args = ['--protocol', 'knn', '--k', '1', '--knn-temperature', '1', '--limit-test', '50', '--json'];
    const ran = await runWith([command], ['eval', '--run', checkpoint, ...args]);
    expect(JSON.parse(ran.stdout)).toMatchObject({ step: 4, knnTop1: expect.any(Number) });
  });
});

describe('errors', () => {
  it('of use: a misspelled flag, an unknown protocol', async () => {
    expect(await evaluate('--protocoll', 'knn')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--protocol?'),
    });
    expect(await evaluate('--protocol', 'knm')).toMatchObject({ code: 2, stderr: expect.stringContaining("'knn'?") });
  });

  it('of use: options of fine-tuning without it, a fraction out of range', async () => {
    const refused = async (args: string[], message: string) =>
      expect(await evaluate(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
    await refused(['--protocol', 'knn', '--lr', '0.1'], '--lr belongs to --protocol fine-tune');
    await refused(['--batch-size', '8'], '--batch-size belongs to --protocol fine-tune');
    await refused(['--label-fraction', '0'], '--label-fraction must be');
  });

  it('of a run that is missing or damaged', async () => {
    const missing = await runWith([command], ['eval', '--run', join(folder, 'nowhere')]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('[ERR_CHECKPOINT]') });
    const damaged = join(folder, 'damaged');
    await cp(run, damaged, { recursive: true });
    const model = join(damaged, 'checkpoints/4/model.safetensors');
    await writeFile(model, (await readFile(model)).subarray(0, 5000));
    const ran = await runWith([command], ['eval', '--run', damaged]);
    expect(ran).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/model\.safetensors: is damaged.*\[ERR_CHECKPOINT\]/),
    });
    const config = JSON.parse(await readFile(join(run, 'config.json'), 'utf8'));
    config.encoder.width = 8;
    await cp(run, damaged, { recursive: true, force: true });
    await writeFile(join(damaged, 'config.json'), JSON.stringify(config));
    const other = await runWith([command], ['eval', '--run', damaged, '--limit-train', '50', '--limit-test', '50']);
    expect(other).toMatchObject({ code: 1, stderr: expect.stringMatching(/must have shape.*\[ERR_CHECKPOINT\]/) });
  });

  it('of data without labels', async () => {
    const photos = join(folder, 'photos');
    const picture = await sharp({ create: { width: 28, height: 28, channels: 3, background: '#123' } })
      .png()
      .toBuffer();
    for (const split of ['train', 'test']) {
      await mkdir(join(photos, split), { recursive: true });
      await writeFile(join(photos, split, 'a.png'), picture);
    }
    for (const data of [join(photos, 'train'), photos])
      expect(await evaluate('--data', `folder:${data}`)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/has no labels.*\[ERR_DATA\]/),
      });
  });

  it('of damaged files, unless they are to be left out; warns of classes that training lacks, and takes val', async () => {
    const data = join(folder, 'classes');
    const shade = (value: number) =>
      sharp({ create: { width: 40, height: 30, channels: 3, background: { r: value, g: value, b: value } } }).png();
    for (const [path, value] of [
      ['train/a/1.png', 10],
      ['train/b/1.png', 200],
      ['test/a/1.png', 20],
      ['test/c/1.png', 90],
      ['val/b/1.png', 210],
    ] as const) {
      await mkdir(join(data, path, '..'), { recursive: true });
      await writeFile(join(data, path), await shade(value).toBuffer());
    }
    const args = ['--data', `folder:${data}`, '--protocol', 'knn', '--k', '1', '--json'];
    const open = await evaluate(...args);
    expect(open.code).toBe(0);
    const lines = open.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toEqual({
      warning: expect.stringMatching(
        /^1 of the 2 classes of the test images have no training image \(50\.0% .*excludeSelf: true/,
      ),
    });
    expect(lines[1]).toMatchObject({ trainImages: 2, testImages: 2 });
    const val = JSON.parse((await evaluate(...args, '--split', 'val')).stdout);
    expect(val).toMatchObject({ testImages: 1, knnTop1: 1 });

    const file = join(data, 'train', 'b', '2.png');
    await writeFile(file, (await shade(80).toBuffer()).subarray(0, 60));
    const failed = await evaluate(...args);
    expect(failed.code).toBe(1);
    expect(failed.stdout).toMatch(
      /sample 2: .*2\.png: cannot be decoded: .*--skip-damaged.*ERR_DATA|ERR_DATA.*2\.png.*--skip-damaged/,
    );
    const skipping = await evaluate(...args, '--split', 'val', '--skip-damaged');
    expect(skipping).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/"warning":".*2\.png: cannot be decoded.*; skipped"/),
    });
    expect(skipping.stdout).toContain('"trainImages":2');
    const elsewhere = await evaluate('--skip-damaged');
    expect(elsewhere).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--skip-damaged belongs to folders of images/),
    });
    expect(await evaluate('--split', 'val')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('[ERR_OPTION]'),
    });
  });

  it('of a stop: 130', async () => {
    const ran = await runWith([command], ['eval', '--run', run], { signal: AbortSignal.abort('SIGINT') });
    expect(ran).toMatchObject({ code: 130, stderr: 'the operation was aborted\n' });
  });
});
