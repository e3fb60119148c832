import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { configOf, defaults, train } from '../../examples/train.ts';

it.each(['supcon', 'simclr'] as const)('the training script runs both stages: %s', async (method) => {
  const folder = await mkdtemp(join(tmpdir(), 'train-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const lines: string[] = [];
  const out = join(folder, 'run');
  const config = { ...defaults, method, epochs: 1, batchSize: 32, width: 4, images: [128, 64], out } as const;
  const { knn, linear } = await train(config, (line) => lines.push(line));
  for (const accuracy of [knn, linear]) {
    expect(accuracy).toBeGreaterThan(0.1);
    expect(accuracy).toBeLessThanOrEqual(1);
  }
  expect(lines[0]).toMatch(/^epoch 1\/1: loss \d+\.\d{4}$/);
  expect(lines.at(-1)).toMatch(/^kNN \d+\.\d %, linear probe \d+\.\d %$/);
  expect(await readdir(join(out, 'checkpoints'))).toContain('4');
  expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8')).method).toMatchObject({
    name: method,
    temperature: 0.1,
  });
});

it('the training script takes its command line at its word, and says what is wrong with it', () => {
  expect(configOf(['--epochs', '20', '--method', 'simclr'])).toEqual({ ...defaults, epochs: 20, method: 'simclr' });
  for (const [args, message] of [
    [['--epochs', 'ten'], "--epochs must be a whole number above 0, got 'ten'"],
    [['--images', '0'], "--images must be a whole number above 0, got '0'"],
    [['--method', 'supcom'], "--method must be supcon or simclr, got 'supcom'"],
    [['--epoch', '1'], "Unknown option '--epoch'"],
    [['fast'], "Unexpected argument 'fast'"],
  ] as const)
    expect(() => configOf([...args])).toThrow(message);
});
