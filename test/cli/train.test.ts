import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presets } from '../../lib/augment/presets.ts';
import { loadEncoder } from '../../lib/checkpoint/encoder.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { Classifier } from '../../lib/classify/classifier.ts';
import { command as demoCommand } from '../../lib/cli/demo.ts';
import { command as evalCommand } from '../../lib/cli/eval.ts';
import { runProgram } from '../../lib/cli/program.ts';
import { command } from '../../lib/cli/train.ts';
import { linearHead } from '../../lib/encoders/linear-head.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { nodeArguments, type Ran, runWith } from './run-cli.ts';

const images = fileURLToPath(new URL('../fixtures/data/images/', import.meta.url));
const small = ['--data', 'fashion-mnist:bundled', '--width', '4', '--batch-size', '64', '--epochs', '1'];
const few = ['--limit-train', '256', '--limit-test', '100'];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'train-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const train = (...args: string[]): Promise<Ran> => runWith([command], ['train', ...args]);

type Event = Record<string, unknown> & { kind: string };
const eventsOf = ({ stdout }: Pick<Ran, 'stdout'>): Event[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event);
const lossesOf = async (run: string): Promise<unknown[]> =>
  (await (await RunFolder.open(run)).metrics.read()).filter(({ kind }) => kind === 'step').map(({ loss }) => loss);

describe('contrastive train', () => {
  it('trains on the images of STL-10 without labels; evaluation takes those with', async () => {
    const data = join(folder, 'stl10');
    await mkdir(data);
    const pixels = (count: number) =>
      Uint8Array.from({ length: count * 27648 }, (_, i) => (i * i * 7 + (i >> 9)) % 256);
    const labels = (count: number) => Uint8Array.from({ length: count }, (_, i) => 1 + (i % 10));
    await writeFile(join(data, 'unlabeled_X.bin'), pixels(8));
    for (const [split, count] of [
      ['train', 20],
      ['test', 10],
    ] as const) {
      await writeFile(join(data, `${split}_X.bin`), pixels(count));
      await writeFile(join(data, `${split}_y.bin`), labels(count));
    }
    const out = join(folder, 'unlabeled');
    const size = ['--width', '4', '--size', '16', '--batch-size', '8', '--epochs', '1'];
    const ran = await train(
      '--data',
      `stl10:${data}`,
      '--split',
      'unlabeled',
      '--method',
      'simclr',
      ...size,
      '--out',
      out,
      '--json',
    );
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const [warned, started] = eventsOf(ran);
    expect(warned).toEqual({ warning: 'the training images have no labels; the kNN accuracy is not measured' });
    expect(started).toMatchObject({ kind: 'start', samples: 8 });
    const judged = await runWith([evalCommand], ['eval', '--run', out, '--protocol', 'knn', '--json']);
    expect(JSON.parse(judged.stdout)).toMatchObject({ trainImages: 20, testImages: 10 });
    const refused = await train(...small, '--split', 'unlabeled', '--out', join(folder, 'refused'));
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("split must be one of 'train', 'test'") });
  });

  it('trains, writes the run, and ends --json with throughput, loss and kNN accuracy', async () => {
    const out = join(folder, 'supcon');
    const ran = await train(...small, ...few, '--out', out, '--json');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const events = eventsOf(ran);
    expect(events.map(({ kind }) => kind)).toEqual([
      ...['start', 'monitor', ...new Array(4).fill('step'), 'checkpoint', 'epoch', 'end', 'result'],
    ]);
    const result = events.at(-1) as Event;
    expect(result).toMatchObject({ step: 4, device: 'cpu', out });
    expect(result.samplesPerSecond).toBeGreaterThan(0);
    expect(result.knnTop1).toBeGreaterThan(0.2); // 0.1 is chance; untrained features reach more
    const { metrics } = events[1] as { metrics?: unknown };
    const figures = { chanceTop1: result.chanceTop1, testImages: 100 };
    expect(metrics).toEqual({ knnTop1: result.knnBefore, ...figures });
    expect(await (await RunFolder.open(out)).best()).toEqual({ step: 4, figure: 'knnTop1', value: result.knnBest });
    const losses = await lossesOf(out);
    expect(losses).toHaveLength(4);
    expect(result.loss).toBeCloseTo(losses.reduce<number>((sum, loss) => sum + (loss as number), 0) / 4, 9);
    const { config } = await RunFolder.open(out);
    expect(config).toMatchObject({
      encoder: { name: 'resnet18', stem: 'cifar', width: 4, inChannels: 3 },
      method: { name: 'supcon' },
      input: { size: 28, channels: 3, mean: [0.286, 0.286, 0.286], std: [0.353, 0.353, 0.353] },
      optimizer: { name: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 1e-4 },
      data: { name: 'fashion-mnist', path: 'bundled', limit: 256, testLimit: 100 },
    });
  });

  it('passes every option on, and chooses runs/DATA-METHOD-N by itself', async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      const args = ['--method', 'simclr', '--temperature', '0.5', '--size', '32', '--head-dim', '32', '--seed', '3'];
      const more = [
        '--optimizer',
        'adamw',
        '--lr',
        '0.002',
        '--weight-decay',
        '0',
        '--warmup',
        '0.1',
        '--stem',
        'imagenet',
      ];
      const views = [
        '--preset',
        'mocoV2',
        '--crop-min',
        '0.5',
        '--strength',
        '0.5',
        '--blur',
        '0.3',
        '--precision',
        'bfloat16',
      ];
      const command = [...small, '--limit-train', '64', '--limit-test', '20', ...args, ...more, ...views];
      expect(await train(...command)).toMatchObject({ code: 0 });
      const second = await train(...command, '--knn-every', '1', '--threads', '1');
      expect(second.stdout).toContain('next: npx contrastive eval runs/fashion-mnist-simclr-2');
      expect(second.stdout).toMatch(/epoch 1\/1 {2}loss \d\.\d{4} {2}kNN \d+\.\d%/);
      const { config } = await RunFolder.open(join(folder, 'runs/fashion-mnist-simclr-2'));
      expect(config).toMatchObject({
        encoder: { stem: 'imagenet', seed: 3 },
        head: { outFeatures: 32, seed: 3 },
        method: { name: 'simclr', temperature: 0.5 },
        optimizer: { name: 'adamw', lr: 0.002, weightDecay: 0 },
        schedule: { name: 'cosine', warmup: 0.1 },
        precision: 'bfloat16',
        seed: 3,
        input: { size: 32 },
      });
      expect(config.augment[0]?.transforms).toMatchObject([
        { kind: 'randomResizedCrop', scale: [0.5, 1], size: [32, 32] },
        { kind: 'randomHorizontalFlip', p: 0.5 },
        { kind: 'colorJitter', brightness: [0.8, 1.2], hue: [-0.05, 0.05], p: 0.8 },
        { kind: 'randomGrayscale', p: 0.2 },
        { kind: 'gaussianBlur', p: 0.3 },
        { kind: 'normalize' },
      ]);
    } finally {
      process.chdir(before);
    }
  });

  it('caches gradients with --micro-batch, and writes it into the config', async () => {
    const out = join(folder, 'micro');
    expect(await train(...small, ...few, '--micro-batch', '24', '--out', out)).toMatchObject({ code: 0 });
    const run = await RunFolder.open(out);
    expect(run.config).toMatchObject({ batchSize: 64, microBatch: 24 });
    const [step] = (await run.metrics.read()).filter(({ kind }) => kind === 'step');
    expect(step).toMatchObject({ validAnchors: 128, metrics: { validAnchors: 128, spread: expect.any(Number) } });
  });

  it('trains by moco, with labels too, and resumes', async () => {
    const moco = ['--method', 'moco', '--queue', '150', '--teacher-momentum-end', '1', '--loss', 'dcl', '--symmetric'];
    const out = join(folder, 'moco');
    expect(await train(...small, ...few, ...moco, '--out', out)).toMatchObject({ code: 0 });
    const { config } = await RunFolder.open(out);
    expect(config).toMatchObject({
      method: {
        name: 'moco',
        loss: { name: 'dcl' },
        ...{ momentum: { from: 0.99, to: 1, schedule: 'cosine' }, queueSize: 150, symmetric: true },
      },
    });
    // Those of presets.mocoV2, without blur at this size.
    const names = ['randomResizedCrop', 'randomHorizontalFlip', 'colorJitter', 'randomGrayscale', 'normalize'];
    const [view] = config.augment as { transforms: { kind: string; scale?: number[]; brightness?: number[] }[] }[];
    expect(view?.transforms.map(({ kind }) => kind)).toEqual(names);
    expect(view?.transforms[0]?.scale).toEqual([0.2, 1]);
    expect(view?.transforms[2]?.brightness).toEqual([0.6, 1.4]);
    const more = await train('--resume', out, '--epochs', '2');
    expect(more).toMatchObject({ code: 0 });
    expect(await lossesOf(out)).toHaveLength(8);

    const supcon = join(folder, 'supcon-queue');
    const args = ['--method', 'moco', '--loss', 'supcon', '--teacher-momentum', '0.9', '--out', supcon];
    expect(await train(...small, ...few, ...args)).toMatchObject({ code: 0 });
    expect((await RunFolder.open(supcon)).config).toMatchObject({
      method: { name: 'moco', loss: { name: 'supcon' }, momentum: 0.9, queueSize: 4096 },
    });
  });

  it('trains on a folder of images without labels, and says why there is no kNN accuracy', async () => {
    const photos = join(folder, 'photos');
    await mkdir(photos);
    for (const name of ['rgb.jpg', 'rgb.png', 'gray.png', 'cmyk.jpg']) await cp(join(images, name), join(photos, name));
    const args = ['--data', `folder:${photos}`, '--method', 'simclr', '--size', '32', '--width', '4'];
    const out = join(folder, 'photos-run');
    const ran = await train(...args, '--batch-size', '2', '--epochs', '1', '--out', out, '--json');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const events = eventsOf(ran);
    expect(events[0]).toEqual({ warning: 'the training images have no labels; the kNN accuracy is not measured' });
    expect(events.at(-1)).toMatchObject({ kind: 'result', knnTop1: null });
    const supcon = await train(...args.with(3, 'supcon'), '--batch-size', '2', '--out', join(folder, 'x'));
    expect(supcon).toMatchObject({
      code: 2,
      stderr: 'error: photos has no class folders; use --method simclr [ERR_OPTION]\n',
    });
  });

  it('shows a live line on a terminal', async () => {
    let shown = '';
    const stderr = { isTTY: true, columns: 120, write: (text: string) => (shown += text) };
    const stdout = { write: () => true };
    const code = await runProgram(['train', ...small, ...few, '--out', join(folder, 'live')], {
      commands: { train: async () => ({ command }) },
      signal: new AbortController().signal,
      streams: { stdout, stderr },
    });
    expect(code).toBe(0);
    expect(shown).toMatch(
      /epoch 1\/1 {2}step \d\/4 {2}loss \d\.\d{4} {2}top-1 \d+\.\d% {2}[\d,]+ images\/s {2}\S+ m?s left/,
    );
  });
});

it.each([command, evalCommand, demoCommand])('the help of $name fits 100 columns', async (described) => {
  const { stdout } = await runWith([described], ['help', described.name]);
  const [text] = stdout.split('\nExamples:');
  for (const line of (text as string).split('\n')) expect(line.length).toBeLessThanOrEqual(100);
});

describe('wrong use', () => {
  const data = ['--data', 'fashion-mnist:bundled'];
  it.each([
    [[], 'contrastive train: DATA is missing: a folder of images, or the name of a data set'],
    [['--data', 'fashion-mnits'], "did you mean 'fashion-mnist'?"],
    [['./photos'], "there is no folder './photos', and no data set of that name"],
    [['--data', 'cifar10'], '--data cifar10 needs the folder of its files: cifar10:PATH'],
    [['--data', 'fashion-mnist:'], 'needs the folder'],
    [[...data, '--epoch', '3'], 'did you mean --epochs?'],
    [[...data, '--encoder', 'resnet19'], "did you mean 'resnet18'?"],
    [
      [...data, '--method', 'simclr', '--variant', 'in'],
      '--variant belongs to --method supcon or moco or custom, got --method simclr',
    ],
    [
      [...data, '--method', 'simclr', '--denominators', 'all'],
      '--denominators belongs to --method supcon or moco or custom',
    ],
    [[...data, '--method', 'dcl', '--loss', 'dcl'], '--loss belongs to --method moco or custom, got --method dcl'],
    [[...data, '--loss', 'dlc'], "did you mean 'dcl'?"],
    [
      [...data, '--preset', 'byol', '--blur', '1'],
      '--blur belongs to --preset simclr or simclrV2 or mocoV2, got --preset byol',
    ],
    [[...data, '--import', './no-such.ts'], 'no-such.ts: there is no such file'],
    [
      [...data, '--method', 'byol', '--temperature', '1'],
      '--temperature belongs to --method simclr or supcon or dcl or moco or moco-v3 or',
    ],
    [
      [...data, '--method', 'moco', '--loss', 'dclw', '--hard-negatives', '1'],
      '--hard-negatives belongs to --method simclr or supcon, got --method moco',
    ],
    [[...data, '--method', 'moco', '--variant', 'in'], '--variant belongs to --method supcon, got --method moco'],
    [[...data, '--queue', '512'], '--queue belongs to --method moco'],
    [[...data, '--symmetric'], '--symmetric belongs to --method moco'],
    [[...data, '--teacher-momentum-end', '1'], '--teacher-momentum-end belongs to --method moco or moco-v3 or byol'],
    [[...data, '--teacher-momentum', '1.5'], '--teacher-momentum must be a finite number >= 0 and <= 1, got 1.5'],
    [[...data, '--method', 'moco', '--queue', '100'], 'must hold a batch of keys at least: expected >= 256, got 100'],
    [[...data, '--method', 'moco', '--micro-batch', '8'], "the method 'moco' does not go with microBatch"],
    [[...data, '--micro-batch', '300'], '--micro-batch 300 is more than the 256 images of a batch'],
    [[...data, '--resume', 'runs/x', '--out', 'runs/y'], '--out does not go with --resume'],
    [[...data, '--encoder', './no-such-net.ts'], 'no-such-net.ts: there is no such file; it makes the encoder'],
    [[...data, '--encoder', './my-net.js', '--width', '8'], '--width belongs to --encoder resnet18 or'],
    [
      [...data, '--limit-train', '100', '--batch-size', '256'],
      '--batch-size 256 is more than your 100 training images; try --batch-size 25',
    ],
  ])('%j ends with 2 and a message that helps', async (args, message) => {
    const out = args.includes('--resume') ? [] : ['--out', join(folder, 'no')];
    const { code, stderr } = await train(...args, ...out);
    expect(stderr).toContain(message);
    expect(stderr).toContain('[ERR_OPTION]');
    expect(code).toBe(2);
  });

  it('names a folder that is missing', async () => {
    const missing = join(folder, 'nowhere');
    const { code, stderr } = await train('--data', `folder:${missing}`);
    expect(stderr).toBe(`error: folder: there is no folder '${missing}' [ERR_DATA]\n`);
    expect(code).toBe(1);
  });

  it('refuses a device that is not there', async () => {
    const { code, stderr } = await train(...small, ...few, '--device', 'cuda:77', '--out', join(folder, 'cuda'));
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('[ERR_DEVICE]') });
  });
});

describe('where the weights begin', () => {
  it.each([
    [['--encoder', 'resnet-18'], "did you mean 'resnet18'?"],
    [['--encoder', './none.ts'], 'none.ts: there is no such file; it makes the encoder'],
    [['--init', 'none.pth'], 'none.pth: there is no such file; --init takes weights'],
  ])('without what %j names, does not read an image', async (args, message) => {
    const images = await mkdtemp(join(folder, 'damaged-'));
    await writeFile(join(images, 'a.jpg'), 'no image');
    const { code, stdout, stderr } = await train(images, ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  it('with --init, at those of a file, of which a classifier is left out', async () => {
    using encoder = resnet18({ stem: 'cifar', width: 4, seed: 77 });
    using head = linearHead({ inFeatures: 32, outFeatures: 5, init: 'normal' });
    const evaluation = presets.evaluation({ size: 28 });
    const file = join(folder, 'init.safetensors');
    await new Classifier({ encoder, head, evaluation }).save(file);
    const out = join(folder, 'initialised');
    expect(await train(...small, ...few, '--epochs', '0', '--init', file, '--out', out)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/init\.safetensors: 120 tensors; left out 'fc\.bias', 'fc\.weight'\n/),
    });
    using trained = await loadEncoder({ checkpoint: out });
    const [expected, got] = [encoder, trained].map((module) => module.parameters().map((value) => value.toArray()));
    expect(await Promise.all(got as Promise<unknown>[])).toEqual(await Promise.all(expected as Promise<unknown>[]));
    const wide = await train(...small, ...few, '--width', '8', '--init', file, '--out', join(folder, 'wide'));
    expect(wide).toMatchObject({ code: 1, stderr: expect.stringMatching(/init\.safetensors: .* shape .*CHECKPOINT/) });
  });

  it('with --epochs 0 the run is the untrained encoder, which eval judges', async () => {
    const out = join(folder, 'untrained');
    const ran = await train(...small, ...few, '--epochs', '0', '--out', out, '--json');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(eventsOf(ran).map(({ kind }) => kind)).toEqual(['start', 'monitor', 'checkpoint', 'end', 'result']);
    expect(eventsOf(ran).at(-1)).toMatchObject({ step: 0, loss: null, knnTop1: null });
    const judged = await runWith([evalCommand], ['eval', '--run', out, '--protocol', 'knn', '--json']);
    expect(JSON.parse(judged.stdout)).toMatchObject({ trainImages: 256 });
  });

  it('few images make batches of equal size, and what a chosen size leaves out is said', async () => {
    const args = ['--data', 'fashion-mnist:bundled', '--width', '4', '--epochs', '1', '--limit-train', '41'];
    const whole = await train(...args, '--limit-test', '10', '--out', join(folder, 'few'));
    expect(whole).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(
        ': 1 epoch of 2 steps of 20 images (1 left out of each epoch, others each time), into',
      ),
    });
    const some = await train(...args, '--limit-test', '10', '--batch-size', '24', '--out', join(folder, 'some'));
    expect(some.stdout).toContain(
      ': 1 epoch of 1 step of 24 images (17 left out of each epoch, others each time), into',
    );
    expect(some.stdout).toContain('\n1 step in ');
  });
});

describe('a run that is there already', () => {
  const config = (run: string) => join(run, 'config.json');

  it('is left alone without --resume, and goes on with it', async () => {
    const out = join(folder, 'twice');
    await train(...small, ...few, '--out', out);
    const again = await train(...small, ...few, '--out', out);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/holds a run already.*\[ERR_CHECKPOINT\]/) });
    const other = await train('--resume', out, '--seed', '5');
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cannot resume: .*seed.*\[ERR_CHECKPOINT\]/),
    });
    for (const args of [['--continue'], ['--continue', '--out', out, '--resume', out]])
      expect(await train(...small, ...args)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('--continue goes with --out, the folder of the run, and not with --resume'),
      });
    const done = await train(...small, ...few, '--out', out, '--continue');
    expect(done).toMatchObject({ code: 0, stderr: expect.stringContaining('has all its epochs already') });
    const more = await train('--resume', out, '--epochs', '2', '--json');
    expect(eventsOf(more)[0]).toMatchObject({ kind: 'start', startStep: 4, totalSteps: 8 });
    expect(await lossesOf(out)).toHaveLength(8);
    expect(await (await RunFolder.open(out)).steps()).toEqual([4, 8]);
  });

  it('keeps its last checkpoint when the loss stops being finite, and names the step', async () => {
    const out = join(folder, 'diverged');
    await train(...small, ...few, '--out', out);
    const content = JSON.parse(await readFile(config(out), 'utf8'));
    content.optimizer.lr = 1e30;
    await writeFile(config(out), JSON.stringify(content));
    const ran = await train('--resume', out, '--epochs', '2', '--json');
    expect(ran.code).toBe(1);
    expect(eventsOf(ran).at(-1)).toEqual({
      error: { code: 'ERR_NON_FINITE', message: expect.stringMatching(/^the loss is \S+ at step [5-8] \(epoch 2\)/) },
    });
    const run = await RunFolder.open(out);
    expect(await run.steps()).toEqual([4]);
    expect((await run.loadCheckpoint()).state.step).toBe(4);
  });

  it('says how to go on after an error that has nothing to do with the weights', async () => {
    const out = join(folder, 'unwritten');
    let stderr = '';
    const code = await runProgram(['train', ...small, ...few, '--epochs', '2', '--out', out], {
      commands: { train: async () => ({ command }) },
      signal: new AbortController().signal,
      streams: {
        stdout: {
          write: (text: string) => {
            if (text.startsWith('epoch 1/2')) throw new Error('the disk is full');
          },
        },
        stderr: { write: (text: string) => (stderr += text) },
      },
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /warning: the checkpoint of step 4 is saved\. Go on with:\n {2}npx contrastive train --resume \S*unwritten\nerror: the disk is full/,
    );
  });

  it('continues exactly where an interrupt stopped it', async () => {
    const args = [...small, ...few, '--epochs', '2', '--precision', 'float32']; // auto may choose twice differently
    const whole = join(folder, 'whole');
    await train(...args, '--out', whole);
    const broken = join(folder, 'broken');
    const controller = new AbortController();
    let stdout = '';
    let stderr = '';
    const code = await runProgram(['train', ...args, '--out', broken, '--json'], {
      commands: { train: async () => ({ command }) },
      signal: controller.signal,
      streams: {
        stdout: {
          write: (text: string) => {
            stdout += text;
            if (text.includes('"step":5,')) controller.abort('SIGINT');
          },
        },
        stderr: { write: (text: string) => (stderr += text) },
      },
    });
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    const { error } = eventsOf({ stdout }).at(-1) as unknown as { error: { code: string; message: string } };
    expect(error.code).toBe('ERR_ABORTED');
    const [, step, resume] =
      /^Stopped at step (\d+); checkpoint saved\. Go on with:\n {2}npx contrastive (.*)$/.exec(error.message) ?? [];
    expect([5, 6, 7]).toContain(Number(step)); // inside the second epoch
    // The command that the message gives, word by word.
    const resumed = await runWith([command], (resume as string).split(' '));
    expect(resumed.code).toBe(0);
    expect(await lossesOf(broken)).toEqual(await lossesOf(whole));
  });
});

describe.runIf(process.platform !== 'win32')('Ctrl-C', () => {
  const output = (child: ChildProcess) => {
    const text = { out: '', err: '' };
    child.stdout?.on('data', (chunk) => (text.out += chunk));
    child.stderr?.on('data', (chunk) => (text.err += chunk));
    return text;
  };

  it('saves a checkpoint, says how to go on, and ends with 130', async () => {
    const out = join(folder, 'ctrl-c');
    const args = ['train', ...small, ...few, '--epochs', '1000', '--out', out, '--json'];
    const child = spawn(process.execPath, [...nodeArguments, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const text = output(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', () => text.out.includes('"kind":"step"') && resolve());
      child.once('close', () => reject(new Error(text.err)));
    });
    child.kill('SIGINT');
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
      child.once('close', (...how) => resolve(how)),
    );
    expect({ code, signal, err: text.err }).toEqual({ code: 130, signal: null, err: '' });
    expect(text.out).toMatch(/ERR_ABORTED.*contrastive train --resume \S*ctrl-c/);
    const checkpoint = await (await RunFolder.open(out)).loadCheckpoint();
    expect(checkpoint.state.step).toBeGreaterThanOrEqual(1);
    expect((await readdir(join(out, 'checkpoints'))).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('a reader that goes away (| head) stops at a checkpoint too, and not with success', async () => {
    const out = join(folder, 'head');
    const args = ['train', ...small, ...few, '--epochs', '1000', '--out', out, '--json'];
    const child = spawn(process.execPath, [...nodeArguments, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let err = '';
    child.stderr.on('data', (chunk) => (err += chunk));
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('"kind":"step"')) child.stdout.destroy();
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect({ code, err }).toEqual({ code: 141, err: '' });
    expect((await (await RunFolder.open(out)).loadCheckpoint()).state.step).toBeGreaterThanOrEqual(1);
  });
});
