/** A command that the processes of a launcher, such as torchrun, run together. */
import { isOneOfSeveral } from '../distributed/environment.ts';
import { destroyProcessGroup, initProcessGroup } from '../distributed/group.ts';
import { AbortError, messageOf } from '../errors.ts';

export interface TogetherOptions {
  /** Seconds that one process waits for another. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/**
 * Runs `work` when all processes are there; where it fails, the others hear why. At once, where there is no launcher.
 * @throws {DistributedError} a process does not come, or ended. @throws {AbortError} the signal fired before all were there.
 */
export async function together(work: () => Promise<void>, { timeout, signal }: TogetherOptions): Promise<void> {
  if (!isOneOfSeveral()) return work();
  await Promise.race([initProcessGroup({ timeout }), whenStopped(signal)]);
  let reason = '';
  try {
    await work();
  } catch (error) {
    reason = messageOf(error);
    throw error;
  } finally {
    await destroyProcessGroup({ reason });
  }
}

const whenStopped = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const stop = (): void => reject(new AbortError('Stopped before all processes were there.'));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
