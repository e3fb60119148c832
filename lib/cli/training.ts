/** From a training as plain data, of flags or of a run's config, to modules, views and a trainer. */
import { type Augmentation, type AugmentData, augment } from '../augment/augment.ts';
import { presets } from '../augment/presets.ts';
import { presetInput } from '../checkpoint/preset-input.ts';
import type { decidingFields, RunConfig } from '../checkpoint/run-config.ts';
import type { SamplerSpec } from '../data/samplers/samplers.ts';
import { type ProjectionHeadOptions, projectionHead } from '../encoders/projection-head.ts';
import type { Encoder } from '../encoders/registry.ts';
import { OptionError } from '../errors.ts';
import type { OptimizerSpec } from '../optim/optimizer.ts';
import type { ScheduleSpec } from '../optim/schedule.ts';
import type { PrecisionOption } from '../tensor/precision.ts';
import type { EmaOptions } from '../train/averaged-weights.ts';
import { Trainer } from '../train/trainer.ts';
import { describe } from '../validate.ts';
import { neededSide } from './fine-tune-run.ts';

type Needed = 'encoder' | 'head' | 'method' | 'augment' | 'input' | 'optimizer' | 'schedule' | 'seed';
type Optional = Exclude<(typeof decidingFields)[number], Needed | 'precision'> | 'epochs' | 'preset' | 'recipe';

/** What decides the weights, under the names of config.json; what is checked is checked by the part that it is of. */
export interface TrainingSpec extends Pick<RunConfig, Needed>, Partial<Pick<RunConfig, Optional>> {
  readonly precision: PrecisionOption;
}

/** Disposing it frees the encoder and the head. */
export interface Training extends Disposable {
  readonly encoder: Encoder;
  readonly trainer: Trainer;
  /** Images as the encoder takes them without randomness. */
  readonly evaluation: Augmentation;
}

/** The shorter side that a training's images need, in pixels. */
export function sideOf({ augment: views, input }: Pick<TrainingSpec, 'augment' | 'input'>): number {
  const crops = augmentationsOf(views)
    .flatMap(({ transforms }) => transforms)
    .filter((transform) => transform.kind === 'randomResizedCrop');
  return neededSide(input.size, Math.min(1, ...crops.map(({ scale }) => scale[0])));
}

/** The views of a config. Equal ones are one augmentation. */
export function augmentationsOf(data: TrainingSpec['augment']): Augmentation[] {
  const made = new Map<string, Augmentation>();
  return data.map((view) => {
    const text = JSON.stringify(view);
    const augmentation = made.get(text) ?? augment(view as unknown as AugmentData);
    made.set(text, augmentation);
    return augmentation;
  });
}

function headOf(config: TrainingSpec['head'], { featureDim }: Encoder): Encoder | null {
  if (config === null) return null;
  const { name, ...options } = config;
  if (name !== 'projection-head')
    throw new OptionError(`head.name must be 'projection-head' for a training by command, got ${describe(name)}`);
  return projectionHead({ ...(options as unknown as ProjectionHeadOptions), inFeatures: featureDim });
}

/**
 * @param encoder belongs to the training.
 * @throws {OptionError} a value that a part refuses, by its name there.
 */
export function makeTraining(spec: TrainingSpec, encoder: Encoder, device: string): Training {
  const { batchSize, sampler, microBatch, accumulate, ema, syncBatchNorm, gather, epochs, precision, seed } = spec;
  let head: Encoder | null = null;
  const dispose = (): void => {
    encoder.dispose();
    head?.dispose();
  };
  try {
    head = headOf(spec.head, encoder);
    const trainer = new Trainer({
      encoder,
      head,
      method: spec.method,
      augment: augmentationsOf(spec.augment),
      optimizer: spec.optimizer as unknown as OptimizerSpec,
      schedule: spec.schedule as unknown as ScheduleSpec,
      ...(batchSize !== undefined && { batchSize }),
      ...(sampler !== undefined && { sampler: sampler as unknown as SamplerSpec }),
      ...(microBatch !== undefined && { microBatch }),
      ...(accumulate !== undefined && { accumulate }),
      ...(ema && { ema: ema as EmaOptions }),
      ...(syncBatchNorm !== undefined && { syncBatchNorm }),
      ...(gather !== undefined && { gather }),
      ...(epochs !== undefined && { epochs }),
      precision,
      device,
      seed,
    });
    return { encoder, trainer, evaluation: presets.evaluation(presetInput(spec.input)), [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}
