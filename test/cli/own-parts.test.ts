/** A loss and an encoder of one file each: used by a Trainer and, with their options as flags, by the command. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presets } from '../../lib/augment/presets.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { importFile } from '../../lib/cli/encoder-option.ts';
import { parseOptions } from '../../lib/cli/options.ts';
import { command } from '../../lib/cli/train.ts';
import { resumeCommand, type TrainOptions, trainOptions } from '../../lib/cli/train-options.ts';
import { loadDataset } from '../../lib/data/load.ts';
import { makeEncoder } from '../../lib/encoders/all.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { runWith } from './run-cli.ts';
import type * as parts from './toy/parts.ts';

const file = fileURLToPath(new URL('toy/parts.ts', import.meta.url));
const data = ['--data', 'fashion-mnist:bundled', '--limit-train', '32', '--limit-test', '10', '--epochs', '1'];
const train = (...args: string[]) => runWith([command], ['train', '--import', file, ...args]);

let folder: string;
let toyMargin: typeof parts.toyMargin;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'own-parts-'));
  ({ toyMargin } = (await importFile(file)) as unknown as typeof parts);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a loss and an encoder of your own', () => {
  it('are used by a trainer', async () => {
    using encoder = makeEncoder({ name: 'toy-net', depth: 1 });
    const loss = toyMargin({ margin: { from: 0.9, to: 1, schedule: 'linear' } });
    expect([toyMargin.name, loss.name]).toEqual(['toy-margin', 'toy-margin']);
    const augment = presets.supcon({ size: 16, channels: 3 });
    const trainer = new Trainer({ encoder, loss, augment, batchSize: 16, epochs: 2 });
    const { loss: last } = await trainer.fit(await loadDataset('fashion-mnist', { subset: 'bundled', limit: 32 }));
    expect(Number.isFinite(last)).toBe(true);
    expect(() => toyMargin({ margin: 2 })).toThrow(/loss\.margin must be a finite number <= 1, got 2/);
    // @ts-expect-error there is no such option
    expect(() => toyMargin({ magrin: 1 })).toThrow(/loss: unknown option 'magrin'; did you mean 'margin'/);
  });

  it('are used by the command, with flags', async () => {
    const out = join(folder, 'run');
    const chosen = ['--loss', 'toy-margin', '--margin', '0.9', '--margin-end', '1', '--squared'];
    const network = ['--encoder', 'toy-net', '--depth', '3', '--batch-size', '16'];
    expect(await train(...data, ...chosen, ...network, '--out', out)).toMatchObject({ code: 0 });
    const { config } = await RunFolder.open(out);
    expect(config).toMatchObject({
      method: {
        name: 'custom',
        loss: { name: 'toy-margin', margin: { from: 0.9, to: 1, schedule: 'cosine' }, squared: true },
      },
      encoder: { name: 'toy-net', depth: 3 },
      preset: { name: 'supcon' },
    });
    expect(await train('--resume', out, '--epochs', '2')).toMatchObject({ code: 0 });
  });

  it('are part of the command that goes on with a run, as what is of the machine', () => {
    const typed = [
      '--import',
      'toy/my parts.ts',
      '--cudnn-deterministic',
      '--matmul-precision',
      'high',
      '--knn-every',
      '0',
    ];
    const { options } = parseOptions(typed, trainOptions, { where: 'train' });
    expect(resumeCommand('/runs/1', options as TrainOptions)).toBe(
      "npx contrastive train --resume /runs/1 --import 'toy/my parts.ts' --matmul-precision high --cudnn-deterministic --knn-every 0",
    );
  });

  it('have a line each in the help, and are refused beside others', async () => {
    const { stdout } = await train('--help');
    expect(stdout).toMatch(/--margin COSINE +of moco, custom: cosine that is near enough; default 0\.5/);
    expect(stdout).toMatch(/--depth N +of toy-net: convolutions, each halves the image; default 2/);
    expect(await train(...data, '--method', 'simclr', '--margin', '0.9')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--margin belongs to --method moco or custom, got --method simclr'),
    });
    expect(await train(...data, '--depth', '1')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--depth belongs to --encoder toy-net, got --encoder resnet18'),
    });
  });
});
