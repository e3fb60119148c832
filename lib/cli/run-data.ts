/** The images that a run is judged or trained further on: its own, or those that were typed. */
import type { RunConfig } from '../checkpoint/run-config.ts';
import { dataText, loadSplits, parseData, type Splits } from './data-option.ts';
import type { Output } from './output.ts';

export interface RunDataOptions {
  /** As typed; default the run's own. */
  readonly data?: string | undefined;
  readonly limitTrain?: number | undefined;
  readonly limitTest?: number | undefined;
  /** What is judged on. */
  readonly split: 'test' | 'val';
  readonly skipDamaged: boolean;
  /** Shorter side that images of a folder are decoded to, in pixels. */
  readonly side: number;
}

export interface RunData extends Splits {
  /** Where they came from, for a run's config. */
  readonly data: RunConfig['data'];
}

/** @throws {DataError} training images that are missing or damaged. */
export async function loadRunData(
  { data: typed, limitTrain, limitTest, split, skipDamaged, side }: RunDataOptions,
  { data }: RunConfig,
  context: { readonly output: Output; readonly signal: AbortSignal },
): Promise<RunData> {
  const source = parseData(typed ?? dataText(data));
  const own = typed === undefined ? data : undefined;
  const limit = limitTrain ?? own?.limit ?? null;
  const leavesOut = skipDamaged || own?.skipDamaged === true;
  const splits = await loadSplits(source, {
    ...{ train: limit ?? undefined, test: limitTest, testSplit: split, skipDamaged: leavesOut, side },
    ...context,
  });
  const { name, path } = source;
  return { ...splits, data: { name, path, limit, ...(leavesOut && { skipDamaged: true }) } };
}
