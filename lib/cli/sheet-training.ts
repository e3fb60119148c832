/** Whose views a contact sheet shows: those of a run, of a training as `train` would begin it, or a pipeline of one's own. */
import { resolve } from 'node:path';
import type { Augmentation } from '../augment/augment.ts';
import { openRun } from '../checkpoint/run.ts';
import type { Dataset } from '../data/dataset.ts';
import { statOrUndefined } from '../data/files.ts';
import { OptionError } from '../errors.ts';
import { dataOfRun, holdsRun, loadSplits, parseData, profileOf } from './data-option.ts';
import { flagOf } from './options.ts';
import type { Output } from './output.ts';
import { imageFileDataset } from './sheet-images.ts';
import { readConfig, specOf, withConfig } from './train-config.ts';
import { choose } from './train-data.ts';
import type { TrainOptions } from './train-options.ts';
import { augmentationsOf, sideOf, type TrainingSpec } from './training.ts';
import { readViews, sideForViews, viewFlags } from './views-file.ts';

export interface SheetTraining {
  readonly title: string;
  /** The training images. */
  readonly dataset: Dataset;
  readonly views: readonly Augmentation[];
  readonly seed: number;
  /** Whether a sampler makes the batches: views then change with the step, not with the epoch. */
  readonly isSampled: boolean;
}

export interface SheetChoices {
  /** As `train` takes them, with their defaults. */
  readonly options: TrainOptions;
  readonly given: ReadonlySet<string>;
  /** A run's folder, and a file of a pipeline. */
  readonly run: string | undefined;
  readonly pipeline: string | undefined;
  readonly signal: AbortSignal;
  readonly output: Output;
}

const missing = 'DATA is missing: a folder of images, one image, or the name of a data set';

/** What may be typed beside a run: what it does not decide. */
const beside = ['data', 'run', 'out', 'samples', 'views', 'seed', 'json', 'help'];

/** @throws {OptionError} choices that do not go together; {DataError} images or a file that are missing. */
export function sheetTraining(choices: SheetChoices): Promise<SheetTraining> {
  const { options, run, pipeline, given } = choices;
  if (run === undefined && options.data !== undefined && holdsRun(options.data))
    return sheetTraining({ ...choices, run: options.data, options: { ...options, data: undefined } });
  const isOther = (name: string): boolean =>
    run === undefined ? pipeline !== undefined && viewFlags.includes(name) : !beside.includes(name);
  const other = [...given].find(isOther);
  if (other !== undefined)
    throw new OptionError(
      `--${flagOf(other)} does not go with --${run === undefined ? 'augment' : 'run'}, which says what the views are`,
    );
  if (run !== undefined) return ofRun(run, choices);
  return pipeline === undefined ? ofOptions(choices) : ofPipeline(pipeline, choices);
}

async function ofRun(path: string, { options, given, signal, output }: SheetChoices): Promise<SheetTraining> {
  const { config, path: folder } = (await openRun(path)).run;
  const seed = given.has('seed') ? options.seed : config.seed;
  const file = await imageAt(options.data);
  const shared = {
    title: folder,
    views: augmentationsOf(config.augment),
    seed,
    isSampled: config.sampler !== undefined,
  };
  const side = sideOf(config);
  if (file !== undefined) return { ...shared, dataset: imageFileDataset(file, side) };
  if (options.data !== undefined)
    return { ...shared, dataset: (await loadSplits(parseData(options.data), { side, output, signal })).train };
  const { limit, split, skipDamaged = false, heldOut } = config.data;
  const { train } = await loadSplits(dataOfRun(path, config.data), {
    ...{ train: limit ?? undefined, skipDamaged, side, output, signal },
    ...(split === 'unlabeled' && { trainSplit: split }),
    ...(heldOut && { heldOut: { ...heldOut, always: true } }),
  });
  const { length = train.length } = config.dataset ?? {};
  if (train.length !== length)
    output.warn(
      `the run was trained on ${length} images, and ${train.length} are there: each has the draws of its place among these`,
    );
  return { ...shared, dataset: train };
}

async function ofOptions({ options: typed, given, signal, output }: SheetChoices): Promise<SheetTraining> {
  const file = await imageAt(typed.data);
  if (file !== undefined) return ofOneImage(file, { ...typed, data: undefined }, given);
  const config = await readConfig(typed);
  const options = withConfig(typed, given, config);
  if (options.data === undefined) throw new OptionError(`${missing}; or --run RUN`);
  const { spec, splits } = await choose({ options, given, signal, output }, config);
  return { ...ofSpec(spec), dataset: splits.train };
}

/** As a training on a folder of such images would. */
async function ofOneImage(file: string, typed: TrainOptions, given: ReadonlySet<string>): Promise<SheetTraining> {
  const config = await readConfig(typed);
  const others = new Set([...given].filter((name) => name !== 'data'));
  const usual = { ...profileOf({ name: 'folder', path: null }), method: 'simclr' };
  const spec = specOf(withConfig(typed, others, config), others, usual, config);
  return { ...ofSpec(spec), dataset: imageFileDataset(file, sideOf(spec)) };
}

const ofSpec = (spec: TrainingSpec): Omit<SheetTraining, 'dataset'> => ({
  title: `${spec.preset?.name ?? 'views of the config'}, ${spec.input.size} pixels`,
  views: augmentationsOf(spec.augment),
  seed: spec.seed,
  isSampled: spec.sampler !== undefined,
});

/** Images are decoded as a training of these views would. */
async function ofPipeline(path: string, { options, signal, output }: SheetChoices): Promise<SheetTraining> {
  if (options.data === undefined) throw new OptionError(missing);
  const views = await readViews(path);
  const side = sideForViews(views);
  const file = await imageAt(options.data);
  const dataset =
    file === undefined
      ? (await loadSplits(parseData(options.data), { ...(side !== undefined && { side }), output, signal })).train
      : imageFileDataset(file, side);
  return { title: path, dataset, views, seed: options.seed, isSampled: false };
}

/** The path of one image file, where the data are that. */
async function imageAt(data: string | undefined): Promise<string | undefined> {
  if (data === undefined) return undefined;
  const path = resolve(data);
  return (await statOrUndefined(path))?.isFile() ? path : undefined;
}
