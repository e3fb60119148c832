/** The images that a run is judged or trained further on: its own, or those that were typed. */
import type { RunConfig } from '../checkpoint/run-config.ts';
import { DataError } from '../errors.ts';
import type { OptionTable } from './command.ts';
import { dataOfRun, loadSplits, parseData, type Splits, skipDamaged, titleOf, usualFraction } from './data-option.ts';
import { counted } from './format.ts';
import type { Output } from './output.ts';
import { positive } from './shared-options.ts';

/** Flags of commands that take the images of a run. */
export const ofRunData = {
  limitTrain: { ...positive, help: "use so many training images; default without --data: as the run's training" },
  limitTest: { ...positive, help: 'use so many test images' },
  split: {
    type: 'string',
    value: 'NAME',
    choices: ['test', 'val'],
    default: 'test',
    help: 'images to judge on; val: what the training put aside, or of a folder that has val beside test',
  },
  skipDamaged,
} as const satisfies OptionTable;

export const ofLabelFraction = {
  labelFraction: {
    type: 'number',
    value: 'SHARE',
    above: 0,
    max: 1,
    help: "use this share of each class's training images; default all",
  },
} as const satisfies OptionTable;

export interface RunDataOptions {
  /** The run's folder, as typed. */
  readonly run: string;
  /** As typed; default the run's own. */
  readonly data?: string | undefined;
  readonly limitTrain?: number | undefined;
  readonly limitTest?: number | undefined;
  /** What is judged on. */
  readonly split: 'test' | 'val';
  readonly skipDamaged: boolean;
  /** Of what is put aside, where there are no test images. */
  readonly seed: number;
  /** Shorter side that images of a folder are decoded to, in pixels. */
  readonly side: number;
}

export interface RunData extends Splits {
  /** Where they came from, for a run's config. */
  readonly data: RunConfig['data'];
}

/**
 * @throws {OptionError} the run does not say where its images lie.
 * @throws {DataError} training images that are missing or damaged.
 */
export async function loadRunData(
  options: RunDataOptions,
  { data, dataset }: RunConfig,
  context: { readonly output: Output; readonly signal: AbortSignal },
): Promise<RunData> {
  const isOwn = options.data === undefined;
  const source = options.data === undefined ? dataOfRun(options.run, data) : parseData(options.data);
  const own: Partial<RunConfig['data']> = isOwn ? data : {};
  const limit = options.limitTrain ?? own.limit ?? null;
  const skipDamaged = options.skipDamaged || own.skipDamaged === true;
  const splits = await loadSplits(source, {
    ...{ train: limit ?? undefined, test: options.limitTest, testSplit: options.split },
    // The run's share of typed data too: they may be its images, moved, of which it was trained on the others.
    heldOut: { fraction: usualFraction, seed: options.seed, ...data.heldOut, always: own.heldOut !== undefined },
    ...{ skipDamaged, side: options.side },
    ...context,
  });
  const { heldOut } = splits;
  if (heldOut !== undefined && data.heldOut === undefined)
    context.output.warn(
      `there are no test images: some of each class are put aside${isOwn ? ', of images that the encoder was trained on' : '; if the encoder was trained on these images, it has seen them all'}`,
    );
  const { length = splits.train.length } = dataset ?? {};
  if (isOwn && options.limitTrain === undefined && data.heldOut !== undefined && splits.train.length !== length)
    context.output.warn(
      `the run was trained on ${counted(length, 'image')}, and of its folder as it is now ${splits.train.length} would be: others are put aside, some of which it was trained on`,
    );
  const { name, path } = source;
  return {
    ...splits,
    data: { name, path, limit, ...(skipDamaged && { skipDamaged }), ...(heldOut && { heldOut }) },
  };
}

/** @throws as `loadRunData`. @throws {DataError} training images without labels. */
export async function loadLabelledRunData(...run: Parameters<typeof loadRunData>): Promise<RunData> {
  const loaded = await loadRunData(...run);
  if (loaded.train.labels === undefined)
    throw new DataError(`${titleOf(loaded.data)} has no labels; --data DIR takes images in class folders`);
  return loaded;
}
