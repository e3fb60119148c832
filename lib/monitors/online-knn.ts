/** How well the newest features tell the class of each other. */
import { knnOptions, nearestNeighbours } from '../evaluate/knn.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import type { FeatureContext, FeatureMonitor, Figures, QueuedFeatures } from '../train/monitors.ts';

const options = {
  /** Neighbours that vote. */
  k: knnOptions.k,
  /** T of the votes exp(cosine / T). */
  temperature: knnOptions.temperature,
  /** Features of the newest samples that are compared. */
  rows: { type: 'number', min: 2, integer: true, default: 4096 },
} as const satisfies OptionTable;

export type OnlineKnnOptions = OptionsOf<typeof options>;

/** How often the most frequent of `values` is there. */
function highestCount(values: BigInt64Array): number {
  const counts = new Map<bigint, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return Math.max(...counts.values());
}

/** The label with most of the votes; of equals the lowest. Undefined without votes. */
function winner(votes: ReadonlyMap<number, number>): number | undefined {
  let best: [label: number | undefined, votes: number] = [undefined, 0];
  for (const [label, count] of votes)
    if (count > best[1] || (count === best[1] && label < (best[0] as number))) best = [label, count];
  return best[0];
}

/** The share of the rows whose class their k nearest neighbours among the other images tell. */
async function accuracyOf(
  { features, labels, ids }: QueuedFeatures & { readonly labels: Int32Array },
  { k, temperature }: ResolvedOf<typeof options>,
  { signal, distributed }: Pick<FeatureContext, 'signal' | 'distributed'>,
): Promise<number> {
  const asked = Math.min(ids.length, k + highestCount(ids)); // a row's own image may be there from an earlier epoch
  const { indices, similarities } = await nearestNeighbours(features, features, { k: asked, signal, distributed });
  let right = 0;
  for (const [row, near] of indices.entries()) {
    const others = Array.from(near, (other, place) => [other, similarities[row]?.[place] as number] as const)
      .filter(([other]) => ids[other] !== ids[row])
      .slice(0, k);
    const votes = new Map<number, number>();
    for (const [other, similarity] of others) {
      const label = labels[other] as number;
      votes.set(label, (votes.get(label) ?? 0) + Math.exp((similarity - 1) / temperature));
    }
    if (winner(votes) === labels[row]) right++;
  }
  return right / ids.length;
}

/**
 * kNN classification among the newest features of the training's own batches, each by the others and never by another view of
 * its own image. Figure `queueKnnTop1`: the share of them whose class the votes of the k nearest tell, 0 to 1; nothing without labels.
 * Features in the queue are as old as the steps since: it tells whether a training gets better, `knnClassify` how good it is.
 *
 * @throws {OptionError} an unknown option, or a value out of range.
 */
export function onlineKnn(given: OnlineKnnOptions = {}): FeatureMonitor {
  const resolved = resolveOptions('onlineKnn', options, given);
  return {
    rows: resolved.rows,
    async figures(context: FeatureContext): Promise<Figures> {
      const queued = context.newest(resolved.rows);
      using _ = queued?.features;
      if (queued?.labels === undefined) return {};
      return { queueKnnTop1: await accuracyOf({ ...queued, labels: queued.labels }, resolved, context) };
    },
  };
}
