/** The options of `contrastive train`, and the way back from their values to a command line. */
import { isAbsolute, relative, resolve } from 'node:path';
import { type PresetName, presetVariants } from '../augment/presets.ts';
import { holdOutOptions } from '../data/hold-out.ts';
import { datasetOptions } from '../data/registry.ts';
import { encoderFacts, encoderNames } from '../encoders/all.ts';
import { projectionHeadOptions } from '../encoders/projection-head.ts';
import { OptionError } from '../errors.ts';
import { lossVariants } from '../losses/all.ts';
import { countOption } from '../options/kinds.ts';
import { emaOptions } from '../train/averaged-weights.ts';
import { fitOptions } from '../train/fit-options.ts';
import { trainerOptions } from '../train/options.ts';
import { inGroup, type OptionSpec, type OptionTable, type OptionValues } from './command.ts';
import { dataOption, skipDamaged, usualFraction } from './data-option.ts';
import { importFile } from './encoder-option.ts';
import { flag } from './flag.ts';
import { flagsOfVariants, type Variants } from './flags.ts';
import { methodVariants, offeredMethods } from './methods.ts';
import { monitorOptions } from './monitor-option.ts';
import { offeredSchedules, optimizerVariants, scheduleVariants, usualSchedule } from './optimizers.ts';
import { flagOf } from './options.ts';
import { samplerFlags } from './sampler-option.ts';
import { ofDevice, ofProcesses, ofRun, ofThreads, precisionWords } from './shared-options.ts';

// 0 is a word of the command's: nothing is put aside.
const { above: _, ...share } = holdOutOptions.fraction;

/** What most people choose. */
const essentials = {
  data: { ...dataOption, help: `${dataOption.help}; needed for a run that begins` },
  method: {
    type: 'string',
    value: 'NAME',
    completions: offeredMethods(),
    help: `${offeredMethods().join(', ')}: supcon learns from labels, the others from images alone; moco compares with a queue of keys, for small batches; byol, simsiam, barlow-twins and vicreg compare views of one image only; custom is the loss that --loss names; default supcon where there are classes, else simclr`,
  },
  encoder: {
    type: 'string',
    value: 'NAME|FILE',
    default: 'resnet18',
    completions: encoderNames(),
    help: `the network whose features are trained: ${encoderNames().join(', ')}, or a file that makes one of your own`,
  },
  size: flag(countOption, {
    value: 'PIXELS',
    help: "side of the square views; default the data set's own, 224 for folders",
  }),
  epochs: flag(trainerOptions.epochs, { usual: 'as many as show 10 000 images, 10 to 200' }),
  batchSize: flag(trainerOptions.batchSize, {
    usual: '256, of fewer than 1024 images a quarter, or equal parts of at most 32',
  }),
  valSplit: flag(
    { ...share, min: 0 },
    { usual: `${usualFraction} where there are classes and no test images; 0: none` },
  ),
  skipDamaged,
  out: flag(fitOptions.out, { short: 'o', value: 'DIR', usual: 'the next free runs/DATA-METHOD-N' }),
  resume: {
    type: 'string',
    value: 'RUN',
    help: 'go on with the run in this folder, from its newest good checkpoint, with its data and options; as contrastive resume RUN',
  },
  continue: {
    type: 'boolean',
    help: 'go on with the run that is in --out, if there is one: for a command that is started again after a fault',
  },
} as const satisfies OptionTable;

const beginnings = {
  init: {
    type: 'string',
    value: 'FILE',
    help: "weights that the encoder begins with, safetensors or .pth: torchvision's, timm's, or a checkpoint of MoCo, SupContrast, lightly, solo-learn …; heads are left out",
  },
  config: {
    type: 'string',
    value: 'FILE',
    help: "options of a training, under the names of a run's config.json; options beside it win",
  },
  recipe: {
    type: 'string',
    value: 'NAME|FILE',
    help: 'a published training, which `contrastive recipes` lists, or a file of your own like it; options beside it win',
  },
  import: {
    type: 'string',
    value: 'FILE',
    help: 'run this module first: it may add losses, methods and encoders (defineLoss, defineMethod, registerEncoder), whose options then are flags',
  },
} as const satisfies OptionTable;

const imagesAndBatches = {
  split: {
    type: 'string',
    value: 'NAME',
    choices: ['train', 'unlabeled'],
    default: 'train',
    help: 'images to train on; unlabeled: the 100 000 of stl10 without labels',
  },
  limitTrain: flag(datasetOptions.limit, { help: 'use so many training images' }),
  limitTest: flag(datasetOptions.limit, { help: 'use so many test images' }),
  ...samplerFlags,
  microBatch: flag(trainerOptions.microBatch),
  accumulate: flag(trainerOptions.accumulate, { usual: '1' }),
} as const satisfies OptionTable;

const methodAndHead = {
  loss: {
    type: 'string',
    value: 'NAME',
    completions: Object.keys(lossVariants()),
    help: `of moco, of queries and keys: ${Object.keys(lossVariants()).join(', ')}; without --method, the method that is this loss: simclr, supcon, dcl, else custom`,
  },
  headDim: flag(projectionHeadOptions.outFeatures, {
    usual: '128, 512 for simsiam, 1024 for barlow-twins and vicreg',
  }),
} as const satisfies OptionTable;

const views = {
  preset: {
    type: 'string',
    value: 'NAME',
    choices: Object.keys(presetVariants) as PresetName[],
    help: "a published recipe of views; default supcon up to 64 pixels, else the method's own",
  },
  augment: {
    type: 'string',
    value: 'FILE',
    help: 'views of your own as JSON, in place of a preset: what JSON.stringify(augment([…])) gives, or a list of such, one a view',
  },
} as const satisfies OptionTable;

const optimization = {
  optimizer: {
    type: 'string',
    value: 'NAME',
    choices: Object.keys(optimizerVariants),
    help: 'default sgd',
  },
  schedule: {
    type: 'string',
    value: 'NAME',
    choices: offeredSchedules,
    help: `of the learning rate; default ${usualSchedule.name}, with a warm-up of ${usualSchedule.warmup} of the steps`,
  },
  ema: flag(emaOptions.decay, { usual: 'no mean' }),
} as const satisfies OptionTable;

const watching = {
  knnEvery: {
    type: 'number',
    value: 'EPOCHS',
    min: 0,
    integer: true,
    help: 'epochs between kNN accuracies; 0: at the end only; default a fifth of them',
  },
  ...monitorOptions,
  checkpointEvery: flag(fitOptions.checkpointEvery, { usual: '1, of fewer than 1000 images as many as show 1000' }),
} as const satisfies OptionTable;

const machine = {
  precision: flag(trainerOptions.precision, precisionWords),
  ...ofDevice,
  ...ofThreads,
  noSyncBatchNorm: flag(trainerOptions.syncBatchNorm),
  ...ofProcesses,
  seed: flag(trainerOptions.seed, { help: 'of weights, order and views' }),
} as const satisfies OptionTable;

/** The headings of the help, under which the flags of what is chosen by name stand too. */
const groups = {
  begin: 'Where a training begins',
  images: 'Images and batches',
  method: 'Method, loss and head',
  encoder: 'Encoder',
  views: 'Views',
  optimization: 'Optimizer and schedule',
  watching: 'What is watched and saved',
  machine: 'Machine, precision and seed',
} as const;

export const trainOptions = {
  ...essentials,
  ...inGroup(groups.begin, beginnings),
  ...inGroup(groups.images, imagesAndBatches),
  ...inGroup(groups.method, methodAndHead),
  ...inGroup(groups.views, views),
  ...inGroup(groups.optimization, optimization),
  ...inGroup(groups.watching, watching),
  ...inGroup(groups.machine, machine),
} as const satisfies OptionTable;

/** The encoders' options, by name; what goes with the images' size says so. */
export const encoderVariants = (): Variants =>
  Object.fromEntries(
    encoderNames().map((name) => {
      const { options = {}, forImages } = encoderFacts(name);
      const [small = {}, large = {}] = [32, 224].map((size) => forImages?.(size));
      const bySize = Object.keys(small).filter((option) => option in options);
      const usual = (option: string) => `${small[option]} for images of 32 pixels, ${large[option]} for 224`;
      return [
        name,
        { ...options, ...Object.fromEntries(bySize.map((of) => [of, { ...options[of], usual: usual(of) }])) },
      ];
    }),
  ) as Variants;

/** Runs the file that `--import` names. */
export async function importParts(argv: readonly string[]): Promise<void> {
  const at = argv.findIndex((word) => word === '--import' || word.startsWith('--import='));
  const file = argv[at]?.includes('=') ? argv[at]?.slice('--import='.length) : argv[at + 1];
  if (at !== -1 && file !== undefined) await importFile(resolve(file));
}

/** The flags of methods, losses, encoders, views, optimizers and schedules. @param argv may name a file that adds some. */
export async function partFlags(argv: readonly string[]): Promise<OptionTable> {
  await importParts(argv);
  const parts: readonly (readonly [string, Variants])[] = [
    [groups.method, methodVariants()],
    [groups.encoder, encoderVariants()],
    [groups.views, presetVariants],
    [groups.optimization, optimizerVariants],
    [groups.optimization, scheduleVariants],
  ];
  return disjoint(
    trainOptions,
    parts.map(([group, variants]) => inGroup(group, flagsOfVariants(variants))),
  );
}

/** One table of all; a flag has one meaning. @throws {OptionError} */
function disjoint(own: OptionTable, tables: readonly OptionTable[]): OptionTable {
  const all: Record<string, OptionSpec> = {};
  for (const [name, flag] of tables.flatMap((table) => Object.entries(table))) {
    if (name in all || name in own) throw new OptionError(`--${flagOf(name)} is declared twice`);
    all[name] = flag;
  }
  return all;
}

export type TrainOptions = OptionValues<typeof trainOptions>;

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** A word of a shell's command line. */
export const shellWord = (word: string): string => (/^[\w./:=,@%+-]+$/.test(word) ? word : quoted(word));

const {
  epochs,
  data,
  import: file,
  device,
  matmulPrecision,
  cudnnDeterministic,
  threads,
  timeout,
  backend,
  limitTest,
  checkpointEvery,
  knnEvery,
} = trainOptions;

/** What a run does not keep: the file that adds parts, and what does not decide the weights. */
const notKept = {
  import: file,
  device,
  matmulPrecision,
  cudnnDeterministic,
  threads,
  timeout,
  backend,
  checkpointEvery,
  knnEvery,
  ...inGroup(groups.watching, monitorOptions),
};

/** What may be typed beside a run that goes on. */
export const resumeOptions = {
  run: { ...ofRun.run, help: 'folder of the run' },
  epochs: { ...epochs, help: 'passes over the training images, in place of those that the run was for' },
  data: { ...data, help: 'where the images of the run lie now' },
  limitTest: { ...limitTest, help: `${limitTest.help}; default as the run's` },
  ...notKept,
} as const satisfies OptionTable;

/** A folder as it is typed here: relative where it lies below. */
export function typedPath(path: string): string {
  const below = relative('.', path);
  return below === '' || below.startsWith('..') || isAbsolute(below) ? path : below;
}

/** The command that goes on with the run in `out`. */
export function resumeCommand(out: string, values: TrainOptions): string {
  const words = ['npx', 'contrastive', 'train', '--resume', shellWord(typedPath(out))];
  for (const [name, spec] of Object.entries(notKept)) {
    const { [name as keyof typeof notKept]: value } = values;
    const { default: usual } = spec as { readonly default?: unknown };
    if (value === true) words.push(`--${flagOf(name)}`);
    else if (value !== undefined && value !== false && value !== usual)
      words.push(`--${flagOf(name)}`, shellWord(String(value)));
  }
  return words.join(' ');
}
