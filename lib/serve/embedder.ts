/** Images to feature vectors inside a Node service: concurrent calls share forward passes, the event loop stays free. */
import { type DecodedImage, imageFileOptions } from '../data/decode.ts';
import { priorityOption } from '../data/decode-queue.ts';
import { ContrastiveError, DataError, errorOf } from '../errors.ts';
import { countOption, deviceOption, signalOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { type Precision, precisionOption } from '../tensor/precision.ts';
import { Batcher } from './batcher.ts';
import { Calls, type CloseOptions } from './calls.ts';
import { type EncoderOrigin, expectOneSource, type ResolvedSource, sourceOptions } from './encoder-source.ts';
import { FeatureModel, type ImageOutput, isFiniteOutput } from './feature-model.ts';
import { filePixels, type ImageInput, imagePixels, type PixelOptions } from './image-input.ts';
import { mapOrdered } from './ordered.ts';

/** Of whatever serves a model. */
export const servingOptions = {
  ...imageFileOptions,
  /** 'cpu' (default), 'cuda[:N]', 'mps', 'auto'. */
  device: deviceOption,
  /**
   * Of the forward pass; vectors are float32. 'auto' measures, where bfloat16 is computed in hardware, which is faster for this
   * encoder; `info.precision` says what it took. Default 'float32'.
   */
  precision: precisionOption,
  /** Scales each vector to length 1, so that dot products are cosine similarities. Default false, as sentence-transformers. */
  normalize: { type: 'boolean', default: false, help: 'scale each vector to length 1' },
  /** Most images in one forward pass. Default 32. */
  maxBatch: { ...countOption, default: 32, max: 65_536, help: 'most images in one forward pass' },
  /** How long a decoded image waits for others that are still being decoded, in ms. A lone call never waits. Default 5. */
  maxWaitMs: { type: 'number', default: 5, min: 0, max: 60_000 },
  /**
   * 'interactive' (default): on a thread of its own, so that a call does not wait for a training step in this process.
   * 'bulk': on the compute thread with its full team, in turn with training; for whole data sets, or a service that never
   * trains.
   */
  priority: priorityOption,
} as const satisfies OptionTable;

const embedderOptions = { ...sourceOptions, ...servingOptions } as const satisfies OptionTable;

export interface EmbedderOptions extends OptionsOf<typeof embedderOptions> {}

export interface EmbedderInfo extends EncoderOrigin {
  /** Length of a vector. */
  readonly dim: number;
  readonly device: string;
  readonly precision: Precision;
  readonly normalize: boolean;
  /** Of the network, its weights and its input: equal for equal ones. An index has that of its features in `index.model`. */
  readonly model: string;
}

export const embedOptions = {
  /** Rejects the call with an AbortError; its images that wait leave the queue. */
  signal: signalOption,
} as const satisfies OptionTable;

export interface EmbedOptions extends OptionsOf<typeof embedOptions> {}

/** What a service needs of an embedder; an `Embedder` is one. */
export interface ServedEmbedder {
  readonly dim: number;
  /** Images that wait or are worked on. */
  readonly pending: number;
  readonly info: EmbedderInfo;
  embed(image: Uint8Array, options: { readonly signal: AbortSignal }): Promise<Float32Array>;
  embed(images: readonly Uint8Array[], options: { readonly signal: AbortSignal }): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** @internal */
export interface ResolvedEmbedder extends ResolvedOf<typeof servingOptions> {
  readonly source: ResolvedSource;
}

/** How images of one kind are read. */
type Reader<T> = (image: T, options: PixelOptions) => Promise<DecodedImage>;

/** Made by `createEmbedder()`. Holds native memory until `close()`. */
export class Embedder {
  readonly info: EmbedderInfo;
  readonly #model: FeatureModel;
  readonly #options: ResolvedEmbedder;
  readonly #batcher: Batcher<DecodedImage, ImageOutput>;
  readonly #calls = new Calls('the embedder');

  /** @internal Use `createEmbedder()`. */
  constructor(model: FeatureModel, options: ResolvedEmbedder) {
    const { normalize, maxBatch, maxWaitMs } = options;
    const { dim, device, precision, origin, mark } = model;
    this.info = Object.freeze({ ...origin, dim, device, precision, normalize, model: mark });
    this.#model = model;
    this.#options = options;
    this.#batcher = new Batcher<DecodedImage, ImageOutput>({
      maxBatch,
      maxWaitMs,
      run: (images) => model.outputs(images),
    });
  }

  /** Length of a vector: the encoder's `featureDim`. */
  get dim(): number {
    return this.info.dim;
  }

  /** Images that wait or are worked on; also those of calls that were aborted, until their decoding has ended. */
  get pending(): number {
    return this.#batcher.pending;
  }

  /**
   * The features r of images: the encoder's globally averaged output, before the projection head.
   *
   * Images are decoded, scaled and normalised as for evaluation (`presets.evaluation`), and nothing of it runs on the event
   * loop. Files are scaled while they are decoded, so their vectors differ a little from those of the same image as raw pixels,
   * or read whole by `extractFeatures`: cosines are about 0.999 at 64 pixels and below, and nearer to 1 above.
   *
   * Calls that are under way together share forward passes; up to rounding, vectors do not depend on which.
   *
   * @param input the bytes of an image file (Buffer, Uint8Array, ArrayBuffer, Blob), or raw pixels; or an array of these.
   * @returns float32 vectors of length `dim`, each with memory of its own; for an array in its order.
   * @throws {DataError} an image that cannot be decoded, or whose features are not finite; of an array, the first such one. Other
   * calls are unaffected.
   * @throws {ShapeError | DTypeError} raw pixels that do not fit their sizes, or are not 8-bit.
   * @throws {AbortError} the signal fired.
   * @throws {StateError} the embedder is closed.
   */
  embed(input: ImageInput, options?: EmbedOptions): Promise<Float32Array>;
  embed(inputs: readonly ImageInput[], options?: EmbedOptions): Promise<Float32Array[]>;
  async embed(
    input: ImageInput | readonly ImageInput[],
    options: EmbedOptions = {},
  ): Promise<Float32Array | Float32Array[]> {
    const { signal } = resolveOptions('embed', embedOptions, options);
    const outputs = await this.outputsOf(input, imagePixels, signal);
    return isList(outputs) ? outputs.map(({ vector }) => vector) : outputs.vector;
  }

  /**
   * The features of image files on this machine. Never hand it what a client sent: it reads any path.
   *
   * @param path of an image file, or an array of such.
   * Otherwise as `embed`.
   */
  embedFile(path: string, options?: EmbedOptions): Promise<Float32Array>;
  embedFile(paths: readonly string[], options?: EmbedOptions): Promise<Float32Array[]>;
  async embedFile(
    path: string | readonly string[],
    options: EmbedOptions = {},
  ): Promise<Float32Array | Float32Array[]> {
    const { signal } = resolveOptions('embedFile', embedOptions, options);
    const outputs = await this.outputsOf(path, filePixels, signal);
    return isList(outputs) ? outputs.map(({ vector }) => vector) : outputs.vector;
  }

  /**
   * Takes no more calls (StateError), answers those under way, then frees the native memory. A signal that fires rejects what
   * has no answer yet with an AbortError; then only the pass at work is waited for.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    await this.#batcher.close(await this.#calls.end(options));
    this.#model.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What the model makes of one image, or of each of several in their order. */
  protected async outputsOf<T>(
    input: T | readonly T[],
    read: Reader<T>,
    signal: AbortSignal | undefined,
  ): Promise<ImageOutput | ImageOutput[]> {
    return this.#calls.answer<ImageOutput | ImageOutput[]>(() =>
      isList(input) ? this.#outputsOfAll(input, read, signal) : this.#outputOf(input, read, signal),
    );
  }

  async #outputOf<T>(image: T, read: Reader<T>, signal: AbortSignal | undefined): Promise<ImageOutput> {
    const { channels, resizedSide: size } = this.#model;
    const { priority, maxPixels, background } = this.#options;
    const options = { channels, size, priority, maxPixels, background };
    const output = await this.#batcher.submit((dropped) => read(image, { ...options, signal: dropped }), signal);
    if (isFiniteOutput(output)) return output;
    throw new DataError('the features of the image are not finite; a higher precision may help');
  }

  async #outputsOfAll<T>(
    images: readonly T[],
    read: Reader<T>,
    signal: AbortSignal | undefined,
  ): Promise<ImageOutput[]> {
    const rest = new AbortController();
    const either = signal ? AbortSignal.any([signal, rest.signal]) : rest.signal;
    const work = (image: T, index: number): Promise<ImageOutput> =>
      this.#outputOf(image, read, either).catch((error) => {
        throw atIndex(error, index);
      });
    const outputs: ImageOutput[] = [];
    try {
      // Two batches at a time: an array of thousands neither fills memory nor keeps another call waiting for long.
      for await (const output of mapOrdered(images, 2 * this.#options.maxBatch, work)) outputs.push(output);
      return outputs;
    } finally {
      rest.abort(); // after a failure: the others leave the queue
    }
  }
}

const isList = <T>(input: T | readonly T[]): input is readonly T[] => Array.isArray(input);

/** The error of one image, with its place; errors of the whole call as they are. */
function atIndex(error: unknown, index: number): unknown {
  if (!(error instanceof ContrastiveError && ['ERR_DATA', 'ERR_SHAPE', 'ERR_DTYPE'].includes(error.code))) return error;
  return errorOf(error.code, `inputs[${index}]: ${error.message}`, { cause: error });
}

/**
 * Loads an encoder for use in a service: that of a run, of which the projection head is dropped, or a network by name with weights
 * from elsewhere. Normalisation layers use their running statistics.
 *
 * @throws {CheckpointError} a checkpoint or a file of weights that is missing, damaged, does not fit or is not finite.
 * @throws {DeviceError} a device that is not there.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * const embedder = await createEmbedder({ checkpoint: 'runs/supcon' });
 * const vector = await embedder.embedFile('cat.jpg'); // Float32Array of embedder.dim values
 * await embedder.close();
 * @example
 * // torchvision's: 224 pixels and ImageNet's normalisation, unless `input` says otherwise
 * const embedder = await createEmbedder({ encoder: 'resnet50', weights: 'resnet50-11ad3fa6.pth' });
 */
export async function createEmbedder(options: EmbedderOptions): Promise<Embedder> {
  const where = 'createEmbedder';
  const { checkpoint, encoder, weights, input, ...serving } = resolveOptions(where, embedderOptions, options);
  const resolved = { ...serving, source: { checkpoint, encoder, weights, input } };
  expectOneSource(where, resolved.source);
  return new Embedder(await FeatureModel.load({ ...resolved, withClassifier: false }), resolved);
}
