/** A command that the processes of a launcher, such as torchrun, run together. */
import { type Checkpoint, weightsDigest } from '../checkpoint/checkpoint-files.ts';
import { openCheckpoint, openRun, type RunFolder } from '../checkpoint/run.ts';
import { expectAsRankZero } from '../distributed/alike.ts';
import { type BackendName, backendFor } from '../distributed/backend.ts';
import { isOneOfSeveral } from '../distributed/environment.ts';
import { barrier, destroyProcessGroup, fromRankZero, initProcessGroup } from '../distributed/group.ts';
import { AbortError, DistributedError, messageOf } from '../errors.ts';
import type { Output } from './output.ts';

/** Of a command's context, what the joining needs. */
export interface TogetherContext {
  readonly options: {
    /** Seconds that one process waits for another. */
    readonly timeout: number;
    readonly backend: BackendName;
    /** On which the command computes. */
    readonly device: string;
  };
  readonly signal: AbortSignal;
}

/**
 * Runs `work` when all processes are there, and ends when all have done it; where it fails, the others hear why. At once, where there is
 * no launcher.
 * @throws {DistributedError} a process does not come, or ended. @throws {AbortError} the signal fired.
 */
export async function together(work: () => Promise<void>, { options, signal }: TogetherContext): Promise<void> {
  if (!isOneOfSeveral()) return work();
  const { timeout, backend, device } = options;
  await Promise.race([initProcessGroup({ timeout, backend: backendFor(device, backend) }), whenStopped(signal)]);
  let reason = '';
  try {
    await work();
    await barrier();
  } catch (error) {
    reason = messageOf(error);
    // Where all were stopped, and another one was first.
    throw error instanceof DistributedError && signal.aborted ? new AbortError(undefined, { cause: error }) : error;
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

/**
 * The run and its checkpoint without what only training needs, as openCheckpoint(): of the newest ones that which rank 0 finds, in every
 * process.
 * @throws {CheckpointError} neither, or damaged. @throws {DistributedError} other weights than rank 0 has.
 */
export async function openTogether(path: string, output: Output): Promise<{ run: RunFolder; checkpoint: Checkpoint }> {
  const options = { optimizer: false, onWarning: (text: string) => output.warn(text) };
  let ofRankZero: Awaited<ReturnType<typeof openTogether>> | undefined;
  const step = await fromRankZero(async () => {
    ofRankZero = await openCheckpoint(path, options);
    return ofRankZero.checkpoint.state.step;
  });
  const { run } = ofRankZero ?? (await openRun(path));
  const checkpoint = ofRankZero?.checkpoint ?? (await run.loadCheckpoint(step, options));
  await expectAsRankZero('opens', { weights: await weightsDigest(checkpoint.folder), encoder: run.config.encoder });
  return { run, checkpoint };
}
