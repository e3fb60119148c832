/**
 * The limit of our training: the model's own step on one fixed batch, with no data set and no augmentation. Prints the
 * samples per second of that, of the Trainer on images, and the share.
 *
 * usage: npm run bench -- synthetic [--help]
 */
import {
  loadDataset,
  makeOptimizer,
  ops,
  type PrecisionOption,
  presets,
  projectionHead,
  resnet18,
  Trainer,
} from '../lib/index.ts';
import { fitPrecision } from '../lib/train/fit-precision.ts';
import { checkTrainerOptions, type TrainerOptions } from '../lib/train/options.ts';
import { makeStep } from '../lib/train/step.ts';
import { makeMethod } from '../lib/train/trained.ts';
import { benchOptions, countOf } from './parts/options.ts';
import { median } from './peer.ts';

const values = benchOptions({ steps: countOf(25, 'steps of a training') });
const steps = values.steps;
const batchSize = 256;

/** The demo's model: ResNet-18 of width 16, CIFAR stem, three channels. */
function setUp(precision: PrecisionOption): TrainerOptions {
  const encoder = resnet18({ stem: 'cifar', width: 16, seed: 0 });
  const head = projectionHead({ inFeatures: encoder.featureDim, seed: 0 });
  const augment = presets.supcon({ size: 28, mean: 0.286, std: 0.353, channels: 3 });
  return { encoder, head, augment, batchSize, precision, epochs: 1 };
}

const dataset = await loadDataset('fashion-mnist', { subset: 'bundled', split: 'train' });
const { precision } = await fitPrecision(checkTrainerOptions(setUp('auto')), dataset, undefined);

async function synthetic(): Promise<number> {
  const options = { ...checkTrainerOptions(setUp(precision)), precision };
  const parameters = new Map([...options.encoder.namedParameters()]);
  const step = makeStep(options, makeOptimizer(options.optimizer, parameters), makeMethod(options));
  const nchw = ops.randn([2 * batchSize, 28, 28, 3], { seed: 1 }).permute([0, 3, 1, 2]); // channels last in memory
  const batch = {
    images: [nchw.to(precision)],
    viewOrder: [0, 1],
    labels: Int32Array.from({ length: batchSize }, (_, i) => i % 10),
    ids: BigInt64Array.from({ length: batchSize }, (_, i) => BigInt(i)),
  };
  const context = { step: 0, learningRate: 0.01, progress: 0 };
  await step.run(batch, context);
  const began = performance.now();
  let previous = step.run(batch, context);
  for (let i = 1; i < steps; i++) {
    const next = step.run(batch, context);
    await previous;
    previous = next;
  }
  await previous;
  return (steps * batchSize * 1000) / (performance.now() - began);
}

async function onImages(): Promise<number> {
  let began = 0;
  for await (const event of new Trainer(setUp(precision)).events(dataset)) {
    if (event.kind !== 'step') continue;
    if (event.step === 1) began = performance.now();
    if (event.step === steps + 1) break;
  }
  return (steps * batchSize * 1000) / (performance.now() - began);
}

const limits: number[] = [];
const reached: number[] = [];
for (let i = 0; i < 3; i++) {
  limits.push(await synthetic());
  reached.push(await onImages());
}
const shares = reached.map((value, i) => value / (limits[i] as number));
console.log(
  `${precision}: model alone ${median(limits).toFixed(0)} samples/s, training on images ${median(reached).toFixed(0)} samples/s: a share of ${median(shares).toFixed(2)} (${shares.map((share) => share.toFixed(2)).join(', ')})`,
);
