/** How worker threads end while they compute on a device; test/native/lifecycle.test.ts has them on the CPU. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { describeOnDevice } from '../device/describe-on-device.ts';
import { device } from '../device/device.ts';

const script = fileURLToPath(new URL('lifecycle/workers.ts', import.meta.url));

describeOnDevice(() => {
  it.each<[string, number, Record<string, number>]>([
    ['together', 2, { 'code 0': 2 }],
    ['terminate', 3, { 'code 1': 3 }],
    ['throw', 2, { 'code 1': 2, 'error on purpose': 2 }],
    ['exit', 2, { 'code 5': 2 }],
  ])(
    '%s: workers end as they are told, and the process computes on',
    { timeout: 120_000 },
    async (end, count, tally) => {
      const { stdout, stderr } = await promisify(execFile)(
        process.execPath,
        ['--import', 'tsx', script, end, String(count), device],
        { env: { ...process.env, OMP_NUM_THREADS: '1' }, timeout: 100_000 },
      );
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual({ ...tally, computed: count, 'main thread computes': 1 });
    },
  );
});
