import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// For `npm run test:package`; `npm test` takes files named *.test.ts only.
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../../..', import.meta.url)),
    include: ['test/package/installed/*.installed.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
