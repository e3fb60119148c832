import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadSplits } from '../../lib/cli/data-option.ts';
import { neededSide } from '../../lib/cli/fine-tune-run.ts';
import { Output } from '../../lib/cli/output.ts';
import { sideOf } from '../../lib/cli/training.ts';
import { type TrainingChoices, trainingSpec } from '../../lib/cli/training-spec.ts';
import { simclr } from '../../lib/methods/simclr.ts';
import { supcon } from '../../lib/methods/supcon.ts';

const images = fileURLToPath(new URL('../fixtures/data/images/', import.meta.url));
let root: string;
let said: string;
let output: Output;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'data-option-'));
  said = '';
  const stream = { write: (text: string) => (said += text) };
  output = new Output(false, { stdout: stream, stderr: stream });
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('loadSplits', () => {
  it('decodes the images of a folder to the side that is needed', async () => {
    await sharp({ create: { width: 400, height: 300, channels: 3, background: '#456' } })
      .jpeg()
      .toFile(join(root, 'a.jpg'));
    const { train } = await loadSplits({ name: 'folder', path: root }, { side: 60, output });
    expect(await train.get(0)).toMatchObject({ width: 80, height: 60 });
  });

  it('leaves damaged files out when asked, and names each', async () => {
    for (const part of ['train/x', 'test/x']) {
      await mkdir(join(root, part), { recursive: true });
      await cp(join(images, 'rgb.png'), join(root, part, 'good.png'));
      await cp(join(images, 'truncated.jpg'), join(root, part, 'bad.jpg'));
    }
    const { train, test } = await loadSplits({ name: 'folder', path: root }, { skipDamaged: true, output });
    expect([train.length, test?.length, train.leftOut]).toEqual([1, 1, ['1 damaged file (x/bad.jpg)']]);
    expect(said.match(/^warning: .*bad\.jpg: cannot be decoded: .*; skipped$/gm)).toHaveLength(2);
  });

  it('shows how far it is', async () => {
    await mkdir(join(root, 'train'), { recursive: true });
    await cp(join(images, 'rgb.png'), join(root, 'train', 'good.png'));
    await loadSplits({ name: 'folder', path: root }, { skipDamaged: true, output });
    expect(said).toContain('looking for damaged images: 1 of 1 image\n');
  });

  it('knows files to be damaged of folders only', async () => {
    await expect(
      loadSplits({ name: 'fashion-mnist', path: 'bundled' }, { skipDamaged: true, output }),
    ).rejects.toMatchObject({ code: 'ERR_OPTION', message: expect.stringContaining('--skip-damaged') });
  });
});

it('the side that images need is that of which the smallest crop is not enlarged', () => {
  expect([neededSide(64, 0.25), neededSide(224, 1)]).toEqual([128, 224]);
  const profile = { size: 224, mean: 0.5, std: 0.5 };
  const side = (choices: Partial<TrainingChoices>): number => {
    const all = {
      encoder: { name: 'resnet18' },
      headDim: 8,
      optimizer: { name: 'sgd', lr: 1 },
      schedule: { name: 'cosine' },
      seed: 0,
    } as const;
    return sideOf(trainingSpec({ ...all, epochs: 1, precision: 'float32', method: simclr(), ...choices }, profile));
  };
  expect([side({}), side({ preset: { name: 'supcon', cropMin: 0.25 }, size: 32 })]).toEqual([792, 64]);
  expect(side({ method: supcon() })).toBe(501);
});
