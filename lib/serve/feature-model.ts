/** From the pixels of images to an encoder's features. */
import type { Augmentation } from '../augment/augment.ts';
import { resizedSide } from '../augment/presets/evaluation.ts';
import { presets } from '../augment/presets.ts';
import type { DecodedImage } from '../data/decode.ts';
import { inferencePass } from '../encoders/inference.ts';
import type { Encoder } from '../encoders/registry.ts';
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
import { type EncoderOrigin, type EncoderSource, type OpenedEncoder, openEncoder } from './encoder-source.ts';

export interface FeatureModelOptions {
  readonly source: EncoderSource;
  readonly device: string;
  readonly precision: PrecisionOption;
  /** L2, each row. */
  readonly normalize: boolean;
  readonly priority: 'interactive' | 'bulk';
}

/** Images of a pass while the precision is chosen: a few requests that came together. */
const mostMeasured = 8;

export class FeatureModel {
  readonly origin: EncoderOrigin;
  readonly channels: 1 | 3;
  readonly #encoder: Encoder;
  readonly #forward: Compiled<[Tensor], Tensor>;
  readonly #augmentation: Augmentation;
  readonly #options: FeatureModelOptions;
  #precision: Precision = 'float32';

  private constructor({ encoder, origin }: OpenedEncoder, options: FeatureModelOptions) {
    const { size, mean, std } = origin.input;
    this.origin = origin;
    this.channels = origin.input.channels === 1 ? 1 : 3;
    this.#encoder = encoder;
    this.#forward = inferencePass(encoder);
    this.#augmentation = presets.evaluation({ size, mean, std, channels: this.channels });
    this.#options = options;
  }

  /**
   * Loads, settles the precision and warms up: the first features of one image come as fast as later ones. The first batch
   * of each other size is recorded before it runs.
   * @throws {CheckpointError} a checkpoint or a file of weights that is missing, damaged or does not fit.
   * @throws {DeviceError} a device that is not there.
   */
  static async load(options: FeatureModelOptions): Promise<FeatureModel> {
    const opened = await inModes(options, () => openEncoder(options.source, options.device));
    const model = new FeatureModel(opened, options);
    const { channels } = model;
    const { size } = opened.origin.input;
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
