/** From the pixels of images to an encoder's features, and to the probabilities of a classifier's classes. */
import type { Augmentation } from '../augment/augment.ts';
import { resizedSide } from '../augment/presets/evaluation.ts';
import { presets } from '../augment/presets.ts';
import type { ClassifierHead } from '../checkpoint/classifier.ts';
import type { DecodedImage } from '../data/decode.ts';
import { expectFeatures } from '../encoders/features.ts';
import { inferencePass } from '../encoders/inference.ts';
import type { Encoder } from '../encoders/registry.ts';
import { CheckpointError, ContrastiveError, errorOf } from '../errors.ts';
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
import { type EncoderOrigin, type OpenedEncoder, openEncoder, type ResolvedSource } from './encoder-source.ts';
import { modelMark } from './model-mark.ts';

export interface FeatureModelOptions {
  readonly source: ResolvedSource;
  readonly device: string;
  readonly precision: PrecisionOption;
  /** L2, each vector. */
  readonly normalize: boolean;
  /** Opens the classifier of a run too. */
  readonly withClassifier: boolean;
  readonly priority: 'interactive' | 'bulk';
}

/** What comes of one image; each has memory of its own. */
export interface ImageOutput {
  /** Its features: (dim). */
  readonly vector: Float32Array;
  /** Above 0, their sum is 1: (classes). Empty without a classifier. */
  readonly probabilities: Float32Array;
}

/** Whether there is no NaN or infinity in it. */
export const isFiniteOutput = ({ vector, probabilities }: ImageOutput): boolean =>
  vector.every(Number.isFinite) && probabilities.every(Number.isFinite);

/** Images of a pass while the precision is chosen: a few requests that came together. */
const mostMeasured = 8;

export class FeatureModel {
  readonly origin: EncoderOrigin;
  /** Says which model features are of: `modelMark()`. */
  readonly mark: string;
  readonly channels: 1 | 3;
  readonly #encoder: Encoder;
  readonly #classifier: ClassifierHead | undefined;
  readonly #forward: Compiled<[Tensor], Tensor>;
  readonly #augmentation: Augmentation;
  readonly #options: FeatureModelOptions;
  #precision: Precision = 'float32';

  private constructor({ encoder, origin, classifier }: OpenedEncoder, mark: string, options: FeatureModelOptions) {
    const { size, mean, std } = origin.input;
    this.origin = origin;
    this.mark = mark;
    this.channels = origin.input.channels === 1 ? 1 : 3;
    this.#encoder = encoder;
    this.#classifier = classifier;
    this.#forward = inferencePass(encoder);
    this.#augmentation = presets.evaluation({ size, mean, std, channels: this.channels });
    this.#options = options;
  }

  /**
   * Loads, settles the precision and warms up: the first features of one image come as fast as later ones. The first batch
   * of each other size is recorded before it runs.
   * @throws {CheckpointError} a checkpoint or a file of weights that is missing, damaged, does not fit or is not finite.
   * @throws {DeviceError} a device that is not there.
   */
  static async load(options: FeatureModelOptions): Promise<FeatureModel> {
    const opened = await inModes(options, () => openEncoder(options.source, options.device, options.withClassifier));
    const mark = await modelMark(opened.origin).catch((error: unknown) => {
      opened.encoder.dispose();
      opened.classifier?.head.dispose();
      throw error;
    });
    const model = new FeatureModel(opened, mark, options);
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
        await model.#rows(new Array(images).fill(blank), precision);
      };
      const choice = await choosePrecision(options.precision, model.device, pass, mostMeasured);
      warnOfPrecision(choice);
      model.#precision = choice.precision;
      const [output] = await model.outputs([blank]);
      if (!isFiniteOutput(output as ImageOutput))
        throw errorOf('ERR_NON_FINITE', 'the features of a black image are not finite');
    } catch (error) {
      model.dispose();
      if (!(error instanceof ContrastiveError && error.code === 'ERR_NON_FINITE')) throw error;
      const { checkpoint, weights } = options.source;
      throw new CheckpointError(`${checkpoint ?? weights}: ${error.message}`, { cause: error });
    }
    return model;
  }

  get device(): string {
    return this.#encoder.device;
  }

  get dim(): number {
    return this.#encoder.featureDim;
  }

  /** Names of the classifier's classes; none without one. */
  get classes(): readonly string[] {
    return this.#classifier?.classes ?? [];
  }

  get precision(): Precision {
    return this.#precision;
  }

  /** The shorter side, in pixels, that images are scaled to before the centre crop. */
  get resizedSide(): number {
    return resizedSide(this.#augmentation);
  }

  async outputs(images: readonly DecodedImage[]): Promise<ImageOutput[]> {
    const rows = await this.#rows(images, this.#precision);
    const { dim } = this;
    const width = rows.length / images.length;
    return images.map((_, i) => ({
      vector: rows.slice(i * width, i * width + dim),
      probabilities: rows.slice(i * width + dim, (i + 1) * width),
    }));
  }

  /** float32 (images, dim + classes): features, then probabilities. */
  #rows(images: readonly DecodedImage[], precision: Precision): Promise<Float32Array> {
    const { normalize } = this.#options;
    const samples = images.map((image, id) => ({ ...image, id }));
    const forward = async (): Promise<Float32Array> => {
      const batch = this.#augmentation.apply(samples, { seed: 0, device: this.device }); // (images, channels, size, size)
      const encoded = inPrecision(precision, () => this.#forward(batch));
      const features = expectFeatures(this.#encoder, encoded, images.length).to('float32');
      const vectors = normalize ? ops.normalize(features) : features;
      const probabilities = this.#classifier?.head.forward(features).softmax(1);
      const rows = probabilities === undefined ? vectors : ops.cat([vectors, probabilities], 1);
      return (await rows.data()) as Float32Array;
    };
    return inModes(this.#options, () => noGrad(() => tidy(forward)));
  }

  dispose(): void {
    this.#forward.dispose();
    this.#encoder.dispose();
    this.#classifier?.head.dispose();
  }
}

/** On the stream that was asked for, and in none of the modes of whoever calls: one pass serves several callers. */
function inModes<T>({ priority }: FeatureModelOptions, fn: () => T): T {
  return withoutModes(() => (priority === 'interactive' ? onInteractiveStream(fn) : fn()));
}
