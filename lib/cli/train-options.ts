/** The options of `contrastive train`, and the way back from their values to a command line. */
import { encoderNames } from '../encoders/all.ts';
import { supConOptions } from '../losses/sup-con.ts';
import type { OptionSpec, OptionTable, OptionValues } from './command.ts';
import { dataOption, skipDamaged } from './data-option.ts';
import { recipeNames } from './methods.ts';
import { monitorOptions } from './monitor-option.ts';
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
  method: {
    type: 'string',
    value: 'NAME',
    choices: recipeNames,
    default: 'supcon',
    help: 'supcon learns from labels, the others from images alone; moco compares with a queue of keys, for small batches; byol, simsiam, barlow-twins and vicreg compare views of one image only',
  },
  variant: {
    type: 'string',
    value: 'out|in',
    choices: ['out', 'in'],
    help: 'of supcon and moco with that loss: where the mean over the positives stands; default out',
  },
  denominators: {
    type: 'string',
    value: 'NAME',
    choices: supConOptions.denominators.choices,
    help: 'of supcon and moco with that loss: what a positive is compared with; default all',
  },
  loss: {
    type: 'string',
    value: 'NAME',
    choices: ['nt-xent', 'supcon', 'dcl', 'dclw'],
    help: 'of moco: supcon looks at labels, dcl leaves the positive out of the denominator, dclw also weights positives; default nt-xent',
  },
  weighted: { type: 'boolean', help: 'of dcl: weights positives by how far apart they are' },
  hardNegatives: {
    type: 'number',
    value: 'BETA',
    min: 0,
    help: 'weight negatives by exp(BETA · similarity / temperature); not with dcl and dclw',
  },
  encoder: {
    type: 'string',
    value: 'NAME|FILE',
    default: 'resnet18',
    help: `the network whose features are trained: ${encoderNames().join(', ')}, or a file that makes one of your own`,
  },
  width: {
    ...positive,
    help: "channels of the encoder's first stage, each later stage doubles them: default 64 of a ResNet, 96 of a ConvNeXt; length of the tokens of a ViT",
  },
  stem: {
    type: 'string',
    value: 'NAME',
    choices: ['imagenet', 'cifar'],
    help: 'first layers of a ResNet, MobileNet or EfficientNet; default cifar (keeps the resolution) up to 64 pixels, else imagenet',
  },
  patch: {
    ...positive,
    value: 'PIXELS',
    help: 'side of the patches that a ViT or ConvNeXt begins with; default 16 and 4, less for images up to 112 and 64 pixels',
  },
  size: { ...positive, value: 'PIXELS', help: "side of the square views; default the data set's own, 224 for folders" },
  headDim: { ...positive, help: 'length of the vectors that the loss compares; default 128, 512 for simsiam, 1024 for barlow-twins and vicreg' },
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
  teacherMomentum: {
    type: 'number',
    value: 'M',
    min: 0,
    max: 1,
    help: 'of moco, byol and dino: part of the second network that stays at each step; default 0.99',
  },
  teacherMomentumEnd: {
    type: 'number',
    value: 'M',
    min: 0,
    max: 1,
    help: 'that it reaches at the end, along half a cosine; default: it stays for moco, 1 for byol and dino',
  },
  queue: {
    ...positive,
    value: 'KEYS',
    help: 'of moco and nnclr: keys that the queue holds, at least --batch-size; default 4096',
  },
  symmetric: { type: 'boolean', help: 'of moco: both views are queries in turn, twice the time and the anchors' },
  temperature: { type: 'number', value: 'T', above: 0, help: 'of the contrastive losses; default 0.1' },
  temperatureEnd: { type: 'number', value: 'T', above: 0, help: 'that it reaches at the end, along half a cosine' },
  optimizer: {
    type: 'string',
    value: 'NAME',
    choices: ['sgd', 'adamw', 'lars'],
    default: 'sgd',
    help: 'sgd and lars have momentum 0.9',
  },
  lr: {
    type: 'number',
    value: 'RATE',
    above: 0,
    help: 'peak learning rate; default 0.05 for sgd, 0.001 for adamw, 0.3 for lars',
  },
  weightDecay: { type: 'number', value: 'L', min: 0, help: 'default 1e-4 for sgd, 0.01 for adamw, 1e-6 for lars' },
  warmup: {
    type: 'number',
    value: 'SHARE',
    default: 0.05,
    min: 0,
    max: 0.99,
    help: 'part of the steps over which the rate rises; then it falls as a cosine',
  },
  cropMin: {
    type: 'number',
    value: 'SHARE',
    above: 0,
    max: 1,
    help: "least part of an image's area that a view shows; default 0.2, 0.08 for simclr above 64 pixels",
  },
  jitter: { type: 'number', value: 'X', min: 0, max: 2, help: 'colour jitter; default 0.4 up to 64 pixels, else 0.8' },
  blur: {
    type: 'number',
    value: 'P',
    min: 0,
    max: 1,
    help: 'part of the views blurred; default 0 up to 64 pixels, else 0.5',
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
    default: 0,
    min: 0,
    integer: true,
    help: 'epochs between kNN accuracies; 0: at the end only',
  },
  ...monitorOptions,
} as const satisfies OptionTable;

export type TrainOptions = OptionValues<typeof trainOptions>;

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** A word of a shell's command line. */
export const shellWord = (word: string): string => (/^[\w./:=,@%+-]+$/.test(word) ? word : quoted(word));

/** What a run does not keep, since it does not decide the weights. */
const notKept = [
  ...['device', 'threads', 'limitTest', 'checkpointEvery', 'knnEvery', 'monitors', 'monitorEvery'],
] as readonly (keyof TrainOptions)[];

/** The command that goes on with the run in `out`, whose path is absolute: it may be typed elsewhere. */
export function resumeCommand(out: string, values: TrainOptions): string {
  const words = ['contrastive', 'train', '--resume', shellWord(out)];
  for (const name of notKept) {
    const { [name]: value } = values;
    const { default: usual } = trainOptions[name] as OptionSpec & { readonly default?: unknown };
    if (value !== undefined && value !== usual) words.push(`--${flagOf(name)}`, shellWord(String(value)));
  }
  return words.join(' ');
}
