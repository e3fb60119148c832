import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Augmentation, type AugmentData, augment, type DrawnTransform } from '../../lib/augment/augment.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { presets } from '../../lib/augment/presets.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { command } from '../../lib/cli/augment.ts';
import { loadSplits, parseData } from '../../lib/cli/data-option.ts';
import { Output } from '../../lib/cli/output.ts';
import { command as trainCommand } from '../../lib/cli/train.ts';
import { augmentationsOf, sideOf } from '../../lib/cli/training.ts';
import { loadedSample } from '../../lib/data/dataset.ts';
import { everySample } from '../../lib/data/sampler.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { trainBatches } from '../../lib/train/batches.ts';
import type { ResolvedOptions } from '../../lib/train/options.ts';
import { drawPhotos } from './drawn-photos.ts';
import { runWith } from './run-cli.ts';

const fixtures = fileURLToPath(new URL('../fixtures/data/images/', import.meta.url));

let folder: string;
let images: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'augment-'));
  images = join(folder, 'images');
  await mkdir(images, { recursive: true });
  for (const [from, to] of [
    ['rgb.jpg', 'img10.jpg'],
    ['rgb.png', 'img2.png'],
    ['truncated.jpg', 'img3.jpg'],
    ['gray.png', 'gray & <co>.png'],
  ] as const)
    await cp(join(fixtures, from), join(images, to));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (args: readonly string[], options = {}) => runWith([command], ['augment', ...args], options);
const train = (...args: string[]) => runWith([trainCommand], ['train', ...args]);

interface Report {
  readonly out: string;
  readonly width: number;
  readonly height: number;
  readonly augment: AugmentData[];
  readonly columns: { epoch: number; view: number }[];
  readonly nearlyEmpty: number;
  readonly samples: { name: string; height: number; width: number; id: number; views: DrawnTransform[][] }[];
  readonly skipped: { name: string; reason: string }[];
}

const lastRecord = (text: string): Report => JSON.parse(text.trim().split('\n').at(-1) as string) as Report;

describe('contrastive augment', () => {
  it('writes a sheet of the images of a folder; bad ones are left out with a warning', async () => {
    const out = join(folder, 'sheet.png');
    const { code, stdout, stderr } = await run([images, '--out', out, '--size', '16', '--views', '3']);
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^warning: .*img3\.jpg: cannot be decoded.*; skipped\n$/),
    ]);
    const { width, height, format } = await sharp(out).metadata();
    expect(format).toBe('png');
    expect(stdout).toBe(`3 images, 3 views each, ${width} × ${height} pixels; 1 skipped\n${out}\n`);
    expect(await readdir(folder)).toEqual(['images', 'sheet.png']);
  });

  it('shows the views that the same command line trains on, and a run has seen, bit for bit', async () => {
    const photos = join(folder, 'photos');
    await drawPhotos(photos, { count: 4 });
    const flags = ['--preset', 'byol', '--size', '24', '--crop-min', '0.4', '--val-split', '0.25', '--seed', '3'];
    const path = join(folder, 'run');
    const rest = ['--width', '4', '--batch-size', '12', '--epochs', '2', '--precision', 'float32'];
    const trained = await train(photos, ...flags, ...rest, '--out', path);
    expect(trained.code, trained.stderr).toBe(0);
    const { config } = await RunFolder.open(path);

    const args = ['--samples', '12', '--views', '4', '--json'];
    const before = lastRecord((await run([photos, ...flags, ...rest, '--out', join(folder, 'a.png'), ...args])).stdout);
    const after = lastRecord((await run(['--run', path, '--out', join(folder, 'b.png'), ...args])).stdout);
    expect({ ...after, out: '' }).toEqual({ ...before, out: '' });
    expect(after.augment).toEqual(config.augment);
    expect(after.samples.map(({ id }) => id)).toEqual(Array.from({ length: 12 }, (_, id) => id));

    // The loader's own batches of that data, views and seed.
    const output = new Output(false, { stdout: { write: () => {} }, stderr: { write: () => {} } });
    const { heldOut } = config.data;
    const { train: dataset } = await loadSplits(parseData(photos), {
      heldOut: heldOut && { ...heldOut, always: true },
      side: sideOf(config),
      output,
    });
    const views = augmentationsOf(config.augment);
    const method = { labels: 'optional', spec: { name: 'supcon' } };
    const options = { augment: views, seed: 3, precision: 'float32', encoder: { device: 'cpu' }, method };
    const loader = trainBatches(
      dataset,
      options as unknown as ResolvedOptions,
      everySample(dataset, { batchSize: 12, shuffle: true, seed: 3, dropLast: true }),
    );
    let compared = 0;
    for (const epoch of [0, 1]) {
      for await (const batch of loader.epoch(epoch)) {
        using part = batch;
        for (const [row, id] of [...part.ids].entries()) {
          const sample = loadedSample(await dataset.get(Number(id)), 'photos', Number(id));
          for (const [column, { epoch: of, view }] of after.columns.entries()) {
            if (of !== epoch) continue;
            const drawn = after.samples[Number(id)]?.views[column] as DrawnTransform[];
            using shown = (views[view] as Augmentation).replay(sample, drawn);
            const expected = noGrad(() => (part.images[0] as Tensor).narrow(0, view * 12 + row, 1));
            expect(shown.dataSync(), `image ${id}, column ${column}`).toEqual(expected.dataSync());
            expected.dispose();
            compared++;
          }
        }
      }
    }
    expect(compared).toBe(12 * 4);
  });

  it('goes on with the epochs of a run for as many views as are asked for; other images will do', async () => {
    const args = ['--run', join(folder, 'run'), '--out', join(folder, 'c.png'), '--json'];
    const { columns, samples } = lastRecord((await run([...args, '--views', '5', '--data', images])).stdout);
    expect(columns).toEqual([0, 1, 2, 3, 4].map((i) => ({ epoch: Math.floor(i / 2), view: i % 2 })));
    expect(samples.map(({ name }) => name)).toEqual(['gray & <co>.png', 'img2.png', 'img10.jpg']);
    const [typed, placed] = [await run(args), await run([join(folder, 'run'), ...args.slice(2)])];
    expect([placed.code, lastRecord(placed.stdout)]).toEqual([0, lastRecord(typed.stdout)]);
    const one = lastRecord((await run([...args, '--data', join(images, 'img2.png')])).stdout);
    expect([one.samples.length, one.columns.length]).toEqual([1, 8]);
  });

  it('counts and marks views in which nothing is to be seen', async () => {
    const flat = join(folder, 'flat');
    await mkdir(flat);
    const gray = { width: 20, height: 20, channels: 3 as const, background: '#778899' };
    await sharp({ create: gray }).png().toFile(join(flat, 'sky.png'));
    const { stdout } = await run([flat, '--size', '8', '--views', '4', '--out', join(folder, 'flat.png')]);
    expect(stdout).toMatch(/^1 image, 4 views each, .* pixels; 4 nearly empty, which are marked\n/);
  });

  it('tells machines what was drawn, enough to draw it again', async () => {
    const out = join(folder, 'told.png');
    const args = [images, '--out', out, '--preset', 'supcon', '--size', '16', '--seed', '5', '--json'];
    const { code, stdout } = await run(args);
    expect(code).toBe(0);
    const report = lastRecord(stdout);
    expect(report).toMatchObject({ out, seed: 5, skipped: [{ name: 'img3.jpg' }] });
    expect(report.samples.map(({ name }) => name)).toEqual(['gray & <co>.png', 'img2.png', 'img10.jpg']);
    expect(report.augment).toEqual(
      new Array(2).fill(JSON.parse(JSON.stringify(presets.supcon({ size: 16, channels: 3 })))),
    );
    const pipeline = augment(report.augment[0] as AugmentData);
    for (const { height, width, id, views } of report.samples) {
      expect(views.length).toBe(8);
      for (const [column, drawn] of views.entries()) {
        const of = { seed: 5, id, view: column % 2, epoch: Math.floor(column / 2) };
        expect(pipeline.draw({ height, width, channels: 3 }, of)).toEqual(drawn);
      }
    }
    const first = await readFile(out);
    await run(args);
    expect((await readFile(out)).equals(first)).toBe(true);
  });

  it('shows the pixels that the encoder gets, with the normalisation taken back', async () => {
    const out = join(folder, 'pixels.png');
    const pixels = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * 37) % 256);
    const input = join(folder, 'one.png');
    await sharp(pixels, { raw: { width: 16, height: 16, channels: 3 } })
      .png()
      .toFile(input);
    const file = join(folder, 'flip.json');
    const flip = augment([normalize(0.5, 0.25), randomHorizontalFlip({ p: 1 }), normalize([1, 2, 3], [4, 5, 6])]);
    await writeFile(file, JSON.stringify(flip));
    expect((await run([input, '--augment', file, '--views', '1', '--out', out])).code).toBe(0);
    const { data, info } = await sharp(out).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(3);
    // Both are enlarged by the same whole number, so that the picture's rows repeat.
    const zoom = 9;
    const at = (x: number, y: number) => [...data.subarray(3 * (y * info.width + x), 3 * (y * info.width + x) + 3)];
    const [top, left] = [84, 28]; // nothing of the captions needs a legend
    const right = left + 144 + 28;
    for (const [x, y] of [
      [0, 0],
      [3, 7],
      [15, 15],
    ] as const) {
      const expected = [...pixels.subarray(3 * (16 * y + x), 3 * (16 * y + x) + 3)];
      expect(at(left + zoom * x + 4, top + zoom * y + 4)).toEqual(expected);
      expect(at(right + zoom * (15 - x) + 4, top + zoom * y + 4)).toEqual(expected);
    }
  });

  it('has a column at least for each view of presets that have views of their own, of different sizes too', async () => {
    for (const [preset, views] of [
      ['byol', 8],
      ['swav', 8],
      ['dino', 10],
    ] as const) {
      const out = join(folder, `${preset}.png`);
      const input = join(fixtures, 'rgb.jpg');
      const { code, stdout } = await run([input, '--preset', preset, '--size', '32', '--out', out, '--json']);
      expect(code).toBe(0);
      expect(lastRecord(stdout).samples.map((sample) => sample.views.length)).toEqual([views]);
    }
  });

  it('takes every preset, a list of transforms, and views as a list', async () => {
    const out = join(folder, 'all.png');
    const input = join(fixtures, 'rgb.png');
    for (const preset of Object.keys(presets)) {
      const { code, stderr } = await run([input, '--preset', preset, '--size', '8', '--out', out]);
      expect([code, stderr], preset).toEqual([0, '']);
    }
    const file = join(folder, 'pipeline.json');
    const view = augment([randomHorizontalFlip()]);
    for (const [content, views] of [
      [view.transforms, 8],
      [[view, view, view], 8],
    ] as const) {
      await writeFile(file, JSON.stringify(content));
      const { code, stdout } = await run([input, '--augment', file, '--out', out, '--json']);
      expect([code, lastRecord(stdout).samples[0]?.views.length]).toEqual([0, views]);
    }
  });

  it.each<[string, () => string[], number, RegExp]>([
    [
      'an image that is not there',
      () => ['--data', 'nowhere.jpg'],
      2,
      /there is no folder 'nowhere\.jpg'.*\[ERR_OPTION\]/,
    ],
    ['an empty folder', () => ['--data', join(folder, 'empty')], 1, /the data set is empty.*\[ERR_DATA\]/],
    ['an image that is damaged', () => ['--data', join(images, 'img3.jpg')], 1, /cannot be decoded.*\[ERR_DATA\]/],
    ['a folder of damaged ones', () => ['--data', join(folder, 'bad')], 1, /no image of 1 could be.*\[ERR_DATA\]/],
    ['an unknown preset', () => ['--preset', 'simclr2'], 2, /--preset must be one of .*did you mean 'simclr/],
    ['a size of 0', () => ['--size', '0'], 2, /--size must be an integer >= 1.*got 0 .*\[ERR_OPTION\]/],
    ['no views', () => ['--views', '0'], 2, /--views must be an integer >= 1/],
    [
      'a folder that cannot be made',
      () => ['--out', join(images, 'img2.png', 'x.png')],
      1,
      /img2\.png: cannot be made: .*\[ERR_DATA\]/,
    ],
    ['a folder in place of a file', () => ['--out', join(folder, 'taken.png')], 1, /taken\.png: is a folder/],
    ['another format', () => ['--out', join(folder, 'x.jpg')], 2, /--out must be a name in \.png, got/],
    [
      'a preset beside a pipeline',
      () => ['--preset', 'byol', '--augment', 'x.json'],
      2,
      /--preset does not go with --augment/,
    ],
    ['a size beside a pipeline', () => ['--size', '8', '--augment', 'x.json'], 2, /--size does not go with --augment/],
    ['views beside a run', () => ['--run', 'x', '--preset', 'byol'], 2, /--preset does not go with --run/],
    ['a pipeline beside a run', () => ['--run', 'x', '--augment', 'x.json'], 2, /--augment does not go with --run/],
    ['a run that is not there', () => ['--run', join(folder, 'empty')], 1, /there is no run in.*\[ERR_CHECKPOINT\]/],
    ['a pipeline that is not there', () => ['--augment', 'x.json'], 1, /x\.json: cannot be read as JSON.*\[ERR_DATA\]/],
    ['no JSON', () => ['--augment', join(fixtures, 'rgb.png')], 1, /rgb\.png: cannot be read as JSON/],
    ['an unknown transform', () => ['--augment', join(folder, 'bad.json')], 2, /bad\.json: kind must be one of.*flip/i],
    ['a number', () => ['--augment', join(folder, 'number.json')], 2, /number\.json: .*\[ERR_OPTION\]/],
    [
      'an image too small for the crop',
      () => ['--preset', 'cifar', '--size', '512'],
      1,
      /\.(png|jpg): randomCrop of 512.*\[ERR_SHAPE\]/,
    ],
  ])('refuses %s, and writes nothing', async (_, args, code, message) => {
    for (const name of ['empty', 'bad', 'taken.png', 'refused']) await mkdir(join(folder, name), { recursive: true });
    await cp(join(images, 'img3.jpg'), join(folder, 'bad', 'a.jpg'));
    await writeFile(join(folder, 'bad.json'), '[{"kind": "randomHorizontalFlop"}]');
    await writeFile(join(folder, 'number.json'), '3');
    const out = join(folder, 'refused', 'x.png');
    const result = await run(['--data', images, '--out', out, ...args()]);
    expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(message)]);
    expect(await readdir(join(folder, 'refused'))).toEqual([]);
  });

  it('stops when it is interrupted', async () => {
    const out = join(folder, 'interrupted.png');
    const { code } = await run([images, '--out', out], { signal: AbortSignal.abort('SIGINT') });
    expect(code).toBe(130);
    expect(await readdir(folder)).not.toContain('interrupted.png');
  });

  it('has a help that names every preset', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    for (const name of Object.keys(presets)) expect(stdout).toContain(name);
  });
});
