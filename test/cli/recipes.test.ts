/** Every recipe of the package goes through the checks of a training; and what --recipe makes of one. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { parseData, profileOf } from '../../lib/cli/data-option.ts';
import { methods, prepareDemo } from '../../lib/cli/demo-recipe.ts';
import { parseOptions } from '../../lib/cli/options.ts';
import { readRecipe, recipeNames } from '../../lib/cli/recipe-file.ts';
import { command as recipesCommand } from '../../lib/cli/recipes.ts';
import { command as trainCommand } from '../../lib/cli/train.ts';
import { readConfig, specOf, specOfConfig, withConfig } from '../../lib/cli/train-config.ts';
import { partFlags, type TrainOptions, trainOptions } from '../../lib/cli/train-options.ts';
import { makeTraining, type TrainingSpec } from '../../lib/cli/training.ts';
import { encoderShapes, makeEncoder } from '../../lib/encoders/all.ts';
import { projectionHeadShapes } from '../../lib/encoders/projection-head.ts';
import { methodOf } from '../../lib/methods/all.ts';
import { learningRateAt, type ScheduleSpec } from '../../lib/optim/schedule.ts';
import { tinyDataset } from '../train/tiny.ts';
import { runWith } from './run-cli.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recipes-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]) => runWith([trainCommand, recipesCommand], args);
const fileOf = (name: string): string => fileURLToPath(new URL(`../../data/recipes/${name}.json`, import.meta.url));
const read = async (name: string) => JSON.parse(await readFile(fileOf(name), 'utf8'));

const places: Readonly<Record<string, string>> = { 'fashion-mnist': 'bundled' };

/** The training that a recipe comes to, with what is typed beside it. */
async function specWith(recipe: string, ...args: string[]): Promise<TrainingSpec> {
  const { data } = await read(recipe);
  const typed = ['--recipe', recipe, '--data', `${data.name}:${places[data.name] ?? '/data'}`, ...args];
  const table = { ...trainOptions, ...(await partFlags(typed)) };
  const parsed = parseOptions(typed, table, { where: 'train' });
  const config = await readConfig(parsed.options as unknown as TrainOptions);
  const options = withConfig(parsed.options as unknown as TrainOptions, parsed.given, config);
  return specOf(options, parsed.given, profileOf(parseData(options.data as string)), config);
}

describe('a recipe of the package', () => {
  const names = recipeNames();

  it('is one of those that users ask for', () => {
    expect(names).toEqual([
      ...['byol-imagenet', 'demo', 'dino-imagenet', 'moco-v2-imagenet', 'simclr-cifar10-lightly'],
      ...['simclr-cifar10-solo-learn', 'simclr-imagenet', 'supcon-cifar10', 'supcon-cifar100', 'vicreg-imagenet'],
    ]);
  });

  it.each(names)('%s says where it is from, and all that decides a training', async (name) => {
    const { title, source, differs, expected, training, whole } = await readRecipe(name);
    expect([title, source].every((text) => text.length > 20)).toBe(true);
    expect(differs?.length).toBeGreaterThan(0);
    expect(expected === undefined).toBe(name === 'demo');
    const decided = ['data', 'encoder', 'head', 'method', 'preset', 'optimizer', 'schedule', 'batchSize', 'epochs'];
    expect(Object.keys(training)).toEqual(expect.arrayContaining(decided));
    expect(whole).toEqual({ name, ...(await read(name)) });
  });

  it.each(names)('%s is a training whose every option is taken', async (name) => {
    const spec = await specWith(name);
    const { encoder, head, method } = await read(name);
    expect(spec.encoder).toMatchObject(encoder);
    expect(spec.head).toEqual({ ...head, seed: 0 });
    expect(methodOf(spec.method).spec).toMatchObject(method);
    const features = encoder.name === 'resnet50' ? 2048 : encoder.name === 'vit-s-16' ? 384 : 512;
    expect(encoderShapes(spec.encoder)?.size).toBeGreaterThan(50);
    const { name: _, ...options } = head;
    expect(projectionHeadShapes({ ...options, inFeatures: features }).size).toBeGreaterThanOrEqual(2);
  });

  it('has the factors of the loss and the initial weights of its source', async () => {
    expect((await specWith('simclr-imagenet')).method).toMatchObject({ name: 'simclr', lossScale: 2 });
    expect((await specWith('byol-imagenet')).encoder).toMatchObject({ zeroInitResidual: true });
  });

  it.each(names)('%s trains: two steps of small views, by a narrow encoder and head', async (name) => {
    const spec = await specWith(name, '--size', '32', '--batch-size', '4', '--epochs', '1', '--precision', 'float32');
    const narrow = spec.encoder.name === 'vit-s-16' ? { width: 64, patch: 4 } : { width: 4 };
    using encoder = makeEncoder({ ...spec.encoder, ...narrow });
    const head = { ...spec.head, hiddenFeatures: 8, outFeatures: 8 };
    const method = { ...spec.method, ...('prototypes' in spec.method && { prototypes: 16 }) };
    using training = makeTraining({ ...spec, head, method }, encoder, 'cpu');
    const end = await training.trainer.fit(tinyDataset(8));
    expect(end.step).toBe(2);
    expect(Number.isFinite(end.loss)).toBe(true);
  });

  it.each([
    // Peak and last rate, by hand: 0.3 · 4096/256, 0.2 · 2048/256, 0.2 · 4096/256, 0.0005 · 512/256; the rest as they are.
    ['simclr-imagenet', 4.8, 0],
    ['vicreg-imagenet', 1.6, 0.0016],
    ['byol-imagenet', 3.2, 0],
    ['dino-imagenet', 0.001, 1e-6],
    ['moco-v2-imagenet', 0.03, 0],
    ['supcon-cifar10', 0.5, 0.0005],
    ['supcon-cifar100', 0.5, 0.0005],
    ['simclr-cifar10-lightly', 0.06, 0],
    ['simclr-cifar10-solo-learn', 0.4, 0],
  ])('%s rises to a rate of %f and falls to %f', async (name, peak, last) => {
    const { schedule, optimizer, batchSize = 0, epochs = 0 } = await specWith(name);
    const rateAt = (epoch: number): number =>
      learningRateAt(schedule as unknown as ScheduleSpec, {
        baseLearningRate: optimizer.lr as number,
        step: epoch * 100,
        totalSteps: epochs * 100,
        stepsPerEpoch: 100,
        batchSize,
      });
    expect(rateAt('warmupEpochs' in schedule ? 10 : 0)).toBeCloseTo(peak, 9);
    expect(rateAt(epochs)).toBeCloseTo(last, 9);
  });
});

describe('train --recipe', () => {
  it('gives way to what is typed', async () => {
    const flags = ['--epochs', '20', '--lr', '0.5', '--temperature', '0.1', '--width', '32', '--seed', '7'];
    const spec = await specWith('simclr-cifar10-lightly', ...flags, '--crop-min', '0.2', '--batch-size', '64');
    const before = await specWith('simclr-cifar10-lightly');
    expect(spec).toEqual({
      ...before,
      encoder: { ...before.encoder, width: 32, seed: 7 },
      head: { ...before.head, seed: 7 },
      method: { ...before.method, temperature: 0.1 },
      preset: { ...before.preset, cropMin: 0.2 },
      augment: expect.not.arrayContaining(before.augment),
      optimizer: { ...before.optimizer, lr: 0.5 },
      epochs: 20,
      batchSize: 64,
      seed: 7,
    });
    expect((await specWith('byol-imagenet', '--method', 'simclr')).head).toMatchObject({ outFeatures: 128 });
  });

  it('is in the config of the run, whole, beside what the training came to; and stays there', async () => {
    const out = join(folder, 'run');
    const few = ['--limit-train', '64', '--limit-test', '20', '--width', '4', '--epochs', '1', '--monitors', 'none'];
    expect(await run('train', '--recipe', 'demo', ...few, '--out', out)).toMatchObject({ code: 0 });
    const { config } = await RunFolder.open(out);
    expect(config.recipe).toEqual({ name: 'demo', ...(await read('demo')) });
    expect(config).toMatchObject({ epochs: 1, encoder: { width: 4 }, batchSize: 64, optimizer: { lr: 0.05 } });
    expect(await run('train', '--resume', out, '--epochs', '2', '--monitors', 'none')).toMatchObject({ code: 0 });
    const again = await readConfig({ config: join(out, 'config.json') } as TrainOptions);
    expect(again?.recipe).toEqual(config.recipe);
  });

  it('takes a file', async () => {
    const file = join(folder, 'mine.json');
    await writeFile(
      file,
      JSON.stringify({ title: 'Mine', source: 'my notes', epochs: 3, data: { name: 'cifar10', path: 'cifar' } }),
    );
    const { name, training } = await readRecipe(file);
    expect([name, training]).toEqual(['mine', { epochs: 3, data: { name: 'cifar10', path: join(folder, 'cifar') } }]);
  });

  it.each([
    ['title', { source: 'x' }, /mine\.json: title must be a non-empty string, got undefined/],
    ['source', { title: 'x' }, /mine\.json: source must be a non-empty string, got undefined/],
    ['a misspelled field', { title: 'x', source: 'x', epoch: 3 }, /unknown option 'epoch'; did you mean 'epochs'/],
    ['expected', { title: 'x', source: 'x', expected: { knnTop1: 84.7 } }, /expected\.knnTop1 must be/],
    ['differs', { title: 'x', source: 'x', differs: 'much' }, /differs must be an array of strings, got 'much'/],
    ['unsure', { title: 'x', source: 'x', unsure: [1] }, /unsure\[0\] must be a non-empty string, got 1/],
  ])('refuses a file with a wrong or missing %s', async (_, content, message) => {
    const file = join(folder, 'mine.json');
    await writeFile(file, JSON.stringify(content));
    await expect(readRecipe(file)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(message),
    });
  });

  it.each([
    [['--recipe', 'simclr-imagnet'], 2, /recipe must be one of .*did you mean 'simclr-imagenet'/],
    [['--recipe', 'none/such.json'], 1, /such\.json: cannot be read/],
    [['--recipe', 'demo', '--config', 'x.json'], 2, /--config does not go with --recipe/],
    [['--recipe', 'demo', '--resume', 'x'], 2, /--recipe does not go with --resume/],
    [['--recipe', 'byol-imagenet'], 2, /--data folder needs the folder of its files: folder:PATH/],
  ])('refuses %j', async (args, code, message) => {
    expect(await run('train', ...args)).toMatchObject({ code, stderr: expect.stringMatching(message) });
  });
});

describe('contrastive recipes', () => {
  it('lists them, with what was published', async () => {
    const { code, stdout } = await run('recipes');
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(recipeNames().length);
    expect(stdout).toMatch(/^simclr-cifar10-lightly .* kNN 84\.7%$/m);
    expect(stdout).toMatch(/^dino-imagenet .* linear 73\.8%, kNN 69\.3%$/m);
  });

  it('prints one, as a file that is a recipe again', async () => {
    expect(JSON.parse((await run('recipes', 'supcon-cifar10')).stdout)).toEqual(await read('supcon-cifar10'));
    const { stdout } = await run('recipes', 'supcon-cifar10', '--json');
    expect(JSON.parse(stdout)).toEqual({ name: 'supcon-cifar10', ...(await read('supcon-cifar10')) });
    expect((await run('recipes', '--json')).stdout.trimEnd().split('\n')).toHaveLength(recipeNames().length);
    expect(await run('recipes', 'supcon')).toMatchObject({ code: 2, stderr: expect.stringContaining('ERR_OPTION') });
  });
});

describe('the demo', () => {
  it('is its recipe, with the options that it was found with', async () => {
    const { training } = await readRecipe('demo');
    const spec = specOfConfig(training, profileOf({ name: 'fashion-mnist', path: 'bundled' }));
    expect(spec).toMatchObject({
      encoder: { name: 'resnet18', stem: 'cifar', inChannels: 3, seed: 0, width: 16 },
      head: { name: 'projection-head', outFeatures: 128, seed: 0 },
      method: { name: 'simclr', temperature: 0.1 },
      preset: { name: 'supcon', strength: 2 },
      input: { size: 28, channels: 3 },
      optimizer: { name: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 1e-4 },
      schedule: { name: 'cosine', warmup: 0.05 },
      batchSize: 64,
    });
    expect(methods.map(({ method }) => method.temperature)).toEqual([0.1, 0.1, 0.1]);
    using made = prepareDemo({ epochs: 2, batchSize: 32, precision: 'float32' }, methods[1], {
      device: 'cpu',
      seed: 3,
    });
    expect(made.encoder.config).toMatchObject({ width: 16, seed: 3 });
  });
});
