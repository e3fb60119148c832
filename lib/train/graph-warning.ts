/** For who asked for graphs of a device: why the steps of a training have none. */
import type { Compiled } from '../tensor/compile.ts';
import type { ResolvedOptions } from './options.ts';
import { hasUnrecordedPart } from './purity.ts';

/** What a step is made of, as recorded; undefined where it is not. */
type Recorded = Pick<Compiled<never, unknown>, 'recordings'> | undefined;

function whyNone(options: ResolvedOptions, parts: readonly Recorded[]): string | undefined {
  if (parts.includes(undefined)) return 'they are not compiled';
  const recordings = parts.flatMap((part) => part?.recordings() ?? []);
  if (recordings.length > 0) return recordings.find(({ graph }) => graph?.reason)?.graph?.reason;
  return hasUnrecordedPart(options) ? 'they are not recorded, as with forward hooks' : undefined;
}

/** To be called behind each step: the first time that there is a reason, a warning says it. */
export function graphWarning(options: ResolvedOptions, ...parts: readonly Recorded[]): () => void {
  let isDone = !options.graph;
  return () => {
    const reason = isDone ? undefined : whyNone(options, parts);
    if (reason === undefined) return;
    isDone = true;
    process.emitWarning(`the steps of this training are not kept as graphs: ${reason}`, 'GraphWarning');
  };
}
