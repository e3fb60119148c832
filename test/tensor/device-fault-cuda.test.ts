/** A fault of a device is found late: where it is waited for, unless every operation is. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { describeOnSimulatedDevice } from '../device/describe-on-device.ts';

function faults(environment: Readonly<Record<string, string>>): { message: string; stack: string }[] {
  const script = fileURLToPath(new URL('device-fault.ts', import.meta.url));
  const env = { ...process.env, ...environment };
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script], { env, encoding: 'utf8' });
  expect(stdout, stderr).toMatch(/^\[/);
  return JSON.parse(stdout);
}

describeOnSimulatedDevice(() => {
  it('is reported by the read that waits, and says how to find it', () => {
    const said = faults({});
    expect(said).toHaveLength(2);
    for (const { message, stack } of said) {
      expect(message).toMatch(/a simulated fault.*CUDA_LAUNCH_BLOCKING=1/s);
      expect(stack).not.toMatch(/failing/);
    }
  });

  it('is reported of the operation that failed, with CUDA_LAUNCH_BLOCKING=1', () => {
    const said = faults({ CUDA_LAUNCH_BLOCKING: '1' });
    expect(said).toHaveLength(2);
    for (const { message, stack } of said) {
      expect(message).not.toMatch(/CUDA_LAUNCH_BLOCKING/);
      expect(stack).toMatch(/failing .*device-fault\.ts/);
    }
  });
});
