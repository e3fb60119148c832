/** Trainings of a config: runs that go on without a flag, and new ones that begin with what a file says. */
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presets } from '../../lib/augment/presets.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import type { JsonObject } from '../../lib/checkpoint/run-config.ts';
import { parseData, profileOf } from '../../lib/cli/data-option.ts';
import { command as evalCommand } from '../../lib/cli/eval.ts';
import { parseOptions } from '../../lib/cli/options.ts';
import { command } from '../../lib/cli/train.ts';
import { specOf, withConfig } from '../../lib/cli/train-config.ts';
import { partFlags, type TrainOptions, trainOptions } from '../../lib/cli/train-options.ts';
import { loadDataset } from '../../lib/data/load.ts';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { methodOf } from '../../lib/methods/all.ts';
import { supcon } from '../../lib/methods/supcon.ts';
import { json } from '../../lib/train/config-of.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { type Ran, runWith } from './run-cli.ts';

const images = fileURLToPath(new URL('../fixtures/data/images/', import.meta.url));
const small = ['--data', 'fashion-mnist:bundled', '--width', '4', '--batch-size', '32', '--epochs', '1'];
const few = ['--limit-train', '64', '--limit-test', '20'];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'train-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const train = (...args: string[]): Promise<Ran> => runWith([command, evalCommand], ['train', ...args]);

describe('options and back', () => {
  const parse = async (args: readonly string[]) => {
    const table = { ...trainOptions, ...(await partFlags(args)) };
    const { options, given } = parseOptions(args, table, { where: 'train' });
    return { options: options as unknown as TrainOptions, given };
  };
  const usual = ['--data', 'cifar10:/data'];
  const lists = [
    '',
    '--method dcl --weighted --size 96',
    '--sampler class-balanced --sampler-classes 4 --sampler-per-class 16',
    '--method simclr --hard-negatives 0.5 --stem cifar --strength 0.7 --size 128',
    '--variant in --denominators negatives --temperature 0.2 --temperature-end 0.05',
    '--method moco --queue 512 --teacher-momentum-end 1 --symmetric --preset mocoV2 --blur 0.3 --crop-min 0.4',
    '--method moco --loss supcon --teacher-momentum 0.9 --variant in --temperature 0.3',
    '--method byol --teacher-momentum 0.9 --optimizer lars --warmup 0.2 --head-dim 32 --preset byol',
    '--method simsiam',
    '--method vicreg --head-dim 64',
    '--method nnclr --queue 512 --temperature 0.2',
    '--method dino --teacher-momentum 0.9 --temperature 0.2',
    '--loss dclw --sigma 0.3 --weight-gradient',
    '--loss supcon --variant in',
    '--loss cross-entropy',
    '--optimizer adamw --lr 0.003 --weight-decay 0 --encoder resnet50 --width 8',
    '--optimizer adam --clip-norm 1 --exclude-bias-and-norm --layer-decay 0.9 --schedule poly --power 2 --warmup-epochs 3',
    '--optimizer lars --form moco-v3 --trust-coefficient 0.02 --schedule one-cycle --warmup 0.2 --scaling sqrt',
    '--nesterov --momentum 0.8 --clip-value 0.1 --schedule constant --warmup-steps 10 --accumulate 4 --ema 0.99',
    '--encoder ./net.ts --seed 7 --precision bfloat16 --micro-batch 8 --batch-size 64',
  ];

  it.each(lists)('a config says what made it: %s', async (line) => {
    const args = line.split(' ').filter(Boolean);
    const { options, given } = await parse([...usual, ...args]);
    const profile = profileOf(parseData(options.data as string));
    const spec = specOf(options, given, profile, undefined);
    const config = json({ ...spec, data: { name: 'cifar10', path: '/data', limit: null } });
    const { options: bare, given: nothing } = await parse([]);
    expect(specOf(withConfig(bare, nothing, config), nothing, profile, config)).toEqual(spec);
    expect(given.size).toBe(1 + args.filter((word) => word.startsWith('--')).length);
  });

  const specFrom = async (line: string, config?: JsonObject) => {
    const { options, given } = await parse([...usual, ...line.split(' ')]);
    return specOf(withConfig(options, given, config), given, profileOf({ name: 'cifar10', path: null }), config);
  };

  it.each([
    ['--loss supcon --variant in --size 96', '--method supcon --variant in --size 96'],
    ['--loss nt-xent --temperature 0.3', '--method simclr --temperature 0.3'],
    ['--loss dcl', '--method dcl'],
    ['--loss dclw --sigma 0.3', '--method dcl --weighted --sigma 0.3'],
  ])('%s is %s', async (short, whole) => {
    const [one, other] = await Promise.all([specFrom(short), specFrom(whole)]);
    expect(methodOf(one.method)).toMatchObject({ spec: methodOf(other.method).spec });
    expect({ ...one, method: other.method }).toEqual(other);
  });

  it('a loss beside a config is that of its method, where this takes one, else a method of its own', async () => {
    const moco = json({ method: { name: 'moco', queueSize: 64, loss: { name: 'nt-xent' } } });
    expect((await specFrom('--loss dcl', moco)).method).toEqual({ name: 'moco', queueSize: 64, loss: { name: 'dcl' } });
    const { head, method } = await specFrom('--method byol');
    const dcl = await specFrom('--loss dcl', json({ head: { ...head, outFeatures: 32 }, method }));
    expect(dcl).toMatchObject({ method: { name: 'dcl' }, head: (await specFrom('--method dcl')).head as JsonObject });
    const weighted = json({ method: { name: 'dcl', weighted: true, sigma: 0.3 } });
    expect((await specFrom('--loss dclw --temperature 0.2', weighted)).method).toMatchObject({ sigma: 0.3 });
    expect((await specFrom('--loss dcl', weighted)).method).toEqual({ name: 'dcl', weighted: false });
  });

  it('what is typed wins, and leaves the rest as it was', async () => {
    const config = json({
      method: { name: 'supcon', temperature: 0.3, noPositives: 'zero' },
      optimizer: { name: 'sgd', lr: 0.4, momentum: 0.5 },
      augment: [{ transforms: [{ kind: 'normalize', mean: 0, std: 1 }] }],
      encoder: { name: 'resnet34', width: 8, stem: 'imagenet' },
    });
    const specWith = async (...args: string[]) => {
      const { options, given } = await parse([...usual, ...args]);
      return specOf(withConfig(options, given, config), given, profileOf({ name: 'cifar10', path: null }), config);
    };
    expect(await specWith('--epochs', '7')).toMatchObject({ ...config, augment: expect.anything(), epochs: 7 });
    expect((await specWith('--lr', '0.1')).optimizer).toMatchObject({ name: 'sgd', lr: 0.1 });
    expect((await specWith('--optimizer', 'adamw')).optimizer).toMatchObject({ name: 'adamw', lr: 0.001 });
    expect((await specWith('--momentum', '0.8')).optimizer).toEqual({ name: 'sgd', lr: 0.4, momentum: 0.8 });
    expect((await specWith('--warmup-epochs', '2')).schedule).toEqual({ name: 'cosine', warmupEpochs: 2 });
    expect((await specWith('--schedule', 'one-cycle')).schedule).toEqual({ name: 'one-cycle' });
    await expect(specWith('--form', 'lightly')).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/--form belongs to --optimizer lars, got --optimizer sgd/),
    });
    expect((await specWith('--width', '16')).encoder).toMatchObject({ name: 'resnet34', width: 16, stem: 'imagenet' });
    expect((await specWith('--method', 'simclr')).method).toEqual({ name: 'simclr' });
    expect((await specWith('--temperature', '0.2')).method).toMatchObject({ noPositives: 'zero', temperature: 0.2 });
    expect((await specWith('--temperature-end', '0.1')).method).toMatchObject({
      temperature: { from: 0.3, to: 0.1, schedule: 'cosine' },
    });
    expect((await specWith('--preset', 'byol', '--strength', '0.5')).preset).toEqual({ name: 'byol', strength: 0.5 });
  });
});

describe('--resume', () => {
  let out: string;
  beforeAll(async () => {
    out = join(folder, 'run');
    const more = ['--method', 'moco', '--queue', '64', '--optimizer', 'adamw', '--temperature-end', '0.05'];
    const views = [
      '--size',
      '24',
      '--preset',
      'mocoV2',
      '--strength',
      '0.75',
      '--crop-min',
      '0.5',
      '--stem',
      'imagenet',
    ];
    expect(await train(...small, ...few, ...more, ...views, '--seed', '3', '--out', out)).toMatchObject({ code: 0 });
  });

  it('needs nothing else, and may repeat what the run was begun with', async () => {
    const copy = join(folder, 'copy');
    await cp(out, copy, { recursive: true });
    expect(await train('--resume', copy, '--epochs', '2')).toMatchObject({ code: 0 });
    const same = ['--method', 'moco', '--size', '24', '--lr', '0.001', '--data', 'fashion-mnist:bundled'];
    expect(await train('--resume', copy, '--epochs', '3', ...same)).toMatchObject({
      code: 0,
      stderr: expect.not.stringContaining('error'),
    });
    const run = await RunFolder.open(copy);
    expect(await run.steps()).toEqual([2, 4, 6]);
    const epochs = (await run.metrics.read()).filter(({ kind }) => kind === 'epoch');
    expect(epochs).toMatchObject(new Array(3).fill({ metrics: { testImages: 20 } }));
  });

  it.each([
    ['encoder.width was 4, and is now 8', ['--width', '8']],
    ['encoder.name was "resnet18"', ['--encoder', 'resnet34']],
    ['head.outFeatures was 128', ['--head-dim', '64']],
    ['method.loss.temperature.from was 0.1', ['--temperature', '0.2']],
    ['head.hiddenFeatures', ['--method', 'simsiam']],
    ['method.name was "moco"', ['--method', 'simclr']],
    ['augment[0].transforms[2].brightness[0] was 0.7', ['--strength', '1']],
    ['augment[0].transforms[0].size[0] was 24', ['--size', '28']],
    ['optimizer.lr was 0.001, and is now 0.1', ['--lr', '0.1']],
    ['schedule.warmup was 0.05', ['--warmup', '0.5']],
    ['schedule.name was "cosine"', ['--schedule', 'constant']],
    ['optimizer.clipNorm was absent, and is now 1', ['--clip-norm', '1']],
    ['accumulate was absent, and is now 2', ['--accumulate', '2']],
    ['ema was absent, and is now {"decay":0.9}', ['--ema', '0.9']],
    ['syncBatchNorm was absent, and is now false', ['--no-sync-batch-norm']],
    ['batchSize', ['--batch-size', '16']],
    ['method.queueSize was 64', ['--queue', '128']],
    ['seed was 3, and is now 4', ['--seed', '4']],
    ['the data set had 64 samples', ['--limit-train', '100']],
  ])('says that %s is another, of %j', async (field, args) => {
    const refused = await train('--resume', out, ...args);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/cannot resume: .*\[ERR_CHECKPOINT\]/) });
    expect(refused.stderr).toContain(`cannot resume: ${field}`);
  });

  it('keeps views and options that no flag can say, of a run that a program began', async () => {
    const path = join(folder, 'by-program');
    const input = { size: 24, mean: 0.3, std: 0.4, channels: 3 } as const;
    const encoder = resnet18({ width: 4, stem: 'cifar', zeroInitResidual: true });
    const trainer = new Trainer({
      encoder,
      head: projectionHead({ inFeatures: encoder.featureDim, layers: 3, batchNorm: 'all' }),
      augment: [presets.supcon(input), presets.evaluation(input)],
      optimizer: { name: 'sgd', lr: 0.02, nesterov: true, momentum: 0.8 },
      schedule: { name: 'constant', warmupEpochs: 1 },
      method: supcon({ noPositives: 'zero' }),
      batchSize: 32,
      gather: false,
      epochs: 1,
    });
    const data = { name: 'fashion-mnist', path: 'bundled', limit: 64 };
    await trainer.fit(await loadDataset('fashion-mnist', { limit: 64, subset: 'bundled' }), { out: path, data });
    expect(await train('--resume', path, '--epochs', '2')).toMatchObject({ code: 0 });
    expect(await (await RunFolder.open(path)).steps()).toEqual([2, 4]);
  });

  it('remembers that damaged files were left out, and so does eval', async () => {
    const photos = join(folder, 'photos');
    for (const split of ['train', 'test'])
      for (const name of ['rgb.jpg', 'rgb.png', 'gray.png', 'empty.jpg'])
        await cp(join(images, name), join(photos, split, name.length % 2 ? 'odd' : 'even', name), { recursive: true });
    const path = join(folder, 'photos-run');
    const args = ['--data', `folder:${photos}`, '--size', '16', '--width', '4', '--epochs', '1', '--skip-damaged'];
    expect(await train(...args, '--method', 'simclr', '--out', path)).toMatchObject({ code: 0 });
    expect((await RunFolder.open(path)).config.data).toMatchObject({ name: 'folder', path: photos, skipDamaged: true });
    expect(await train('--resume', path, '--epochs', '2')).toMatchObject({ code: 0 });
    const moved = join(folder, 'moved');
    await rename(photos, moved);
    expect(await train('--resume', path, '--epochs', '3', '--data', `folder:${moved}`)).toMatchObject({ code: 0 });
    const judged = await runWith([evalCommand], ['eval', '--run', path, '--protocol', 'knn']);
    expect(judged).toMatchObject({ code: 0, stderr: expect.stringContaining('skipped') });
  });

  it('says where there is no run', async () => {
    const refused = await train('--resume', join(folder, 'none'));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no run in') });
  });
});

describe('--config', () => {
  const write = async (name: string, config: unknown): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, JSON.stringify(config));
    return file;
  };

  it('begins a training with the options of a run; what is typed wins', async () => {
    const [first, second] = [join(folder, 'first'), join(folder, 'second')];
    await train(...small, ...few, '--optimizer', 'adamw', '--precision', 'float32', '--out', first);
    const config = join(first, 'config.json');
    const ran = await train('--config', config, '--seed', '9', '--lr', '0.01', '--out', second, '--limit-test', '20');
    expect(ran).toMatchObject({ code: 0 });
    const [before, after] = [first, second].map(async (path) => (await RunFolder.open(path)).config);
    expect(await after).toEqual({
      ...(await before),
      encoder: { ...(await before)?.encoder, seed: 9 },
      head: { ...(await before)?.head, seed: 9 },
      optimizer: expect.objectContaining({ name: 'adamw', lr: 0.01, weightDecay: 0.01 }),
      seed: 9,
    });
  });

  it('takes a file that was written by hand, whose paths are of its folder', async () => {
    await writeFile(
      join(folder, 'net.ts'),
      (await readFile(new URL('../../examples/small-net.ts', import.meta.url), 'utf8')).replace(
        "'contrastive'",
        JSON.stringify(fileURLToPath(new URL('../../lib/index.ts', import.meta.url))),
      ),
    );
    const file = await write('by-hand.json', {
      encoder: { name: 'SmallNet', file: './net.ts' },
      head: null,
      method: { name: 'simclr', temperature: 0.5 },
      data: { name: 'fashion-mnist', path: 'bundled', limit: 64 },
      batchSize: 32,
      epochs: 1,
    });
    const out = join(folder, 'by-hand');
    expect(await train('--config', file, '--limit-test', '20', '--out', out)).toMatchObject({ code: 0 });
    expect((await RunFolder.open(out)).config).toMatchObject({
      encoder: { name: 'SmallNet', file: join(folder, 'net.ts') },
      head: null,
      method: { name: 'simclr', temperature: 0.5 },
      batchSize: 32,
      data: { limit: 64 },
      seed: 0,
    });
    const again = join(folder, 'by-hand-again');
    const seeded = ['--config', file, '--seed', '5', '--limit-test', '20', '--out', again];
    expect(await train(...seeded)).toMatchObject({ code: 0 });
    expect((await RunFolder.open(again)).config).toMatchObject({ head: null, seed: 5 });
  });

  it.each([
    [{ epoch: 3 }, /unknown option 'epoch'; did you mean 'epochs'/],
    [[], /must hold a JSON object, got an array/],
    [{ method: 'supcon' }, /method must be an object, got 'supcon'/],
    [{ augment: [1] }, /augment must be an array with an object a view/],
    [{ method: { name: 'supcno' } }, /method must be one of .*did you mean 'supcon'/],
    [{ optimizer: { name: 'adagrad' } }, /optimizer\.name must be one of/],
    [{ epochs: 'ten' }, /epochs must be an integer/],
    [{ head: { name: 'linear' } }, /head\.name must be 'projection-head' for a training by command, got 'linear'/],
    [{ input: { size: 0 } }, /size must be/],
    [{ augment: [{ transforms: [] }] }, /augment needs input beside it/],
  ])('refuses %j', async (config, message) => {
    const file = await write('wrong.json', config);
    const refused = await train(...['--data', 'fashion-mnist:bundled', '--config', file, '--out', join(folder, 'no')]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
  });

  it('or one that is not there, or beside --resume', async () => {
    expect(await train(...small, '--config', join(folder, 'none.json'))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/none\.json: cannot be read/),
    });
    expect(await train('--resume', folder, '--config', 'x.json')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--config does not go with --resume'),
    });
  });
});
