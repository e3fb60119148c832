/** Rows that the processes of a group have a part of each, one behind the other by rank, as even as can be. */
import { AbortError, DistributedError, messageOf } from '../errors.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { atOwnWork, isDistributed, rank, worldSize } from './group.ts';

/** A rank's part of `count` things in a row. */
export function rangeOfRank(count: number, of = rank()): { readonly begin: number; readonly size: number } {
  const [begin, end] = [of, of + 1].map((each) => Math.floor((count * each) / worldSize())) as [number, number];
  return { begin, size: end - begin };
}

/** At most `count`, and at least one a rank: as many for each rank as for the others. */
export const evenlyShared = (count: number): number => Math.max(1, Math.floor(count / worldSize())) * worldSize();

/** What `of` gives for each rank, in their order. */
export const ofEachRank = <T>(of: (rank: number) => T): T[] =>
  Array.from({ length: worldSize() }, (_, each) => of(each));

/**
 * The rows of all ranks, one behind the other, of those that each has. Every process must call it. No gradient.
 * @param sizes how many rows each rank has, which every process knows; 0 for some.
 */
export function ofAllRanks(own: Tensor, sizes: readonly number[]): Tensor {
  const most = Math.max(...sizes);
  return tidy(() =>
    noGrad(() => {
      const missing = most - (own.shape[0] as number);
      const padded =
        missing === 0
          ? own
          : ops.cat([own, ops.zeros([missing, ...own.shape.slice(1)], { dtype: own.dtype, device: own.device })]);
      const all = ops.allGather(padded);
      return ops.cat(sizes.map((size, of) => all.narrow(0, of * most, size)));
    }),
  );
}

/** How work came out, as the processes tell each other. */
const outcomes = { done: 0, stopped: 1, failed: 2 } as const;
/** Of a message that the others hear. */
const mostBytes = 4096;

/**
 * What `work` returns, once it has done so in all processes; without a group, what it returns. Where `work` itself calls collectives, it
 * must not fail in one process alone before them.
 * @throws what it threw; else a DistributedError that says who failed and why; else an AbortError, where another one was stopped.
 */
export async function failTogether<T>(work: () => Promise<T>): Promise<T> {
  if (!isDistributed()) return work();
  const [result] = await Promise.allSettled([atOwnWork(work)]);
  const reason: unknown = result.status === 'rejected' ? result.reason : undefined;
  const own = result.status === 'fulfilled' ? 'done' : reason instanceof AbortError ? 'stopped' : 'failed';
  const text = Buffer.from(own === 'failed' ? messageOf(reason) : '').subarray(0, mostBytes);
  using gathered = noGrad(() => ops.allGather(tensor([[outcomes[own], text.length]])));
  const numbers = (await gathered.data()) as Float32Array;
  const ranks = ofEachRank((of) => ({ outcome: numbers[2 * of], bytes: numbers[2 * of + 1] as number }));
  const first = ranks.findIndex(({ outcome }) => outcome === outcomes.failed);
  const message = first === -1 ? '' : await textOf(first, text, (ranks[first] as (typeof ranks)[number]).bytes);
  if (result.status === 'rejected') throw reason;
  if (first !== -1) throw new DistributedError(`rank ${first} failed: ${message}`);
  if (ranks.some(({ outcome }) => outcome === outcomes.stopped)) throw new AbortError();
  return result.value;
}

/** The text of a rank, of so many bytes, in all of them. */
async function textOf(source: number, own: Uint8Array, bytes: number): Promise<string> {
  if (bytes === 0) return '';
  using sent = source === rank() ? tensor(Uint8Array.from(own)) : ops.zeros([bytes], { dtype: 'uint8' });
  noGrad(() => ops.broadcast_(sent, { source }));
  return Buffer.from((await sent.data()) as Uint8Array).toString();
}
