/** How many dimensions the newest features use. */
import { rankMe } from '../evaluate/rank-me.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import type { FeatureContext, FeatureMonitor, Figures } from '../train/monitors.ts';

const options = {
  /** Features of the newest samples that are taken; they bound the rank. */
  rows: { type: 'number', min: 2, integer: true, default: 2048 },
} as const satisfies OptionTable;

export type FeatureRankOptions = OptionsOf<typeof options>;

/**
 * The effective rank of the newest features of the training's own batches (`rankMe`). Figure `rankMe`, from 1 to
 * min(rows, dim): one that falls to a few is a collapse of dimensions.
 *
 * @throws {OptionError} an unknown option, or a value out of range.
 */
export function featureRank(given: FeatureRankOptions = {}): FeatureMonitor {
  const { rows } = resolveOptions('featureRank', options, given);
  return {
    rows,
    async figures({ newest }: FeatureContext): Promise<Figures> {
      using features = newest(rows)?.features;
      return features === undefined ? {} : { rankMe: await rankMe(features) };
    },
  };
}
