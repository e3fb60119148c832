/** The options of `contrastive train`, and the way back from their values to a command line. */
import { resolve } from 'node:path';
import { type PresetName, presetVariants } from '../augment/presets.ts';
import { encoderFacts, encoderNames } from '../encoders/all.ts';
import { OptionError } from '../errors.ts';
import { lossVariants } from '../losses/all.ts';
import type { OptionSpec, OptionTable, OptionValues } from './command.ts';
import { dataOption, skipDamaged } from './data-option.ts';
import { importFile } from './encoder-option.ts';
import { flagsOfVariants, type Variants } from './flags.ts';
import { methodVariants, offeredMethods } from './methods.ts';
import { monitorOptions } from './monitor-option.ts';
import { offeredSchedules, optimizerVariants, scheduleVariants, usualSchedule } from './optimizers.ts';
import { flagOf } from './options.ts';
import { samplerFlags } from './sampler-option.ts';
import { floatType, ofDevice, ofThreads, positive } from './shared-options.ts';

export const trainOptions = {
  data: { ...dataOption, help: `${dataOption.help}; needed for a run that begins` },
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
  method: {
    type: 'string',
    value: 'NAME',
    help: `${offeredMethods().join(', ')}: supcon learns from labels, the others from images alone; moco compares with a queue of keys, for small batches; byol, simsiam, barlow-twins and vicreg compare views of one image only; default supcon`,
  },
  loss: {
    type: 'string',
    value: 'NAME',
    help: `of moco, of queries and keys: ${Object.keys(lossVariants()).join(', ')}; without --method, in the place of one`,
  },
  encoder: {
    type: 'string',
    value: 'NAME|FILE',
    default: 'resnet18',
    help: `the network whose features are trained: ${encoderNames().join(', ')}, or a file that makes one of your own`,
  },
  size: { ...positive, value: 'PIXELS', help: "side of the square views; default the data set's own, 224 for folders" },
  headDim: {
    ...positive,
    help: 'length of the vectors that the loss compares; default 128, 512 for simsiam, 1024 for barlow-twins and vicreg',
  },
  init: {
    type: 'string',
    value: 'FILE',
    help: "weights that the encoder begins with, safetensors or .pth: torchvision's, timm's, or a checkpoint of MoCo, SupContrast, lightly, solo-learn …; heads are left out",
  },
  epochs: {
    ...positive,
    min: 0,
    default: 10,
    help: 'passes over the training images; 0: a run of the untrained encoder, to compare with',
  },
  batchSize: { ...positive, help: 'images a step, each gives two views; default 256, or all of fewer images' },
  ...samplerFlags,
  microBatch: {
    ...positive,
    help: 'images that go through the encoder at once; below --batch-size, gradients are cached: less memory, a third more time',
  },
  accumulate: {
    ...positive,
    value: 'BATCHES',
    help: 'batches an update, whose gradients are added up; the loss compares within each of them only; default 1',
  },
  ema: {
    type: 'number',
    value: 'DECAY',
    min: 0,
    max: 1,
    help: 'keep a running mean of the weights, which is judged and saved in their place: the part of it that stays at an update, such as 0.999',
  },
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
  preset: {
    type: 'string',
    value: 'NAME',
    choices: Object.keys(presetVariants) as PresetName[],
    help: "a published recipe of views; default supcon up to 64 pixels, else the method's own",
  },
  precision: {
    ...floatType,
    default: 'auto',
    help: 'of forward and backward pass, weights stay float32; auto measures for a second where the CPU has bfloat16',
  },
  ...ofDevice,
  ...ofThreads,
  seed: { type: 'number', value: 'N', default: 0, min: 0, integer: true, help: 'of weights, order and views' },
  split: {
    type: 'string',
    value: 'NAME',
    choices: ['train', 'unlabeled'],
    default: 'train',
    help: 'images to train on; unlabeled: the 100 000 of stl10 without labels',
  },
  skipDamaged,
  limitTrain: { ...positive, help: 'use so many training images' },
  limitTest: { ...positive, help: 'use so many test images' },
  out: {
    type: 'string',
    short: 'o',
    value: 'DIR',
    help: 'folder of the run; default the next free runs/DATA-METHOD-N',
  },
  resume: {
    type: 'string',
    value: 'DIR',
    help: 'go on with the run in this folder, from its newest good checkpoint, with its data and options',
  },
  checkpointEvery: { ...positive, value: 'EPOCHS', default: 1, help: 'epochs between checkpoints; the end has one' },
  knnEvery: {
    type: 'number',
    value: 'EPOCHS',
    min: 0,
    integer: true,
    help: 'epochs between kNN accuracies; 0: at the end only; default a fifth of them',
  },
  ...monitorOptions,
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

/** The flags of methods, losses, encoders, views, optimizers and schedules. @param argv may name a file that adds some. */
export async function partFlags(argv: readonly string[]): Promise<OptionTable> {
  const at = argv.findIndex((word) => word === '--import' || word.startsWith('--import='));
  const file = argv[at]?.includes('=') ? argv[at]?.slice('--import='.length) : argv[at + 1];
  if (at !== -1 && file !== undefined) await importFile(resolve(file));
  return disjoint(
    trainOptions,
    [methodVariants(), encoderVariants(), presetVariants, optimizerVariants, scheduleVariants].map(flagsOfVariants),
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

/** What a run does not keep: the file that adds parts, and what does not decide the weights. */
const notKept = [
  ...['import', 'device', 'threads', 'limitTest', 'checkpointEvery', 'knnEvery', 'monitors', 'monitorEvery'],
] as readonly (keyof TrainOptions)[];

/** The command that goes on with the run in `out`. Paths are absolute: it may be typed elsewhere. */
export function resumeCommand(out: string, values: TrainOptions): string {
  const words = ['contrastive', 'train', '--resume', shellWord(out)];
  for (const name of notKept) {
    const { [name]: value } = values;
    const { default: usual } = trainOptions[name] as OptionSpec & { readonly default?: unknown };
    const text = name === 'import' && value !== undefined ? resolve(value as string) : String(value);
    if (value !== undefined && value !== usual) words.push(`--${flagOf(name)}`, shellWord(text));
  }
  return words.join(' ');
}
