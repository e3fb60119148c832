import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const asked = process.argv.filter((argument) => argument.startsWith('test/'));
/** A run of tests on a device alone, which may be cut short: a GPU is seldom there for long. */
const isOfDevice = asked.length > 0 && asked.every((file) => file.includes('cuda'));

/** Of these, what others rest on comes first. */
const order = [
  ...['cuda', 'native/ops', 'tensor/ops', 'optim/device-cuda', 'losses', 'train/device', 'serve', 'checkpoint'],
  ...['augment', 'train/loss-scale', 'optim/device-cost', 'tensor/graph', 'train/graph', 'distributed/nccl', ''],
];
class DeviceSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => order.findIndex((part) => moduleId.includes(`test/${part}`));
    return [...files].sort((a, b) => place(a) - place(b));
  }
}

/** Where it is not set. A GPU's libraries give float32 exactly, and the same bits each time. */
const environment = { OMP_NUM_THREADS: '1', NVIDIA_TF32_OVERRIDE: '0', CUBLAS_WORKSPACE_CONFIG: ':4096:8' };

// One fork at a time, with an OpenMP team of one: tests that start processes of their own stay within two cores. Tests on a device
// leave four cores to each.
export default defineConfig({
  // As tsconfig.json's paths: examples import the package by its name, and run from its sources here.
  resolve: { alias: [{ find: /^contrastive$/, replacement: fileURLToPath(new URL('lib/index.ts', import.meta.url)) }] },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: isOfDevice ? Math.min(4, Math.max(1, availableParallelism() >> 2)) : 1,
    ...(isOfDevice && {
      sequence: { sequencer: DeviceSequencer },
      reporters: ['default', './scripts/failure-reporter.mjs'],
    }),
    env: Object.fromEntries(Object.entries(environment).filter(([name]) => process.env[name] === undefined)),
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
