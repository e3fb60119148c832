import { defineConfig } from 'vitest/config';

// One fork at a time: each process owns an OpenMP team, and two of them would fight over the cores.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
