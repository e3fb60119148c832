/** The one process that may write a run. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CheckpointError, messageOf } from '../errors.ts';
import { removeTemporaries } from '../files/atomic.ts';
import { isHeld, type Lock, tryLock } from '../lock-file.ts';

const kLock = 'run.lock';

/** Whether a process is training into the run. */
export const isRunLocked = (path: string): Promise<boolean> => isHeld(join(resolve(path), kLock));

/**
 * Takes the run's lock, makes its folder if need be, and removes what an interrupted write left in it.
 * @throws {CheckpointError} another process has it, who is named; or the folder cannot be written.
 */
export async function lockRun(path: string): Promise<Lock> {
  const folder = resolve(path);
  try {
    await mkdir(folder, { recursive: true });
    const lock = await tryLock(join(folder, kLock));
    if ('release' in lock) {
      await removeTemporaries(folder);
      return lock;
    }
    const { owner } = lock;
    const who = owner === undefined ? 'another process' : `process ${owner.pid} of ${owner.host}`;
    throw new CheckpointError(`${folder}: ${who} is training into it; if that has ended, delete ${kLock} there`);
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError(`${folder}: cannot be written: ${messageOf(error)}`, { cause: error });
  }
}
