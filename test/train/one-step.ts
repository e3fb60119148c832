/** Single steps on the first batch of an epoch, whole or in micro-batches, and what they did to the parameters. */
import type { Dataset } from '../../lib/data/dataset.ts';
import { Module } from '../../lib/nn/module.ts';
import { SGD } from '../../lib/optim/sgd.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { samplerOf, type TrainBatch, trainBatches } from '../../lib/train/batches.ts';
import { makeCachedStep } from '../../lib/train/cached-step.ts';
import { type LargeBatch, largeBatches } from '../../lib/train/large-batches.ts';
import { checkTrainerOptions, type ResolvedOptions, type TrainerOptions } from '../../lib/train/options.ts';
import type { StepResult } from '../../lib/train/report.ts';
import { makeStep } from '../../lib/train/step.ts';
import { makeMethod } from '../../lib/train/trained.ts';
import { tinyModels, tinyViews } from './tiny.ts';

export function optionsOf(options: Partial<TrainerOptions> = {}): ResolvedOptions {
  const all = { ...tinyModels(), augment: tinyViews(), batchSize: 16, seed: 3, ...options };
  const { precision = 'float32' } = options;
  return { ...checkTrainerOptions(all), precision: precision === 'auto' ? 'float32' : precision };
}

export async function firstBatch(dataset: Dataset, options: ResolvedOptions): Promise<TrainBatch> {
  for await (const batch of trainBatches(dataset, options, await samplerOf(dataset, options)).epoch(0)) return batch;
  throw new Error('the data set has no batch');
}

export async function firstLargeBatch(dataset: Dataset, options: ResolvedOptions): Promise<LargeBatch> {
  for await (const batch of largeBatches(dataset, options, await samplerOf(dataset, options)).epoch(0, 0)) return batch;
  throw new Error('the data set has no batch');
}

export async function valuesOf(tensors: Iterable<Tensor>): Promise<number[][]> {
  return Promise.all(Array.from(tensors, async (tensor) => Array.from(await tensor.data(), Number)));
}

export const parametersOf = ({ encoder, head }: ResolvedOptions): Tensor[] => [
  ...encoder.parameters(),
  ...(head?.namedParameters().values() ?? []),
];

export const buffersOf = ({ encoder, head }: ResolvedOptions): Tensor[] => [
  ...encoder.namedBuffers().values(),
  ...(head instanceof Module ? head.namedBuffers().values() : []),
];

/** A step of plain SGD with rate 1: what it takes from the parameters is the gradient. */
export async function gradientOf(
  dataset: Dataset,
  options: ResolvedOptions,
): Promise<StepResult & { gradient: number[][] }> {
  const parameters = parametersOf(options);
  const before = await valuesOf(parameters);
  const optimizer = new SGD(parameters, { lr: 1 });
  const context = { step: 0, learningRate: 1, progress: 0 };
  let result: StepResult;
  if (options.microBatch < options.batchSize) {
    const large = await firstLargeBatch(dataset, options);
    result = await makeCachedStep(options, optimizer, makeMethod(options)).run(large, {
      ...context,
      signal: undefined,
    });
  } else {
    using batch = await firstBatch(dataset, options);
    result = await makeStep(options, optimizer, makeMethod(options)).run(batch, context);
  }
  const after = await valuesOf(parameters);
  const gradient = before.map((values, i) => values.map((value, j) => value - (after[i]?.[j] as number)));
  return { ...result, gradient };
}

/** The largest difference of two lists of lists. */
export function farthest(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  let most = 0;
  for (const [i, values] of a.entries())
    for (const [j, value] of values.entries()) most = Math.max(most, Math.abs(value - (b[i]?.[j] as number)));
  return most;
}
