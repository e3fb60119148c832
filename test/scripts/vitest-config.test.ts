/** How the tests are run, as vitest.config.ts has it from the arguments and the environment. */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import type { TestSequencerConstructor, TestSpecification, Vitest } from 'vitest/node';

beforeEach(() => vi.resetModules());

async function configFor(...asked: string[]) {
  const before = process.argv;
  onTestFinished(() => {
    process.argv = before;
  });
  process.argv = ['node', 'vitest', 'run', ...asked];
  const { default: config } = (await import('../../vitest.config.ts')) as {
    default: { test: { env: object; maxWorkers: number; sequence?: { sequencer: TestSequencerConstructor } } };
  };
  return config.test;
}

it('OMP_NUM_THREADS is 1 unless it is set', async () => {
  vi.stubEnv('OMP_NUM_THREADS', undefined);
  expect((await configFor()).env).toMatchObject({ OMP_NUM_THREADS: '1' });
  vi.resetModules();
  vi.stubEnv('OMP_NUM_THREADS', '3');
  expect((await configFor()).env).not.toHaveProperty('OMP_NUM_THREADS');
  vi.unstubAllEnvs();
});

it('files are taken one at a time, in the order of vitest, unless all are of a device', async () => {
  for (const asked of [[], ['test/cuda.test.ts', 'test/nn']]) {
    vi.resetModules();
    const { maxWorkers, sequence } = await configFor(...asked);
    expect([maxWorkers, sequence]).toEqual([1, undefined]);
  }
  vi.resetModules();
  const all = readdirSync('test', { recursive: true, encoding: 'utf8' });
  const files = all
    .filter((name) => /cuda.*\.test\.ts$/.test(name))
    .map((name) => `test/${name}`)
    .sort();
  const { maxWorkers, sequence } = await configFor(...files);
  expect(maxWorkers).toBe(Math.min(4, Math.max(1, availableParallelism() >> 2)));
  const Sequencer = sequence?.sequencer as TestSequencerConstructor;
  const sorted = await new Sequencer({} as Vitest).sort(files.map((moduleId) => ({ moduleId }) as TestSpecification));
  const names = sorted.map(({ moduleId }) => moduleId);
  expect([...names].sort()).toEqual(files);
  expect(names[0]).toBe('test/cuda.test.ts');
  for (const name of ['train/device', 'tensor/graph', 'train/graph', 'distributed/nccl'].map(
    (each) => `test/${each}-cuda.test.ts`,
  ))
    expect(names.indexOf(name)).toBeGreaterThan(names.indexOf('test/losses/device-cuda.test.ts'));
});
