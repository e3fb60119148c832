/** Which of a machine's devices is a process's own, where several processes train together. */
import { devices } from '../tensor/runtime.ts';

/**
 * With 'cuda' or 'auto', the CUDA device of the number that the launcher gave this process among those of its machine (LOCAL_RANK), where
 * there is one; else `device`.
 */
export function localDevice(
  device: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
  present: readonly string[] = devices(),
): string {
  const own = `cuda:${environment.LOCAL_RANK}`;
  return (device === 'cuda' || device === 'auto') && present.includes(own) ? own : device;
}
