/** The images that a run is judged on: its own, or others that were named. */
import type { RunConfig } from '../checkpoint/run-config.ts';
import { DataError } from '../errors.ts';
import { dataOfRun, loadSplits, parseData, type Splits, titleOf, usualFraction } from './data-option.ts';
import type { Output } from './output.ts';

export interface RunSplitsOptions {
  /** In place of the run's own. */
  readonly data?: string | undefined;
  /** Default: as the run's training, of its own images. */
  readonly limitTrain?: number | undefined;
  readonly limitTest?: number | undefined;
  readonly split: 'test' | 'val';
  readonly skipDamaged: boolean;
  /** Of what is put aside where there are no test images, and the training put nothing aside. */
  readonly seed: number;
}

interface Loading {
  /** Shorter side that images are decoded to, pixels. */
  readonly side: number;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** Where the images came from is for a config. */
type RunSplits = Splits & { readonly data: RunConfig['data'] };

/** As splitsOfRun, of labelled images. @throws {DataError} they have no labels. */
export async function labelledSplitsOfRun(
  run: string,
  data: RunConfig['data'],
  options: RunSplitsOptions,
  loading: Loading,
): Promise<RunSplits> {
  const splits = await splitsOfRun(run, data, options, loading);
  if (splits.train.labels === undefined)
    throw new DataError(`${titleOf(splits.data)} has no labels to judge by; --data DIR takes images in class folders`);
  return splits;
}

/**
 * @param run what the user called it.
 * @throws {OptionError} the run does not say where its images lie. @throws {DataError} images that are missing or damaged.
 */
export async function splitsOfRun(
  run: string,
  data: RunConfig['data'],
  options: RunSplitsOptions,
  { side, output, signal }: Loading,
): Promise<RunSplits> {
  const source = options.data === undefined ? dataOfRun(run, data) : parseData(options.data);
  const own: Partial<RunConfig['data']> = options.data === undefined ? data : {};
  const used = options.limitTrain ?? own.limit ?? null;
  const leavesOut = options.skipDamaged || own.skipDamaged === true;
  const splits = await loadSplits(source, {
    train: used ?? undefined,
    test: options.limitTest,
    testSplit: options.split,
    heldOut: { fraction: usualFraction, seed: options.seed, ...own.heldOut, always: own.heldOut !== undefined },
    skipDamaged: leavesOut,
    ...{ side, output, signal },
  });
  const { name, path } = source;
  const { heldOut } = splits;
  if (options.data === undefined && heldOut !== undefined && own.heldOut === undefined)
    output.warn(
      'there are no test images: some of each class are put aside, of images that the encoder was trained on',
    );
  return {
    ...splits,
    data: {
      ...{ name, path, limit: used },
      ...(leavesOut && { skipDamaged: true }),
      ...(heldOut && { heldOut }),
    },
  };
}
