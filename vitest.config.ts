import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// One fork at a time, with an OpenMP team of one: tests that start processes of their own stay within two cores.
export default defineConfig({
  // As tsconfig.json's paths: examples import the package by its name, and run from its sources here.
  resolve: { alias: [{ find: /^contrastive$/, replacement: fileURLToPath(new URL('lib/index.ts', import.meta.url)) }] },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    env: { OMP_NUM_THREADS: '1' },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
