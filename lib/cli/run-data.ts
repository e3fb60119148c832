/** The images that a run is judged or trained further on: its own, or those that were typed. */

import { holdsClassifier } from '../checkpoint/classifier.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import { balancedSubsetOptions } from '../data/balanced-subset.ts';
import { datasetOptions } from '../data/registry.ts';
import { DataError } from '../errors.ts';
import type { OptionTable } from './command.ts';
import {
  dataOfRun,
  type HeldOutShare,
  loadSplits,
  parseData,
  type Splits,
  skipDamaged,
  titleOf,
  usualFraction,
} from './data-option.ts';
import { flag } from './flag.ts';
import { counted } from './format.ts';
import type { Output } from './output.ts';

/** Flags of commands that take the images of a run. */
export const ofRunData = {
  limitTrain: flag(datasetOptions.limit, {
    help: "use so many training images; default without --data: as the run's training",
  }),
  limitTest: flag(datasetOptions.limit, { help: 'use so many test images' }),
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
  labelFraction: flag(balancedSubsetOptions.fraction, { usual: 'all' }),
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
  /** Why the test images may be nothing new to the encoder, of which there was a warning. */
  readonly doubt?: string;
  /** Where they came from, for a run's config. */
  readonly data: RunConfig['data'];
}

/**
 * @throws {OptionError} the run does not say where its images lie.
 * @throws {DataError} training images that are missing or damaged.
 */
export async function loadRunData(
  options: RunDataOptions,
  config: RunConfig,
  context: { readonly output: Output; readonly signal: AbortSignal },
): Promise<RunData> {
  const { data } = config;
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
  const { length: trainedOn } = config.dataset ?? {};
  // Of a fine-tuning that is the share whose labels were used.
  const isAll = isOwn && options.limitTrain === undefined && !holdsClassifier(config);
  const doubt = doubtOf({ isOwn, heldOut, ofRun: data.heldOut, ...(isAll && { trainedOn, now: splits.train.length }) });
  if (doubt !== undefined) context.output.warn(doubt);
  const { name, path } = source;
  return {
    ...splits,
    ...(doubt !== undefined && { doubt }),
    data: { name, path, limit, ...(skipDamaged && { skipDamaged }), ...(heldOut && { heldOut }) },
  };
}

interface Judgement {
  readonly isOwn: boolean;
  /** What was put aside to judge on, here and in the training. */
  readonly heldOut: HeldOutShare | undefined;
  readonly ofRun: HeldOutShare | undefined;
  /** Training images then and now, where these should be as many. */
  readonly trainedOn?: number | undefined;
  readonly now?: number | undefined;
}

/** Why what is judged on may be nothing new to the encoder; undefined where it is. */
function doubtOf({ isOwn, heldOut, ofRun, trainedOn, now }: Judgement): string | undefined {
  if (heldOut === undefined) return undefined;
  if (ofRun === undefined)
    return `there are no test images: some of each class are put aside${isOwn ? ', of images that the encoder was trained on' : '; if the encoder was trained on these images, it has seen them all'}`;
  if (trainedOn === undefined || trainedOn === now) return undefined;
  return `the run was trained on ${counted(trainedOn, 'image')}, and of its folder as it is now ${now} would be: others are put aside, some of which it was trained on`;
}

/** @throws as `loadRunData`. @throws {DataError} training images without labels. */
export async function loadLabelledRunData(...run: Parameters<typeof loadRunData>): Promise<RunData> {
  const loaded = await loadRunData(...run);
  if (loaded.train.labels === undefined)
    throw new DataError(`${titleOf(loaded.data)} has no labels; --data DIR takes images in class folders`);
  return loaded;
}
