/** A training as config.json keeps it. */
import type { Augmentation } from '../augment/augment.ts';
import type { JsonObject, RunConfig } from '../checkpoint/run-config.ts';
import type { Dataset } from '../data/dataset.ts';
import { readSample } from '../data/sample-reader.ts';
import type { Sampler } from '../data/sampler.ts';
import { CheckpointError } from '../errors.ts';
import { Module } from '../nn/module.ts';
import type { PrecisionChoice } from '../tensor/precision.ts';
import { markOf } from './dataset-mark.ts';
import type { ResolvedFit } from './fit-options.ts';
import type { ResolvedOptions } from './options.ts';

/** `value` as plain data. */
export const json = (value: unknown): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject;

/** What the pipeline makes: the encoder's input. */
async function inputOf(augmentation: Augmentation, dataset: Dataset): Promise<RunConfig['input']> {
  const sample = await readSample(dataset, 0);
  const { height, width, channels } = augmentation.outputShape(sample);
  if (height !== width)
    throw new CheckpointError(`a run needs square views, got ${height} x ${width}; train without out to keep others`);
  const last = augmentation.transforms.findLast((transform) => transform.kind === 'normalize');
  const spread = (value: number | readonly number[] | undefined, fallback: number): number[] => {
    if (typeof value === 'object') return value.length === channels ? [...value] : new Array(channels).fill(value[0]);
    return new Array(channels).fill(value ?? fallback);
  };
  return { size: height, channels, mean: spread(last?.mean, 0), std: spread(last?.std, 1) };
}

/** Of a module that its name and options make again; others have the name of their class. */
const configJson = (part: object): JsonObject =>
  part instanceof Module && part.config ? json(part.config) : { name: part.constructor.name || 'custom' };

/** A loss of the user's own has no name. */
const methodJson = (spec: object): RunConfig['method'] =>
  JSON.parse(JSON.stringify(spec, (_, value) => (typeof value === 'function' ? { name: 'custom' } : value)));

export async function configOf(
  options: ResolvedOptions,
  sampler: Sampler,
  choice: PrecisionChoice,
  dataset: Dataset,
  fit: ResolvedFit,
): Promise<RunConfig> {
  const { encoder, head, method, augment, optimizer, schedule, epochs, seed } = options;
  const { batchSize, microBatch, accumulate, ema, syncBatchNorm, gather } = options;
  const { encoderFile } = fit;
  const first = augment[0] as Augmentation;
  return {
    format: 1,
    encoder: {
      ...configJson(encoder),
      ...(encoderFile !== undefined && { file: encoderFile }),
    } as RunConfig['encoder'],
    head: head === null ? null : configJson(head),
    method: methodJson(method.spec),
    augment: augment.map((view) => json(view)),
    ...(fit.preset && { preset: json(fit.preset) }),
    ...(fit.recipe && { recipe: json(fit.recipe) }),
    input: await inputOf(first, dataset),
    optimizer: json(optimizer),
    schedule: typeof schedule === 'function' ? { name: 'custom' } : json(schedule),
    batchSize,
    ...(sampler.config && { sampler: json(sampler.config) }),
    ...(microBatch < batchSize && { microBatch }),
    ...(accumulate > 1 && { accumulate }),
    ...(ema && { ema: json(ema) }),
    ...(!syncBatchNorm && { syncBatchNorm }),
    ...(!gather && { gather }),
    epochs,
    seed,
    precision: choice.precision,
    ...(choice.speeds && { precisionSpeeds: { ...choice.speeds } }),
    ...(method.spec.name === 'cross-entropy' && dataset.classes && { classes: [...dataset.classes] }),
    data: fit.data ?? dataset.origin ?? { name: dataset.name, path: null, limit: null },
    dataset: await markOf(dataset),
  };
}
