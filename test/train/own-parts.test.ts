/** A loss and an encoder of a user's own, a file each, as far as trainer and commands take them. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import SmallNet from '../../examples/small-net.ts';
import { presets } from '../../lib/augment/presets.ts';
import { RunFolder } from '../../lib/checkpoint/run.ts';
import { command as embedCommand } from '../../lib/cli/embed.ts';
import { command as evalCommand } from '../../lib/cli/eval.ts';
import { command as trainCommand } from '../../lib/cli/train.ts';
import { loadDataset } from '../../lib/data/load.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { runWith } from '../cli/run-cli.ts';
import alignment from './alignment-loss.ts';

const image = fileURLToPath(new URL('../fixtures/data/images/rgb.jpg', import.meta.url));

it('they train, resume by the trainer, and are judged and embedded by command', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'own-parts-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const out = join(folder, 'run');
  const data = { name: 'fashion-mnist', path: 'bundled', limit: 128 };
  const train = await loadDataset('fashion-mnist', { split: 'train', limit: 128, subset: 'bundled' });
  const augment = presets.simclr({ size: 28, mean: 0.286, std: 0.353, channels: 3 });
  const trainOn = (epochs: number, resume: boolean) =>
    new Trainer({ encoder: new SmallNet(), loss: alignment, augment, batchSize: 32, epochs }).fit(train, {
      ...{ out, resume, data },
    });
  const first = await trainOn(1, false);
  expect(first.step).toBe(4);
  const second = await trainOn(4, true);
  expect(second.step).toBe(16);
  expect(second.loss).toBeLessThan(first.loss);
  expect((await RunFolder.open(out)).config).toMatchObject({
    encoder: { name: 'SmallNet' },
    method: { name: 'custom' },
  });

  const run = (...args: string[]) => runWith([trainCommand, evalCommand, embedCommand], args);
  const judged = await run('eval', '--run', out, '--limit-test', '40', '--protocol', 'knn', '--json');
  expect(JSON.parse(judged.stdout)).toMatchObject({ trainImages: 128, knnTop1: expect.any(Number) });
  const file = join(folder, 'one');
  expect(await run('embed', '--run', out, '--input', image, '--out', file)).toMatchObject({ code: 0 });
  expect(JSON.parse(await readFile(`${file}.json`, 'utf8'))).toMatchObject({ rows: 1, dim: 64 });

  // A command has no code of a loss that is a function; that of an encoder it asks for.
  const net = join(folder, 'net.ts');
  const source = await readFile(new URL('../../examples/small-net.ts', import.meta.url), 'utf8');
  const library = fileURLToPath(new URL('../../lib/index.ts', import.meta.url));
  await writeFile(net, source.replace("'contrastive'", JSON.stringify(library)));
  const resume = (...args: string[]) => run('train', '--resume', out, '--epochs', '5', ...args);
  const withNet = await resume('--encoder', net);
  expect(withNet).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/'custom' of this training is none .*Trainer/),
  });
  const withLoss = await resume('--loss', 'supcon');
  expect(withLoss).toMatchObject({ code: 2, stderr: expect.stringMatching(/'SmallNet' is none of .*--encoder FILE/) });
});
