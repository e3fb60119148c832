/** The encoder of a run, from its checkpoint to the features of pixels. */
import type { Augmentation } from '../augment/augment.ts';
import { resizedSide } from '../augment/presets/evaluation.ts';
import { presets } from '../augment/presets.ts';
import { encoderOf } from '../checkpoint/encoder.ts';
import { openCheckpoint } from '../checkpoint/run.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import type { DecodedImage } from '../data/decode.ts';
import { inferencePass } from '../encoders/inference.ts';
import type { Encoder } from '../encoders/registry.ts';
import { CheckpointError } from '../errors.ts';
import type { Compiled } from '../tensor/compile.ts';
import { noGrad, onInteractiveStream, tidy, withoutModes } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import {
  choosePrecision,
  inPrecision,
  type Precision,
  type PrecisionOption,
  warnOfPrecision,
} from '../tensor/precision.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface FeatureModelOptions {
  readonly checkpoint: string;
  readonly device: string;
  readonly precision: PrecisionOption;
  /** L2, each row. */
  readonly normalize: boolean;
  readonly priority: 'interactive' | 'bulk';
}

/** Images of a pass while the precision is chosen: a few requests that came together. */
const mostMeasured = 8;

export class FeatureModel {
  readonly run: { readonly folder: string; readonly config: RunConfig; readonly step: number };
  readonly channels: 1 | 3;
  readonly #encoder: Encoder;
  readonly #forward: Compiled<[Tensor], Tensor>;
  readonly #augmentation: Augmentation;
  readonly #options: FeatureModelOptions;
  #precision: Precision = 'float32';

  private constructor(run: FeatureModel['run'], channels: 1 | 3, encoder: Encoder, options: FeatureModelOptions) {
    const { size, mean, std } = run.config.input;
    this.run = run;
    this.channels = channels;
    this.#encoder = encoder;
    this.#forward = inferencePass(encoder);
    this.#augmentation = presets.evaluation({ size, mean, std, channels });
    this.#options = options;
  }

  /**
   * Loads, settles the precision and warms up: the first features of one image come as fast as later ones. The first batch
   * of each other size is recorded before it runs.
   * @throws {CheckpointError} a checkpoint that is missing, damaged or does not fit its config.
   * @throws {DeviceError} a device that is not there.
   */
  static async load(options: FeatureModelOptions): Promise<FeatureModel> {
    const { run, checkpoint } = await openCheckpoint(options.checkpoint, { optimizer: false });
    const { channels, size } = run.config.input;
    if (channels !== 1 && channels !== 3)
      throw new CheckpointError(`${run.path}: images have 1 or 3 channels, the encoder's input has ${channels}`);
    const encoder = inModes(options, () => encoderOf(run.config, checkpoint, options.device));
    const about = { folder: checkpoint.folder, config: run.config, step: checkpoint.state.step };
    const model = new FeatureModel(about, channels, encoder, options);
    try {
      const blank: DecodedImage = {
        pixels: new Uint8Array(size * size * channels),
        height: size,
        width: size,
        channels,
      };
      const pass = async (precision: Precision, images: number): Promise<void> => {
        await model.#features(new Array(images).fill(blank), precision);
      };
      const choice = await choosePrecision(options.precision, model.device, pass, mostMeasured);
      warnOfPrecision(choice);
      model.#precision = choice.precision;
      await model.features([blank]);
    } catch (error) {
      model.dispose();
      throw error;
    }
    return model;
  }

  get device(): string {
    return this.#encoder.device;
  }

  get dim(): number {
    return this.#encoder.featureDim;
  }

  get precision(): Precision {
    return this.#precision;
  }

  /** The shorter side, in pixels, that images are scaled to before the centre crop. */
  get resizedSide(): number {
    return resizedSide(this.#augmentation);
  }

  /** float32 (images, dim), row by row. */
  features(images: readonly DecodedImage[]): Promise<Float32Array> {
    return this.#features(images, this.#precision);
  }

  #features(images: readonly DecodedImage[], precision: Precision): Promise<Float32Array> {
    const { normalize } = this.#options;
    const samples = images.map((image, id) => ({ ...image, id }));
    const forward = async (): Promise<Float32Array> => {
      const batch = this.#augmentation.apply(samples, { seed: 0, device: this.device }); // (images, channels, size, size)
      const features = inPrecision(precision, () => this.#forward(batch)).to('float32');
      const vectors = normalize ? ops.normalize(features) : features;
      return (await vectors.data()) as Float32Array;
    };
    return inModes(this.#options, () => noGrad(() => tidy(forward)));
  }

  dispose(): void {
    this.#forward.dispose();
    this.#encoder.dispose();
  }
}

/** On the stream that was asked for, and in none of the modes of whoever calls: one pass serves several callers. */
function inModes<T>({ priority }: FeatureModelOptions, fn: () => T): T {
  return withoutModes(() => (priority === 'interactive' ? onInteractiveStream(fn) : fn()));
}
