/** `contrastive train photos`: what a folder of one's own comes to, when nothing else is said. */
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { presets } from '../../lib/augment/presets.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { fineTune } from '../../lib/classify/fine-tune.ts';

import { command as embedCommand } from '../../lib/cli/embed.ts';
import { command as evalCommand } from '../../lib/cli/eval.ts';
import { usualBatchSize, usualCheckpointEvery, usualEpochs } from '../../lib/cli/fit-data.ts';
import { Output } from '../../lib/cli/output.ts';
import { command as resumeCommand } from '../../lib/cli/resume.ts';
import { loadRunData } from '../../lib/cli/run-data.ts';
import { command as trainCommand } from '../../lib/cli/train.ts';
import { holdOut } from '../../lib/data/hold-out.ts';
import { loadDataset } from '../../lib/data/load.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { type Ran, runWith } from './run-cli.ts';

const damaged = fileURLToPath(new URL('../fixtures/data/images/truncated.jpg', import.meta.url));
const small = ['--size', '16', '--width', '4', '--precision', 'fp32', '--monitors', 'none'];
const home = process.cwd();
let folder: string;

/** 20 pictures of two shades; a class a folder, one of which has folders of its own and an accent. */
async function drawPhotos(): Promise<void> {
  for (const [name, shade] of [
    ['cafés', 60],
    ['dogs', 190],
  ] as const)
    for (let i = 0; i < 10; i++) {
      const file = join('photos', name, i % 2 === 0 ? 'summer trip' : '', `${i}.png`);
      await mkdir(dirname(file), { recursive: true });
      const background = { r: shade + i, g: shade, b: 255 - shade };
      await sharp({ create: { width: 24 + i, height: 20, channels: 3, background } }).toFile(file);
    }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'photos-'));
  process.chdir(folder);
  await drawPhotos();
});
afterAll(async () => {
  process.chdir(home);
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]): Promise<Ran> =>
  runWith([trainCommand, evalCommand, embedCommand, resumeCommand], args);

describe('train, with a path alone', () => {
  it('says what it found, chooses method, batches and a fifth to judge on; other commands need no data', async () => {
    const ran = await run('train', 'photos', ...small, '--epochs', '2');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).toMatch(
      /^folder: 16 images, the first \d+×\d+×3, 2 classes \(cafés 8, dogs 8\), from .*photos$/m,
    );
    expect(ran.stdout).toContain('\n4 images put aside to judge on: 0.2 of each class (--val-split)\n');
    expect(ran.stdout).toContain(
      '\nmethod supcon: it learns from the class folders (--method simclr: from the images alone)\n',
    );
    expect(ran.stdout).toContain(': 2 epochs of 1 step of 16 images, into runs/photos-supcon-1\n');
    expect(ran.stdout).toContain('\nnext: npx contrastive eval runs/photos-supcon-1\n');
    const { config } = await RunFolder.open('runs/photos-supcon-1');
    expect(config).toMatchObject({
      method: { name: 'supcon' },
      batchSize: 16,
      data: { name: 'folder', path: join(process.cwd(), 'photos'), heldOut: { fraction: 0.2, seed: 0 } },
    });

    const judged = JSON.parse((await run('eval', 'runs/photos-supcon-1', '--protocol', 'knn', '--json')).stdout);
    expect(judged).toMatchObject({ trainImages: 16, testImages: 4 });
    expect(judged.knnTop1).toBe(JSON.parse((await lastMetrics('runs/photos-supcon-1')) as string).metrics.knnTop1);
    expect(await run('embed', 'runs/photos-supcon-1')).toMatchObject({ code: 0 });
    expect(JSON.parse(await readFile('features.json', 'utf8')).names).toHaveLength(20);
    const more = await run('resume', 'runs/photos-supcon-1', '--epochs', '3', '--json');
    expect(more).toMatchObject({ code: 0, stdout: expect.stringContaining('"startStep":2') });
    expect(await run('train', '--resume', 'runs/photos-supcon-1')).toMatchObject({ code: 0 });
    await rename('photos', 'moved');
    for (const [command, option] of [
      ['eval', '--data'],
      ['resume', '--data'],
      ['embed', '--input'],
    ] as const)
      expect(await run(command, 'runs/photos-supcon-1')).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(
          `runs/photos-supcon-1: its images are not in '.*photos' any more; ${option} (DIR )?says where they lie now`,
        ),
      });
    const moved = await run('resume', 'runs/photos-supcon-1', 'moved', '--epochs', '4', '--json');
    expect(moved).toMatchObject({ code: 0, stdout: expect.stringContaining('"startStep":3') });
    const { data } = (await RunFolder.open('runs/photos-supcon-1')).config;
    expect(data).toMatchObject({ path: join(process.cwd(), 'moved'), heldOut: { fraction: 0.2, seed: 0 } });
    await rename('moved', 'photos');
    expect(await run('resume', 'runs/photos-supcon-1', '--data', 'photos')).toMatchObject({ code: 0 });
    expect(await run('train', '--resume', 'runs/photos-supcon-1', '--val-split', '0')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('runs/photos-supcon-1: --val-split was 0.2, and is now 0 [ERR_OPTION]'),
    });
    expect(await run('train', 'photos', '--out', 'runs/photos-supcon-1')).toMatchObject({
      code: 1,
      stdout: '', // before anything is read
      stderr: expect.stringContaining('photos-supcon-1: holds a run already; resume it or choose another folder'),
    });
  });

  const lastMetrics = async (path: string): Promise<string | undefined> =>
    (await readFile(join(path, 'metrics.jsonl'), 'utf8')).trim().split('\n').at(-1);

  it('keeps all images with --val-split 0, and eval says that it judges on images that were trained on', async () => {
    const whole = await run('train', 'photos', ...small, '--epochs', '1', '--val-split', '0', '--out', 'runs/whole');
    expect(whole.stdout).toMatch(/^folder: 20 images/m);
    expect(whole.stderr).toContain("has no split 'test'");
    expect(await run('resume', 'runs/whole', '--epochs', '2')).toMatchObject({ code: 0 });
    const judged = await run('eval', 'runs/whole', '--protocol', 'knn');
    expect(judged).toMatchObject({ code: 0, stderr: expect.stringContaining('that the encoder was trained on') });
    const moved = await run('eval', 'runs/whole', '--protocol', 'knn', '--data', 'photos');
    expect(moved).toMatchObject({ code: 0, stderr: expect.stringContaining('it has seen them all') });
  });

  it('takes the folder of a run for no folder of images', async () => {
    const { code, stderr } = await run('train', 'runs/whole');
    expect([code, stderr]).toEqual([2, expect.stringContaining("'runs/whole' is the folder of a run")]);
  });

  it('says where the folder of a run has other images now', async () => {
    await cp('photos', 'growing', { recursive: true });
    await run('train', 'growing', ...small, '--epochs', '1', '--out', 'runs/growing');
    for (let i = 0; i < 5; i++) await cp('photos/dogs/1.png', `growing/dogs/more-${i}.png`);
    const { code, stderr } = await run('eval', 'runs/growing', '--protocol', 'knn');
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/trained on 16 images, and of its folder as it is now 20 would be/),
    ]);
  });

  it('takes the images alone where there are no class folders', async () => {
    await mkdir('flat');
    for (let i = 0; i < 9; i += 2) await cp(join('photos/dogs/summer trip', `${i}.png`), join('flat', `${i}.png`));
    const ran = await run('train', 'flat', ...small, '--epochs', '1');
    expect(ran).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('warning: the training images have no labels; the kNN accuracy'),
    });
    expect(ran.stdout).toContain('\nmethod simclr: it learns from the images alone, as flat has no class folders\n');
    expect(ran.stdout).toContain('\nnext: npx contrastive report runs/flat-simclr-1\n');
    expect(await run('train', 'flat', ...small, '--method', 'supcon')).toMatchObject({
      code: 2,
      stderr: 'error: flat has no class folders; use --method simclr [ERR_OPTION]\n',
    });
    expect(await run('eval', 'runs/flat-simclr-1')).toMatchObject({
      code: 1,
      stderr: 'error: flat has no labels; --data DIR takes images in class folders [ERR_DATA]\n',
    });
    expect(await run('train', 'flat', ...small, '--val-split', '0.5')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('flat has no labels'),
    });
  });

  it.each([
    [['--batch-size', '32'], '--batch-size 32 is more than your 16 training images; try --batch-size 16'],
    [['--micro-batch', '32'], '--micro-batch 32 is more than the 16 images of a batch'],
  ])('refuses %j', async (options, message) => {
    const stderr = `error: ${message} [ERR_OPTION]\n`;
    expect(await run('train', 'photos', ...small, ...options)).toMatchObject({ code: 2, stdout: '', stderr });
  });

  it('takes splits without classes', async () => {
    for (const part of ['train', 'test']) await cp('photos/dogs/summer trip', `halves/${part}`, { recursive: true });
    const ran = await run('train', 'halves', ...small, '--epochs', '0');
    expect(ran).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('warning: the training images have no labels;'),
    });
    expect(ran.stdout).toMatch(/^folder: 5 images, .*halves\/train$/m);
    expect(ran.stdout).toContain('\nnext: npx contrastive report runs/halves-simclr-1\n');
  });

  it('takes one class folder for no classes', async () => {
    await cp('photos/dogs', 'kennel/dogs', { recursive: true });
    const { code, stdout, stderr } = await run('train', 'kennel', ...small, '--epochs', '0');
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining('warning: kennel has one class only; the kNN accuracy is not measured\n'),
    ]);
    expect(stdout).toContain('\nmethod simclr: it learns from the images alone, as kennel has one class only\n');
  });

  it('says that test images cannot be used, and puts some of the others aside', async () => {
    await cp('photos', 'parted/train', { recursive: true });
    await mkdir('parted/test/dogs', { recursive: true });
    await writeFile('parted/test/dogs/1.heic', '');
    const ran = await run('train', 'parted', ...small, '--epochs', '0');
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('\n4 images put aside to judge on') });
    expect(ran.stderr).toMatch(/warning: the test images cannot be used: .* found 1 \.heic file; some of each class/);
  });

  it('compares eval with the kNN accuracy before training on the same images only', async () => {
    await cp('photos', 'whole/train', { recursive: true });
    await cp('photos', 'whole/test', { recursive: true });
    const out = 'runs/beside';
    const trained = await run('train', 'whole', ...small, '--epochs', '1', '--val-split', '0.9', '--out', out);
    expect(trained).toMatchObject({ code: 0 });
    const judge = async (...args: string[]) =>
      JSON.parse((await run('eval', out, '--protocol', 'knn', '--json', ...args)).stdout);
    expect(await judge('--split', 'val')).toMatchObject({ testImages: 18, knnBefore: expect.any(Number) });
    const ofTest = await judge('--split', 'test', '--limit-test', '18');
    expect(ofTest).toMatchObject({ testImages: 18 });
    expect(ofTest).not.toHaveProperty('knnBefore');
  });

  it.each([
    ['photso', "there is no folder 'photso'", "did you mean 'photos'?"],
    ['photos/dgos', "there is no folder 'photos/dgos'", "did you mean 'photos/dogs'?"],
    ['features.json', "'features.json' is a file: expected a folder of images", ''],
  ])('%s is refused', async (path, message, hint) => {
    const { code, stderr } = await run('train', path);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(stderr).toContain(hint);
  });
});

it('a fine-tuned run and one that code has trained know their images too', async () => {
  const encoder = resnet18({ stem: 'cifar', width: 4 });
  const input = { size: 16, mean: 0.5, std: 0.25 };
  const { train, test } = await holdOut(await loadDataset('folder', { root: 'photos' }), { seed: 5 });
  const { classifier } = await fineTune(encoder, train, {
    augment: presets.fineTune(input),
    evaluation: presets.evaluation(input),
    epochs: 1,
    out: 'runs/tuned',
  });
  classifier.dispose();
  encoder.dispose();
  const { config } = await RunFolder.open('runs/tuned');
  const heldOut = { fraction: 0.2, seed: 5 };
  expect(config.data).toEqual({ name: 'folder', path: join(process.cwd(), 'photos'), limit: null, heldOut });
  const judged = await run('eval', 'runs/tuned', '--protocol', 'knn', '--json');
  expect(JSON.parse(judged.stdout)).toMatchObject({ trainImages: train.length, testImages: test.length });
  const silent = { write: () => true };
  const idsOf = async (data?: string): Promise<number[]> => {
    const context = {
      output: new Output(false, { stdout: silent, stderr: silent }),
      signal: new AbortController().signal,
    };
    const options = { run: 'runs/tuned', data, split: 'test', skipDamaged: false, seed: 0, side: 16 } as const;
    const { test: judged } = await loadRunData(options, config, context);
    return Promise.all(
      Array.from({ length: judged?.length ?? 0 }, async (_, i) => (await judged?.get(i))?.pixels[0] ?? 0),
    );
  };
  await cp('photos', 'elsewhere', { recursive: true });
  expect(await idsOf('elsewhere')).toEqual(await idsOf());
  expect((await run('resume', 'runs/tuned')).stderr).toContain('runs/tuned: this run is a fine-tuning');
});

it('a training by cross entropy goes on, which is no fine-tuning', async () => {
  const out = 'runs/cross-entropy';
  const trained = await run('train', 'photos', ...small, '--method', 'cross-entropy', '--epochs', '1', '--out', out);
  expect(trained).toMatchObject({ code: 0 });
  expect(await run('resume', out, '--epochs', '2')).toMatchObject({ code: 0 });
});

describe('a damaged file', () => {
  beforeEach(() => cp(damaged, 'photos/dogs/broken.jpg'));

  it('is not looked for where the device is not there', async () => {
    const ran = await run('train', 'photos', '--device', 'cuda:77');
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).toMatch(/^error: device 'cuda:77' is not available: .*\[ERR_DEVICE\]\n$/);
  });
  afterEach(() => rm('photos/dogs/broken.jpg'));

  it('is named before anything begins, with what leaves it out; nothing is left behind', async () => {
    const ran = await run('train', 'photos', ...small, '--out', 'runs/broken');
    expect(ran).toMatchObject({ code: 1 });
    expect(ran.stderr).toMatch(/warning: .*broken\.jpg: cannot be decoded: [^;\n]*\n/);
    expect(ran.stderr).toContain(
      'error: 1 of the 21 images cannot be decoded; --skip-damaged leaves such files out [ERR_DATA]',
    );
    await expect(RunFolder.open('runs/broken')).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    const skipping = await run('train', 'photos', ...small, '--skip-damaged', '--epochs', '1', '--out', 'runs/broken');
    expect(skipping).toMatchObject({ code: 0, stdout: expect.stringContaining('left out: 1 damaged file') });
    expect(await run('eval', 'runs/broken', '--protocol', 'knn')).toMatchObject({ code: 0 });
  });
});

describe('runs that do not say where their images lie', () => {
  it('ask for them', async () => {
    const file = 'runs/photos-supcon-1/config.json';
    const text = await readFile(file, 'utf8');
    const config = JSON.parse(text);
    for (const [data, message] of [
      [{ name: 'folder', path: null, limit: null }, 'the run does not say where its images lie: add --data DIR'],
      [{ name: 'shades', path: null, limit: null }, "where the images of its data set 'shades' lie: add --data DIR"],
    ] as const) {
      await writeFile(file, JSON.stringify({ ...config, data }));
      expect((await run('eval', 'runs/photos-supcon-1')).stderr).toContain(message);
      expect((await run('resume', 'runs/photos-supcon-1')).stderr).toContain(message);
    }
    await writeFile(file, text);
  });

  it('are looked for beside and below what was typed', async () => {
    const below = await run('eval', 'runs');
    expect(below.stderr).toContain("there is no run in 'runs': expected");
    const listed = below.stderr.split('; below it: ')[1] ?? '';
    for (const name of ['photos-supcon-1', 'beside']) expect(listed).toContain(`runs/${name}`);
    const beside = await run('eval', 'runs/photo-supcon-1');
    expect(beside.stderr).toContain('; near it: runs/photos-supcon-1, ');
    for (const path of ['photos-supcon-1', 'run/photos-supcon-1'])
      expect((await run('eval', path)).stderr).toContain('; near it: runs/photos-supcon-1, ');
  });
});

it('batches and epochs follow from the number of images', () => {
  const sizes = [1, 5, 33, 48, 60, 127, 128, 1000, 1023, 1024, 10_000];
  expect(sizes.map(usualBatchSize)).toEqual([1, 5, 16, 24, 30, 31, 32, 250, 255, 256, 256]);
  for (let images = 1; images < 1024; images++) expect(images % usualBatchSize(images)).toBeLessThan(4);
  expect([1, 60, 500, 1000, 1e6].map(usualEpochs)).toEqual([200, 167, 20, 10, 10]);
  expect([1, 60, 501, 1000, 1e6].map(usualCheckpointEvery)).toEqual([1000, 16, 1, 1, 1]);
});
