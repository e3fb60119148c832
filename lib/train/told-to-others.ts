/** How a training ends where several processes train together: all at the same step, or with word to the others. */
import { destroyProcessGroup } from '../distributed/group.ts';
import { AbortError, DistributedError, messageOf, NonFiniteLossError } from '../errors.ts';
import type { TrainEvent } from './events.ts';

export interface Heard {
  readonly events: AsyncGenerator<TrainEvent, void, undefined>;
  readonly onEvent: ((event: TrainEvent) => void) | undefined;
}

/** Whether an error of the training itself is one that all processes come to at the same step. */
const stopsAll = (error: unknown): boolean => error instanceof AbortError || error instanceof NonFiniteLossError;

/** Where this process was told to stop, and another one did so first, that. */
const asAbort = (error: unknown, signal: AbortSignal | undefined): unknown =>
  error instanceof DistributedError && signal?.aborted ? new AbortError(undefined, { cause: error }) : error;

/**
 * Passes on the events of a training. Where this process leaves it alone, by an error of its own or of `onEvent`, or by a loop that is
 * left, the others hear why and stop.
 */
export async function* toldToOthers(
  begin: () => Heard,
  signal: AbortSignal | undefined,
): AsyncGenerator<TrainEvent, void, undefined> {
  let reason = 'it left the training';
  let isOwn = true; // an error that comes now is this process's alone
  try {
    const { events, onEvent } = begin();
    isOwn = false;
    for await (const event of events) {
      isOwn = true;
      onEvent?.(event);
      isOwn = false;
      if (event.kind === 'end') reason = ''; // who takes this one may leave the loop with it
      yield event;
    }
  } catch (error) {
    reason = !isOwn && stopsAll(error) ? '' : messageOf(error);
    throw asAbort(error, signal);
  } finally {
    if (reason !== '') await destroyProcessGroup({ reason });
  }
}
