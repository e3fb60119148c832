/** Images to classes inside a Node service: an embedder that also says what its run's classifier takes an image for. */
import { checkOptions, expectString } from '../validate.ts';
import {
  Embedder,
  type EmbedderOptions,
  type EmbedOptions,
  type ResolvedEmbedder,
  resolveEmbedder,
} from './embedder.ts';
import { FeatureModel, type ImageOutput } from './feature-model.ts';
import { filePixels, type ImageInput, imagePixels } from './image-input.ts';

export interface ImageClassifierOptions extends Omit<EmbedderOptions, 'checkpoint' | 'encoder' | 'weights' | 'input'> {
  /** The folder of a run that `fineTune` wrote (its newest good checkpoint is taken), or one of its checkpoint folders. */
  readonly checkpoint: string;
}

export interface ClassConfidence {
  /** Its name. */
  readonly class: string;
  /** Its index among the classes. */
  readonly label: number;
  /** Its probability, 0 to 1. */
  readonly confidence: number;
}

/** The most probable class of an image, of equals the first, and what else it may be. */
export interface Classification extends ClassConfidence {
  /** The next most probable class; absent where there is but one. */
  readonly runnerUp?: ClassConfidence;
  /** Of each class; their sum is 1. */
  readonly probabilities: Float32Array;
}

/** Made by `createClassifier()`. Holds native memory until `close()`. Images that are embedded and classified share forward passes. */
export class ImageClassifier extends Embedder {
  /** Names of the classes, by label. */
  readonly classes: readonly string[];

  /** @internal Use `createClassifier()`. */
  constructor(model: FeatureModel, options: ResolvedEmbedder) {
    super(model, options);
    this.classes = model.classes;
  }

  /** The class of an image, or of each of an array in its order. Takes and throws what `embed()` does. */
  classify(input: ImageInput, options?: EmbedOptions): Promise<Classification>;
  classify(inputs: readonly ImageInput[], options?: EmbedOptions): Promise<Classification[]>;
  async classify(
    input: ImageInput | readonly ImageInput[],
    options: EmbedOptions = {},
  ): Promise<Classification | Classification[]> {
    checkOptions('classify', options, ['signal']);
    return this.#named(await this.outputsOf(input, imagePixels, options.signal));
  }

  /** The class of an image file on this machine, or of each of several. Takes and throws what `embedFile()` does. */
  classifyFile(path: string, options?: EmbedOptions): Promise<Classification>;
  classifyFile(paths: readonly string[], options?: EmbedOptions): Promise<Classification[]>;
  async classifyFile(
    path: string | readonly string[],
    options: EmbedOptions = {},
  ): Promise<Classification | Classification[]> {
    checkOptions('classifyFile', options, ['signal']);
    return this.#named(await this.outputsOf(path, filePixels, options.signal));
  }

  #named(outputs: ImageOutput | ImageOutput[]): Classification | Classification[] {
    const nameOf = ({ probabilities }: ImageOutput): Classification => classificationOf(probabilities, this.classes);
    return Array.isArray(outputs) ? outputs.map(nameOf) : nameOf(outputs);
  }
}

/** @param probabilities one a class. */
export function classificationOf(probabilities: Float32Array, classes: readonly string[]): Classification {
  let [first, second] = [0, -1];
  for (let label = 1; label < probabilities.length; label++) {
    const value = probabilities[label] as number;
    if (value > (probabilities[first] as number)) [first, second] = [label, first];
    else if (second === -1 || value > (probabilities[second] as number)) second = label;
  }
  const of = (label: number): ClassConfidence => ({
    class: classes[label] as string,
    label,
    confidence: probabilities[label] as number,
  });
  return { ...of(first), ...(second !== -1 && { runnerUp: of(second) }), probabilities };
}

/**
 * Loads the encoder of a run that `fineTune` or `contrastive fine-tune` wrote, with its classifier, for use in a service.
 *
 * @throws {CheckpointError} a checkpoint that is missing, damaged, or of a run that trained no classifier.
 * @throws {DeviceError} a device that is not there.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * await using classifier = await createClassifier({ checkpoint: 'runs/flowers' });
 * const { class: name, confidence } = await classifier.classifyFile('photo.jpg');
 */
export async function createClassifier(options: ImageClassifierOptions): Promise<ImageClassifier> {
  checkOptions('createClassifier', options, [
    ...[
      'checkpoint',
      'device',
      'precision',
      'normalize',
      'maxBatch',
      'maxWaitMs',
      'priority',
      'maxPixels',
      'background',
    ],
  ]);
  expectString('checkpoint', options.checkpoint);
  const resolved = resolveEmbedder('createClassifier', options);
  return new ImageClassifier(await FeatureModel.load({ ...resolved, withClassifier: true }), resolved);
}
