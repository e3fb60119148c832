/** Garbage collection, so that handles which earlier tests left do not go while a later one counts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memory } from '../lib/tensor/runtime.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Collects until finalizers, which run in later turns of the event loop, have run. */
export async function collect(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    gc();
    await sleep(5);
  }
}

/** What is held, without what the recycler keeps for later work: that goes by its own time. */
export function alive(): { tensors: number; bytes: number } {
  const { tensors, bytes } = memory();
  return { tensors, bytes };
}
