/** What `contrastive train` trains, and on what. */
import { describeDataset } from '../data/dataset.ts';
import { fromRankZero } from '../distributed/group.ts';
import { OptionError } from '../errors.ts';
import type { CommandContext } from './command.ts';
import type { PartialConfig } from './config-file.ts';
import {
  type DataSource,
  dataOfRun,
  type LoadSplitsOptions,
  loadSplits,
  parseData,
  profileOf,
  type Splits,
  usualFraction,
} from './data-option.ts';
import { missingClasses } from './evaluate-run.ts';
import { type FittedSpec, fitToData, type UsualMethod, usualMethod } from './fit-data.ts';
import { counted } from './format.ts';
import { readThrough } from './read-through.ts';
import { checkSamplerFlags } from './sampler-option.ts';
import { specOf } from './train-config.ts';
import type { TrainOptions, trainOptions } from './train-options.ts';
import { sideOf, type TrainingSpec } from './training.ts';

export type TrainContext = Pick<CommandContext<typeof trainOptions>, 'options' | 'given' | 'signal' | 'output'>;

/** What is trained, on what. Nothing native is loaded before the data are known to be there. */
export interface Prepared {
  readonly source: DataSource;
  readonly spec: FittedSpec;
  readonly splits: Splits;
}

/** A training as it was chosen: what goes with the number of images is still open. */
interface Chosen {
  readonly source: DataSource;
  readonly spec: TrainingSpec;
  /** The method that the data decided, where nobody chose one. */
  readonly usual: UsualMethod | undefined;
  readonly splits: Splits;
}

/** @throws {OptionError} choices that do not go together; {DataError} images that are missing. */
export async function choose(
  { options, given, signal, output }: TrainContext,
  config: PartialConfig | undefined,
): Promise<Chosen> {
  checkSamplerFlags(options, given);
  const { limitTrain, limitTest, split, skipDamaged } = options;
  const source = sourceOf(options, given, config);
  const isChosen = given.has('method') || given.has('loss') || config?.method !== undefined;
  const usual = isChosen ? undefined : await usualMethod(source, split);
  const spec = specOf(options, given, { ...profileOf(source), ...(usual && { method: usual.method }) }, config);
  const heldOut = heldOutOf(options, given, config);
  const splits = await loadSplits(source, {
    ...{ train: limitTrain, test: limitTest, trainSplit: split, skipDamaged, output, signal },
    ...(heldOut && { heldOut, testSplit: heldOut.always ? 'val' : 'test' }),
    side: sideOf(spec),
  });
  return { source, spec, usual, splits };
}

/** @throws {OptionError} choices that do not go together, or not with the data; {DataError} images that are missing or damaged. */
export async function prepare(context: TrainContext, config: PartialConfig | undefined): Promise<Prepared> {
  const { options, given, signal, output } = context;
  const { skipDamaged, resume } = options;
  const { source, usual, splits, ...chosen } = await choose(context, config);
  const { train, test } = splits;
  const spec = fitToData(chosen.spec, source, train);
  if (source.name === 'folder' && !skipDamaged && resume === undefined)
    await fromRankZero(() => readThrough([train, ...(test ? [test] : [])], { output, signal }));
  output.print((await describeDataset(train)).text);
  if (test !== undefined && splits.heldOut !== undefined)
    output.print(
      `${counted(test.length, 'image')} put aside to judge on: ${splits.heldOut.fraction} of each class (--val-split)`,
    );
  if (usual !== undefined) output.print(usual.reason);
  const isUsualSize = !given.has('size') && config?.input === undefined;
  if (isUsualSize && spec.input.size === 224 && options.device === 'cpu')
    output.print('views of 224 pixels; --size 96 has a fifth of the pixels, and trains much faster on a CPU');
  const lack = train.labels === undefined ? 'the training images have no labels' : splits.noTest;
  const isJudged = test !== undefined && train.labels !== undefined;
  const warning = isJudged ? missingClasses({ train, test }) : `${lack}; the kNN accuracy is not measured`;
  if (warning !== undefined) output.warn(warning);
  return { source, spec, splits };
}

/** The data that were typed, else those of a config. @throws {OptionError} there are none. */
function sourceOf(
  { data, resume }: TrainOptions,
  given: ReadonlySet<string>,
  config: PartialConfig | undefined,
): DataSource {
  if (resume !== undefined && !given.has('data') && config?.data !== undefined) return dataOfRun(resume, config.data);
  if (data === undefined)
    throw new OptionError('contrastive train: DATA is missing: a folder of images, or the name of a data set');
  return parseData(data);
}

/** What to put aside of the training images. A run goes on with what it began with. @throws {OptionError} another share was typed. */
function heldOutOf(
  { valSplit, seed, resume }: TrainOptions,
  given: ReadonlySet<string>,
  config: PartialConfig | undefined,
): LoadSplitsOptions['heldOut'] {
  const own = given.has('data') && resume === undefined ? undefined : config?.data?.heldOut;
  if (resume !== undefined && given.has('valSplit') && valSplit !== (own?.fraction ?? 0))
    throw new OptionError(`${resume}: --val-split was ${own?.fraction ?? 0}, and is now ${valSplit}`);
  if (given.has('valSplit') && valSplit !== own?.fraction)
    return valSplit ? { fraction: valSplit, seed, always: true } : undefined;
  if (own !== undefined) return { ...own, always: true };
  return resume === undefined ? { fraction: usualFraction, seed, always: false } : undefined;
}
