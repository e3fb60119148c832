import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { embedAndServe, exportTrained, train } from '../../examples/custom-encoder.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { command } from '../../lib/cli/train.ts';
import { runWith } from '../cli/run-cli.ts';

const fixture = fileURLToPath(new URL('../fixtures/data/images/rgb.jpg', import.meta.url));

it('an encoder of one file is trained, embedded with, served, exported and trained on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'custom-encoder-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const out = join(folder, 'run');
  expect(await train({ out, images: 256, epochs: 1 })).toBeLessThan(7);
  const { vector, served } = await embedAndServe(out, await readFile(fixture));
  expect(vector).toHaveLength(64);
  expect(served).toEqual({ dim: 64, embedding: Array.from(vector) });
  const exported = await exportTrained(out, join(folder, 'encoder.onnx'));
  expect(exported).toMatchObject({ input: { shape: ['batch', 3, 28, 28] }, output: { shape: ['batch', 64] } });
  expect((await RunFolder.open(out)).config.encoder).toMatchObject({
    name: 'SmallNet',
    file: expect.stringMatching(/small-net\.ts$/),
  });
  expect(await runWith([command], ['train', '--resume', out, '--epochs', '2'])).toMatchObject({ code: 0 });
  expect(await (await RunFolder.open(out)).steps()).toEqual([2, 4]);
});
