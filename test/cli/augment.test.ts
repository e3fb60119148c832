import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AugmentData, augment, type DrawnTransform } from '../../lib/augment/augment.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { presets } from '../../lib/augment/presets.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import type { Transform } from '../../lib/augment/transform.ts';
import { command } from '../../lib/cli/augment.ts';
import { usualOptimizer, usualSchedule } from '../../lib/cli/optimizers.ts';
import { trainingSpec } from '../../lib/cli/training-spec.ts';
import { simclr } from '../../lib/methods/simclr.ts';
import { runWith } from './run-cli.ts';

const fixtures = fileURLToPath(new URL('../fixtures/data/images/', import.meta.url));

let folder: string;
let images: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'augment-'));
  images = join(folder, 'images');
  await mkdir(join(images, 'sub'), { recursive: true });
  for (const [from, to] of [
    ['rgb.jpg', 'img10.jpg'],
    ['rgb.png', 'img2.png'],
    ['truncated.jpg', 'img3.jpg'],
    ['gray.png', 'sub/gray & <co>.png'],
  ] as const)
    await cp(join(fixtures, from), join(images, to));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (args: readonly string[], options = {}) => runWith([command], ['augment', ...args], options);

interface Report {
  readonly out: string;
  readonly width: number;
  readonly height: number;
  readonly augment: AugmentData[];
  readonly samples: { name: string; height: number; width: number; id: number; views: DrawnTransform[][] }[];
  readonly skipped: { name: string; reason: string }[];
}

const lastRecord = (text: string): Report => JSON.parse(text.trim().split('\n').at(-1) as string) as Report;

describe('contrastive augment', () => {
  it('writes a sheet of the images of a folder; bad ones are left out with a warning', async () => {
    const out = join(folder, 'sheet.png');
    const { code, stdout, stderr } = await run(['--input', images, '--out', out, '--size', '16', '--views', '3']);
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^warning: .*img3\.jpg: cannot be decoded.*; skipped\n$/),
    ]);
    const { width, height, format } = await sharp(out).metadata();
    expect(format).toBe('png');
    expect(stdout).toBe(`3 images, 3 views each, ${width} × ${height} pixels; 1 skipped\n${out}\n`);
    expect(await readdir(folder)).toEqual(['images', 'sheet.png']);
  });

  it('draws what a training with the same preset draws', async () => {
    const out = join(folder, 'as-trained.png');
    const flags = ['--preset', 'byol', '--size', '24', '--crop-min', '0.4', '--strength', '0.5'];
    const { stdout } = await run(['--input', join(images, 'img2.png'), '--out', out, '--json', ...flags]);
    const profile = { size: 24, mean: 0.5, std: 0.25 };
    const parts = { encoder: { name: 'resnet18' }, optimizer: usualOptimizer(), schedule: usualSchedule };
    const choices = { ...parts, epochs: 1, seed: 0 };
    const preset = { name: 'byol', cropMin: 0.4, strength: 0.5 };
    const trained = trainingSpec({ ...choices, precision: 'float32', method: simclr(), preset }, profile).augment;
    const drawn = (views: readonly { transforms?: unknown }[]) =>
      views.map(({ transforms }) => (transforms as Transform[]).filter(({ kind }) => kind !== 'normalize'));
    expect(drawn(lastRecord(stdout).augment)).toEqual(drawn(trained));
  });

  it('tells machines what was drawn, enough to draw it again', async () => {
    const out = join(folder, 'told.png');
    const args = ['--input', images, '--out', out, '--preset', 'supcon', '--size', '16', '--seed', '5', '--json'];
    const { code, stdout } = await run(args);
    expect(code).toBe(0);
    const report = lastRecord(stdout);
    expect(report).toMatchObject({ out, seed: 5, skipped: [{ name: 'img3.jpg' }] });
    expect(report.samples.map(({ name }) => name)).toEqual(['img2.png', 'img10.jpg', 'sub/gray & <co>.png']);
    expect(report.augment).toEqual(new Array(8).fill(JSON.parse(JSON.stringify(presets.supcon({ size: 16 })))));
    const pipeline = augment(report.augment[0] as AugmentData);
    for (const { height, width, id, views } of report.samples) {
      expect(views.length).toBe(8);
      for (const [view, drawn] of views.entries())
        expect(pipeline.draw({ height, width, channels: 3 }, { seed: 5, id, view })).toEqual(drawn);
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
    expect((await run(['--input', input, '--augment', file, '--views', '1', '--out', out])).code).toBe(0);
    const { data, info } = await sharp(out).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(3);
    // Both are enlarged by the same whole number, so that the picture's rows repeat.
    const zoom = 9;
    const at = (x: number, y: number) => [...data.subarray(3 * (y * info.width + x), 3 * (y * info.width + x) + 3)];
    const [top, left] = [84, 28];
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

  it('has a column for each view of presets that have views of their own, of different sizes too', async () => {
    for (const [preset, views] of [
      ['byol', 2],
      ['swav', 8],
      ['dino', 10],
    ] as const) {
      const out = join(folder, `${preset}.png`);
      const input = join(fixtures, 'rgb.jpg');
      const { code, stdout } = await run([
        '--input',
        input,
        '--preset',
        preset,
        '--size',
        '32',
        '--out',
        out,
        '--json',
      ]);
      expect(code).toBe(0);
      expect(lastRecord(stdout).samples.map((sample) => sample.views.length)).toEqual([views]);
    }
  });

  it('takes every preset, a list of transforms, views as a list, and the config of a run', async () => {
    const out = join(folder, 'all.png');
    const input = join(fixtures, 'rgb.png');
    for (const preset of Object.keys(presets)) {
      const { code, stderr } = await run(['--input', input, '--preset', preset, '--size', '8', '--out', out]);
      expect([code, stderr], preset).toEqual([0, '']);
    }
    const file = join(folder, 'pipeline.json');
    const view = augment([randomHorizontalFlip()]);
    for (const [content, views] of [
      [view.transforms, 8],
      [[view, view, view], 3],
      [{ encoder: {}, augment: [view, view] }, 2],
    ] as const) {
      await writeFile(file, JSON.stringify(content));
      const { code, stdout } = await run(['--input', input, '--augment', file, '--out', out, '--json']);
      expect([code, lastRecord(stdout).samples[0]?.views.length]).toEqual([0, views]);
    }
  });

  it.each<[string, () => string[], number, RegExp]>([
    ['an image that is not there', () => ['--input', 'nowhere.jpg'], 1, /nowhere\.jpg: there is no such.*\[ERR_DATA\]/],
    ['an empty folder', () => ['--input', join(folder, 'empty')], 1, /the data set is empty.*\[ERR_DATA\]/],
    ['an image that is damaged', () => ['--input', join(images, 'img3.jpg')], 1, /cannot be decoded.*\[ERR_DATA\]/],
    ['a folder of damaged ones', () => ['--input', join(folder, 'bad')], 1, /none of 1 images could be.*\[ERR_DATA\]/],
    ['an unknown preset', () => ['--preset', 'simclr2'], 2, /--preset must be one of .*did you mean 'simclr/],
    ['a size of 0', () => ['--size', '0'], 2, /--size must be an integer >= 1.*got 0 .*\[ERR_OPTION\]/],
    ['no views', () => ['--views', '0'], 2, /--views must be an integer >= 1/],
    [
      'views that a preset does not have',
      () => ['--preset', 'byol', '--views', '3'],
      2,
      /--views must be 2, or left out/,
    ],
    [
      'a folder that is not there',
      () => ['--out', join(folder, 'no', 'x.png')],
      1,
      /there is no folder '.*no' to write/,
    ],
    ['a folder in place of a file', () => ['--out', join(folder, 'taken.png')], 1, /taken\.png: is a folder/],
    ['another format', () => ['--out', join(folder, 'x.jpg')], 2, /--out must be a name in \.png, got/],
    ['a preset beside a pipeline', () => ['--preset', 'byol', '--augment', 'x.json'], 2, /exclude each other/],
    ['a size beside a pipeline', () => ['--size', '8', '--augment', 'x.json'], 2, /--size is of presets/],
    ['a pipeline that is not there', () => ['--augment', 'x.json'], 1, /x\.json: cannot be read as JSON.*\[ERR_DATA\]/],
    ['no JSON', () => ['--augment', join(fixtures, 'rgb.png')], 1, /rgb\.png: cannot be read as JSON/],
    ['an unknown transform', () => ['--augment', join(folder, 'bad.json')], 2, /bad\.json: kind must be one of.*flip/i],
    ['a number', () => ['--augment', join(folder, 'number.json')], 2, /number\.json: .*\[ERR_OPTION\]/],
    [
      'an image too small for the crop',
      () => ['--preset', 'cifar', '--size', '512'],
      1,
      /img2\.png: randomCrop of 512.*\[ERR_SHAPE\]/,
    ],
  ])('refuses %s, and writes nothing', async (_, args, code, message) => {
    for (const name of ['empty', 'bad', 'taken.png', 'refused']) await mkdir(join(folder, name), { recursive: true });
    await cp(join(images, 'img3.jpg'), join(folder, 'bad', 'a.jpg'));
    await writeFile(join(folder, 'bad.json'), '[{"kind": "randomHorizontalFlop"}]');
    await writeFile(join(folder, 'number.json'), '3');
    const out = join(folder, 'refused', 'x.png');
    const result = await run(['--input', images, '--out', out, ...args()]);
    expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(message)]);
    expect(await readdir(join(folder, 'refused'))).toEqual([]);
  });

  it('stops when it is interrupted', async () => {
    const out = join(folder, 'interrupted.png');
    const { code } = await run(['--input', images, '--out', out], { signal: AbortSignal.abort('SIGINT') });
    expect(code).toBe(130);
    expect(await readdir(folder)).not.toContain('interrupted.png');
  });

  it('has a help that names every preset', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    for (const name of Object.keys(presets)) expect(stdout).toContain(name);
    expect(stdout).toContain('Presets byol, swav, dino have views of their own');
  });
});
