/** One installer at a time. What it guards is made beside and renamed, so a lock lost in a race costs time, not truth. */
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

interface Owner {
  readonly pid: number;
  readonly host: string;
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Owner;
  } catch {
    return undefined; // gone, or its owner is just writing it
  }
}

/** True when the lock's owner is gone: a process id of this machine that no process has, or a file left half-written. */
async function isStale(file: string, owner: Owner | undefined): Promise<boolean> {
  if (owner === undefined) {
    const made = await stat(file).catch(() => undefined);
    return made !== undefined && Date.now() - made.mtimeMs > 10_000;
  }
  if (owner.host !== hostname()) return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

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
  const mine = JSON.stringify({ pid: process.pid, host: hostname() });
  let told = false;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      await writeFile(file, mine, { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = await readOwner(file);
    if (await isStale(file, owner)) {
      const aside = `${file}.${process.pid}`;
      await rename(file, aside).catch(() => {}); // another waiter was faster
      await rm(aside, { force: true });
      continue;
    }
    if (owner !== undefined && !told) {
      told = true;
      options.onWait?.(owner.pid);
    }
    await sleep(200, undefined, { ...(options.signal && { signal: options.signal }) });
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}
