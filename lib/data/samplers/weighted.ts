/** Samples drawn by weights. */
import { DataError } from '../../errors.ts';
import type { OptionTable, ResolvedOf } from '../../options/option.ts';
import { readLabels } from '../labels.ts';
import type { Sampler } from '../sampler.ts';
import { drawsOf, fullBatches, membersOf, type SamplerContext } from './context.ts';
import { expectNumbers } from './numbers.ts';

/**
 * Samples are drawn in proportion to their weights: within a batch without putting back, so that none is there twice, and
 * anew for each batch. An epoch has as many batches as the data set has samples for.
 */
export const weightedOptions = {
  /** One a sample, >= 0. Default: 1 / the number of samples of its class, so that all classes are drawn equally often. */
  weights: { type: 'checked', check: expectNumbers({ min: 0 }) },
} as const satisfies OptionTable;

/** Draws indices in proportion to weights that change: a binary tree whose nodes hold the sums of their children. */
class WeightTree {
  /** Node 1 is the root, the children of n are 2n and 2n + 1, and the last `#leaves` nodes are the weights. */
  readonly #sums: Float64Array;
  readonly #leaves: number;

  constructor(weights: ArrayLike<number>) {
    this.#leaves = 2 ** Math.ceil(Math.log2(weights.length));
    this.#sums = new Float64Array(2 * this.#leaves);
    this.#sums.set(weights, this.#leaves);
    for (let node = this.#leaves - 1; node > 0; node--) this.#add(node);
  }

  #add(node: number): void {
    this.#sums[node] = (this.#sums[2 * node] as number) + (this.#sums[2 * node + 1] as number);
  }

  set(index: number, weight: number): void {
    let node = this.#leaves + index;
    this.#sums[node] = weight;
    for (node >>= 1; node > 0; node >>= 1) this.#add(node);
  }

  /** @param uniform in [0, 1). @returns an index of positive weight, where there is one. */
  draw(uniform: number): number {
    let rest = uniform * (this.#sums[1] as number);
    let node = 1;
    while (node < this.#leaves) {
      const left = this.#sums[2 * node] as number;
      // By rounding, what is left may reach past the right child, and it may be empty.
      const goesRight = rest >= left && (this.#sums[2 * node + 1] as number) > 0;
      if (goesRight) rest -= left;
      node = 2 * node + (goesRight ? 1 : 0);
    }
    return node - this.#leaves;
  }
}

/** @throws {DataError} not one weight a sample, fewer positive ones than a batch needs; or no weights, and no labels. */
export async function makeWeighted(
  { weights: given }: ResolvedOf<typeof weightedOptions>,
  context: SamplerContext,
): Promise<Sampler> {
  const { dataset, batchSize } = context;
  const weights = given ?? (await classWeights(context));
  if (weights.length !== dataset.length)
    throw new DataError(
      `${dataset.name}: sampler.weights must hold ${dataset.length} weights, one a sample, got ${weights.length}`,
    );
  const possible = weights.filter((weight) => weight > 0).length;
  if (possible < batchSize)
    throw new DataError(
      `${dataset.name}: sampler.weights must be above 0 for at least the ${batchSize} samples of a batch, got ${possible}`,
    );
  const length = fullBatches(context);
  return {
    length,
    batches(epoch) {
      const draws = drawsOf(context, epoch);
      const tree = new WeightTree(weights);
      return Array.from({ length }, () => {
        const batch = new Uint32Array(batchSize).map(() => {
          const index = tree.draw(draws.uniform());
          tree.set(index, 0);
          return index;
        });
        for (const index of batch) tree.set(index, weights[index] as number);
        return batch;
      });
    },
  };
}

async function classWeights({ dataset, signal }: SamplerContext): Promise<readonly number[]> {
  const labels = await readLabels(dataset, { signal });
  const members = membersOf(labels);
  return Array.from(labels, (label) => 1 / (members.get(label) as number[]).length);
}
