/** How the processes of a group share a training. */
import { OptionError } from '../errors.ts';
import { wholeStatistics, withSharedWork } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { randomOrder, withKeysOfShare } from '../tensor/random.ts';
import { madeAtEachCall } from '../tensor/recording.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { rank, worldSize } from './group.ts';

/** Each rank takes the same number of rows of every batch, one behind the other by rank. */
export class Ranks {
  readonly rank = rank();
  readonly worldSize = worldSize();
  /** Whether losses are of the rows of all ranks. */
  readonly gather: boolean;
  readonly #syncBatchNorm: boolean;

  /** @param options.syncBatchNorm batch normalisation takes its statistics over the rows of all ranks. */
  constructor({ gather, syncBatchNorm }: { readonly gather: boolean; readonly syncBatchNorm: boolean }) {
    this.gather = gather;
    this.#syncBatchNorm = syncBatchNorm;
  }

  /** Whether what a forward pass moves, as running statistics, may be another in each rank. */
  get canDiffer(): boolean {
    return !this.#syncBatchNorm;
  }

  /** This rank's part of what a batch is made of. @throws {OptionError} it cannot be shared evenly. */
  partOf(indices: Uint32Array): Uint32Array {
    const rows = this.share('a batch', indices.length);
    return indices.subarray(this.rank * rows, (this.rank + 1) * rows);
  }

  /** Of `count`, what is each rank's. @throws {OptionError} naming what has that count. */
  share(name: string, count: number): number {
    const rows = count / this.worldSize;
    if (Number.isInteger(rows) && rows > 0) return rows;
    throw new OptionError(
      `${name} must be a multiple of the ${this.worldSize} processes, which share every batch evenly; got ${count}`,
    );
  }

  /** Runs a pass over this rank's rows, of which modules may see those of all ranks. It drops other elements in each rank. */
  inStep<T>(pass: () => T): T {
    return withKeysOfShare(this.rank, () => (this.#syncBatchNorm ? wholeStatistics(pass) : pass()));
  }

  /** Runs what every rank computes alike, of the rows of all: contrastive losses then share the work. */
  inCommon<T>(work: () => T): T {
    return this.gather ? withSharedWork(work) : work();
  }

  /**
   * What a loss is of: the rows of all ranks, (worldSize · n, …) of (n, …), which every rank computes whole, so that the gradient in its
   * own rows is the exact one; without `gather`, the rank's own rows.
   */
  whole(rows: Tensor): Tensor {
    return this.gather ? ops.wholeBatch(rows) : rows;
  }

  /**
   * What `pass` makes of this rank's images, (n, channels, height, width), where the images of all ranks are dealt out anew for it: each
   * rank's pass is given n of them, and returns those of all, (worldSize · n, …), which come back in their old order. No gradient.
   */
  shuffled(images: Tensor, pass: (dealt: Tensor) => Tensor): Tensor {
    const n = images.shape[0] as number;
    const order = randomOrder(n * this.worldSize).to(images.device);
    // An input of a recording, which is then the same in every rank.
    const own = madeAtEachCall(() =>
      tensor(
        Int32Array.from({ length: n }, (_, i) => this.rank * n + i),
        { dtype: 'int64' },
      ),
    );
    const dealt = ops.allGather(images).indexSelect(0, order.indexSelect(0, own.to(images.device)));
    const made = pass(dealt.contiguous({ memoryFormat: 'channels_last' }));
    return made.indexSelect(0, order.sort()[1]);
  }
}
