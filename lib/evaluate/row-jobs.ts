/** Evaluations of many rows, each by itself, in jobs that processes may share. */
import { isDistributed, rank } from '../distributed/group.ts';
import { failTogether, ofAllRanks, ofEachRank, rangeOfRank } from '../distributed/rows.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { tensor } from '../tensor/tensor.ts';
import { inTurn, type Part, partsOf, progressOptions } from './in-turn.ts';

export const rowOptions = {
  ...progressOptions,
  /**
   * Where there is a process group: each process takes its part of the rows, and all get what becomes of all of them. Every process must
   * call it, with the same arguments; each hears the progress of its own part. Default false.
   */
  distributed: { type: 'boolean', default: false },
} as const satisfies OptionTable;

type Values = Int32Array | Float32Array;

/** By name, so many numbers a row. */
export type Columns = Readonly<Record<string, Values>>;

export interface RowJobs<T extends Columns> {
  /** How many there are, and how many a job takes. */
  readonly rows: number;
  readonly rowsAJob: number;
  /** Room for what becomes of so many rows. */
  readonly room: (rows: number) => T;
  readonly compute: (rows: Part) => Promise<T>;
}

const sizeOf = (jobs: readonly Part[]): number => jobs.reduce((sum, { size }) => sum + size, 0);

/** One block behind the other, in `all`. */
function joined<T extends Columns>(blocks: readonly T[], all: T): T {
  for (const [name, values] of Object.entries<Values>(all)) {
    let filled = 0;
    for (const block of blocks) {
      const part = block[name] as Values;
      values.set(part, filled);
      filled += part.length;
    }
  }
  return all;
}

/**
 * What becomes of all rows. Where processes share them, they share the jobs of one process: so it is the same to the bit, and rows that are
 * one job, which is soon over, are one process's.
 * @throws {AbortError} the signal fired. What compute() throws, and what failTogether() does.
 */
export async function computeRows<T extends Columns>(
  { rows, rowsAJob, room, compute }: RowJobs<T>,
  { distributed, signal, onProgress }: OptionsOf<typeof rowOptions>,
): Promise<T> {
  const computeAll = async (jobs: readonly Part[]): Promise<T> => {
    const count = sizeOf(jobs);
    const blocks: T[] = [];
    let done = 0;
    for await (const block of inTurn(jobs, compute, signal)) {
      done += (jobs[blocks.length] as Part).size;
      blocks.push(block);
      onProgress?.(done, count);
    }
    return joined(blocks, room(count));
  };
  const jobs = partsOf(rows, rowsAJob);
  if (!distributed || !isDistributed()) return computeAll(jobs);
  const jobsOf = (of: number): readonly Part[] => {
    const { begin, size } = rangeOfRank(jobs.length, of);
    return jobs.slice(begin, begin + size);
  };
  const own = await failTogether(() => computeAll(jobsOf(rank())));
  const sizes = ofEachRank((of) => sizeOf(jobsOf(of)));
  const all = room(rows);
  for (const [name, values] of Object.entries<Values>(all)) {
    const shape = [sizes[rank()] as number, values.length / rows];
    using part = tensor(own[name] as Values, { shape });
    using whole = ofAllRanks(part, sizes);
    values.set((await whole.data()) as Values);
  }
  return all;
}
