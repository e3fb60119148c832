/** One installer at a time; the next one waits. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryLock } from '../lock-file.ts';

/**
 * Runs `work` while holding the lock file; waits for another holder, and takes over from one that died.
 * `onWait` hears of the other's process id once.
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  options: { signal?: AbortSignal; onWait?: (pid: number) => void } = {},
): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  let told = false;
  for (;;) {
    options.signal?.throwIfAborted();
    const lock = await tryLock(file);
    if ('release' in lock) {
      try {
        return await work();
      } finally {
        await lock.release();
      }
    }
    if (lock.owner !== undefined && !told) {
      told = true;
      options.onWait?.(lock.owner.pid);
    }
    await sleep(200, undefined, { ...(options.signal && { signal: options.signal }) });
  }
}
