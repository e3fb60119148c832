/** Rows that the processes of a group have a part of each, one behind the other by rank, as even as can be. */
import { DistributedError } from '../errors.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { atOwnWork, rank, worldSize } from './group.ts';

/** A rank's part of `count` rows. */
export function rangeOfRank(count: number, of = rank()): { readonly begin: number; readonly size: number } {
  const [begin, end] = [of, of + 1].map((each) => Math.floor((count * each) / worldSize())) as [number, number];
  return { begin, size: end - begin };
}

/** All `count` rows, of those that rangeOfRank() gives each process. Every process must call it. No gradient. */
export function ofAllRanks(own: Tensor, count: number): Tensor {
  const sizes = Array.from({ length: worldSize() }, (_, of) => rangeOfRank(count, of).size);
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

/** What `work` returns, once it has done so in all processes. @throws what it threw, or a DistributedError that names who failed. */
export async function failTogether<T>(work: () => Promise<T>): Promise<T> {
  const [outcome] = await Promise.allSettled([atOwnWork(work)]);
  using failed = noGrad(() => ops.allGather(tensor([outcome.status === 'rejected' ? 1 : 0])));
  const first = Array.from((await failed.data()) as Float32Array).indexOf(1);
  if (outcome.status === 'rejected') throw outcome.reason;
  if (first !== -1) throw new DistributedError(`rank ${first} failed in its part of what all processes do`);
  return outcome.value;
}
