/** Views of one's own in a file: `train --augment FILE`, and the contact sheet of the same words. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { randomResizedCrop } from '../../lib/augment/random-resized-crop.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { command as sheet } from '../../lib/cli/augment.ts';
import { command } from '../../lib/cli/train.ts';
import { json } from '../../lib/train/config-of.ts';
import { runWith } from './run-cli.ts';

const view = augment([randomResizedCrop(12), randomHorizontalFlip(), normalize([0.3, 0.4, 0.5], [0.2, 0.3, 0.4])], {
  channels: 3,
});
const data = ['fashion-mnist:bundled', '--limit-train', '32', '--limit-test', '10', '--epochs', '1', '--width', '4'];

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'own-views-'));
  file = join(folder, 'views.json');
  await writeFile(file, JSON.stringify(view));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (name: string, ...args: string[]) => runWith([command, sheet], [name, ...args]);

it('are trained with, shown, and kept for a run that goes on', async () => {
  const out = join(folder, 'run');
  const words = [...data, '--batch-size', '16', '--augment', file];
  expect(await run('train', ...words, '--out', out)).toMatchObject({ code: 0 });
  const { config } = await RunFolder.open(out);
  expect(config.augment).toEqual([json(view), json(view)]);
  expect(config.input).toEqual({ size: 12, channels: 3, mean: [0.3, 0.4, 0.5], std: [0.2, 0.3, 0.4] });
  expect(config.preset).toBeUndefined();
  const shown = await run('augment', ...words, '--out', join(folder, 'views.png'), '--samples', '1', '--json');
  expect(JSON.parse(shown.stdout).augment).toEqual(config.augment);
  expect(await run('train', '--resume', out, '--epochs', '2')).toMatchObject({ code: 0 });
});

it('may be one a view, beside a config, whose own they replace', async () => {
  const [other, config, out] = ['other.json', 'config.json', 'asymmetric'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const second = augment([randomResizedCrop([12, 12])], { channels: 3 });
  await writeFile(other, JSON.stringify([view, second]));
  await writeFile(config, JSON.stringify({ preset: { name: 'byol' }, batchSize: 8, epochs: 0 }));
  const args = ['train', 'fashion-mnist:bundled', '--limit-train', '32', '--limit-test', '10', '--width', '4'] as const;
  expect(await run(...args, '--config', config, '--augment', other, '--out', out)).toMatchObject({ code: 0 });
  const made = (await RunFolder.open(out)).config;
  expect(made).toMatchObject({ augment: [json(view), json(second)], batchSize: 8 });
  expect(made.preset).toBeUndefined();
});

it.each([
  ['a preset beside them', ['--preset', 'byol'], /--preset does not go with --augment/],
  ['a size beside them', ['--size', '8'], /--size does not go with --augment/],
  ['an option of a preset', ['--strength', '0.5'], /--strength does not go with --augment/],
  ['a run that goes on', ['--resume', 'runs/1'], /--augment does not go with --resume/],
])('refuses %s', async (_, args, message) => {
  const { code, stderr } = await run('train', ...data, '--augment', file, ...args);
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
});

it('refuses views of no fixed size, and a file that is none', async () => {
  const loose = join(folder, 'loose.json');
  await writeFile(loose, JSON.stringify([randomHorizontalFlip()]));
  expect(await run('train', ...data, '--augment', loose)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/loose\.json: views must come to a square of a fixed size/),
  });
  expect(await run('train', ...data, '--augment', 'nowhere.json')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/nowhere\.json: cannot be read as JSON.*\[ERR_DATA\]/),
  });
});
