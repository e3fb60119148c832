/**
 * Both stages on Fashion-MNIST: pre-train an encoder with a contrastive loss, then judge its features.
 *
 *     npx tsx examples/train.ts                 about a minute on two cores
 *     npx tsx examples/train.ts --epochs 20 --method simclr
 */
import { parseArgs } from 'node:util';
import {
  augment,
  colorJitter,
  extractFeatures,
  knnClassify,
  linearProbe,
  loadDataset,
  normalize,
  presets,
  projectionHead,
  randomHorizontalFlip,
  randomResizedCrop,
  resnet18,
  simclr,
  supcon,
  Trainer,
} from 'contrastive';

export interface TrainingConfig {
  readonly method: 'supcon' | 'simclr';
  /** Passes over the training images. */
  readonly epochs: number;
  /** Images a step; each gives two views. */
  readonly batchSize: number;
  /** Peak learning rate of SGD with momentum 0.9. */
  readonly lr: number;
  /** τ of the method's loss. */
  readonly temperature: number;
  /** Channels of the encoder's first stage; torchvision's ResNet-18 has 64. */
  readonly width: number;
  /** Training and test images; at most the 10 000 and 2 000 of the package. */
  readonly images: readonly [train: number, test: number];
  /** Of weights, order and views. */
  readonly seed: number;
  /** Folder of the run, which must not exist yet; without it nothing is written. */
  readonly out?: string;
}

export const defaults: TrainingConfig = {
  method: 'supcon',
  epochs: 5,
  batchSize: 256,
  lr: 0.05,
  temperature: 0.1,
  width: 16,
  images: [10_000, 2_000],
  seed: 0,
};

// Of Fashion-MNIST's pixels, scaled to 0 … 1.
const [mean, std] = [0.286, 0.353];

/** Trains and judges; `log` hears one line an epoch. */
export async function train(config: TrainingConfig, log: (line: string) => void = console.log) {
  const { method, temperature, lr, epochs, batchSize, width, seed, out } = config;
  const [trainSet, testSet] = await Promise.all([
    loadDataset('fashion-mnist', { split: 'train', limit: config.images[0], subset: 'bundled' }),
    loadDataset('fashion-mnist', { split: 'test', limit: config.images[1], subset: 'bundled' }),
  ]);

  // Stage 1: two random views of every image; pull together what belongs together.
  const views = augment([
    randomResizedCrop(28, { scale: [0.2, 1] }),
    randomHorizontalFlip(),
    colorJitter({ brightness: 0.4, contrast: 0.4, p: 0.8 }),
    normalize(mean, std),
  ]);
  using encoder = resnet18({ stem: 'cifar', width, inChannels: 1, seed });
  using head = projectionHead({ inFeatures: encoder.featureDim, seed });
  const trainer = new Trainer({
    encoder,
    head,
    method: method === 'supcon' ? supcon({ temperature }) : simclr({ temperature }),
    augment: views,
    optimizer: { name: 'sgd', lr, momentum: 0.9, weightDecay: 1e-4 },
    schedule: { name: 'cosine', warmup: 0.05 },
    precision: 'auto',
    batchSize,
    epochs,
    seed,
  });
  for await (const event of trainer.events(trainSet, out === undefined ? {} : { out })) {
    if (event.kind === 'epoch') log(`epoch ${event.epoch + 1}/${epochs}: loss ${event.loss.toFixed(4)}`);
    if (event.kind === 'end') log(`${event.samplesPerSecond.toFixed(0)} images/s`);
  }

  // Stage 2: the head is dropped, the encoder is frozen, its features are what is used.
  const still = presets.evaluation({ size: 28, mean, std });
  const fitted = await extractFeatures(encoder, trainSet, { evaluation: still });
  const judged = await extractFeatures(encoder, testSet, { evaluation: still });
  const knn = await knnClassify(fitted, judged, { k: 20, temperature: 0.1 });
  const probe = await linearProbe(fitted, judged);
  for (const { features } of [fitted, judged]) features.dispose();
  log(`kNN ${(100 * knn.accuracy).toFixed(1)} %, linear probe ${(100 * probe.accuracy).toFixed(1)} %`);
  return { knn: knn.accuracy, linear: probe.accuracy };
}

/** A whole number above 0 that was typed. */
function count(flag: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${flag} must be a whole number above 0, got '${text}'`);
  return Number(text);
}

/** The training that a command line asks for. Throws what is wrong with it. */
export function configOf(args: string[]): TrainingConfig {
  const { values } = parseArgs({
    args,
    options: {
      method: { type: 'string', default: defaults.method },
      epochs: { type: 'string', default: String(defaults.epochs) },
      images: { type: 'string', default: String(defaults.images[0]) },
      out: { type: 'string' },
    },
  });
  if (values.method !== 'supcon' && values.method !== 'simclr')
    throw new Error(`--method must be supcon or simclr, got '${values.method}'`);
  return {
    ...defaults,
    method: values.method,
    epochs: count('--epochs', values.epochs),
    images: [count('--images', values.images), defaults.images[1]],
    ...(values.out !== undefined && { out: values.out }),
  };
}

async function main(): Promise<void> {
  await train(configOf(process.argv.slice(2)));
}

if (process.argv[1] === import.meta.filename)
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
