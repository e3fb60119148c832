/** A pipeline of transforms: plain data on this side, one fused native pass for each view on the other. */
import { DataError, OptionError } from '../errors.ts';
import { loadAddon, type PipelineHandle } from '../native/addon.ts';
import { guard } from '../native/errors.ts';
import { newJob } from '../native/jobs.ts';
import { flags } from '../tensor/modes.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectNumber, expectOneOf } from '../validate.ts';
import { type Transform, transformFrom } from './transform.ts';

/** A decoded image. A `Sample` of lib/data is one. */
export interface ImageSample {
  /**
   * height x width x channels bytes, row by row, channels interleaved. They are read by other threads until the result is
   * ready, not copied: until then they must not change, and their buffer must not be transferred (`postMessage`,
   * `structuredClone`, `ArrayBuffer.transfer`), resized or shrunk.
   */
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Which image it is, from 0 to 2^53 − 1: all draws are a function of it. Default: its place among the samples. */
  readonly id?: number;
}

export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** What one transform drew: `kind`, `applied`, and its numbers by name. */
export interface DrawnTransform {
  readonly kind: Transform['kind'];
  readonly applied: boolean;
  readonly [name: string]: number | readonly number[] | string | boolean;
}

export interface AugmentOptions {
  /** 3: gray images are replicated to three channels. Default: the images' own. */
  readonly channels?: 1 | 3;
}

/** An augmentation as plain data, for a run's config. */
export interface AugmentData extends AugmentOptions {
  readonly transforms: readonly Transform[];
}

export interface ApplyOptions {
  /** An integer from 0 to 2^53 − 1. Same seed, same bits, whatever the threads, the batch or its order. */
  readonly seed: number;
  /** Default 0. */
  readonly epoch?: number;
  /** Independent draws of each sample, default 1. */
  readonly views?: number;
  /** Default 'float32'. */
  readonly dtype?: 'float32' | 'bfloat16';
  /**
   * Default 'cpu'. For a CUDA device the views are made there, by batched operations on the compute stream instead of the
   * augmentation pool: the same numbers, drawn on the CPU, and the same pixels within 2/255 (a pixel on a step, such as a
   * threshold, may fall to its other side). Elsewhere they are made on the CPU and copied.
   */
  readonly device?: string;
}

export interface DrawOptions {
  readonly seed: number;
  readonly epoch?: number;
  readonly id?: number;
  readonly view?: number;
}

const counter = (name: string, value: unknown): number => expectNumber(name, value, { min: 0, integer: true });
const epochOf = (value: unknown): number => expectNumber('epoch', value, { min: 0, max: 0xffff_ffff, integer: true });

/** An ordered list of transforms. Made by `augment()`; immutable; `JSON.stringify` and `augment()` go there and back. */
export class Augmentation {
  readonly transforms: readonly Transform[];
  readonly channels: 1 | 3 | undefined;
  #pipeline: PipelineHandle | undefined;

  /** @internal Use `augment()`. */
  constructor(transforms: readonly Transform[], channels: 1 | 3 | undefined) {
    this.transforms = transforms;
    this.channels = channels;
  }

  /** @internal Made at the first use, so that describing a pipeline loads nothing. */
  pipeline(): PipelineHandle {
    this.#pipeline ??= guard(() => loadAddon().augmentPipeline(this.transforms, this.channels ?? 0));
    return this.#pipeline;
  }

  /**
   * The shape of a view of an image of shape `input`.
   * @throws {ShapeError} an image that a transform cannot take, such as one smaller than its crop.
   */
  outputShape(input: ImageShape): ImageShape {
    const [height, width, channels] = guard(() => loadAddon().augmentShape(this.pipeline(), ...dimensions(input)));
    return { height, width, channels };
  }

  /**
   * Views of every sample, computed in the background on the augmentation pool, or on a CUDA device;
   * returns a handle at once.
   *
   * The samples' pixels must not change until the result is ready.
   *
   * @returns (views · samples, channels, height, width), view-major (all samples in view 0, then in view 1, …),
   *   channels_last in memory; pixels in [0, 1] unless normalised.
   * @throws {ShapeError} results of different sizes, or an image that a transform cannot take.
   * @throws {DataError} no samples.
   */
  apply(samples: readonly ImageSample[], options: ApplyOptions): Tensor {
    checkOptions('apply', options, ['seed', 'epoch', 'views', 'dtype', 'device']);
    const { views, ...rest } = options;
    const count = expectNumber('views', views ?? 1, { min: 1, max: 4096, integer: true });
    return applyViews(new Array<Augmentation>(count).fill(this), samples, rest);
  }

  /** What `apply` draws for an image of shape `input`: one entry a transform. */
  draw(input: ImageShape, options: DrawOptions): DrawnTransform[] {
    checkOptions('draw', options, ['seed', 'epoch', 'id', 'view']);
    const seed = counter('seed', options.seed);
    const epoch = epochOf(options.epoch ?? 0);
    const id = counter('id', options.id ?? 0);
    const view = expectNumber('view', options.view ?? 0, { min: 0, max: 4095, integer: true });
    return guard(() =>
      loadAddon().augmentDraw(this.pipeline(), ...dimensions(input), seed, epoch, id, view),
    ) as DrawnTransform[];
  }

  /**
   * One image with numbers that were drawn before, or written by hand.
   * @returns (1, channels, height, width)
   * @throws {OptionError} numbers that do not fit the transforms or the image.
   */
  replay(
    image: Omit<ImageSample, 'id'>,
    drawn: readonly DrawnTransform[],
    options: { readonly dtype?: 'float32' | 'bfloat16' } = {},
  ): Tensor {
    checkOptions('replay', options, ['dtype']);
    if (!Array.isArray(drawn)) throw new OptionError(`drawn must be an array, got ${describe(drawn)}`);
    drawn.forEach((entry, i) => {
      expectOneOf(
        `drawn[${i}].kind`,
        entry?.kind,
        this.transforms.slice(i, i + 1).map(({ kind }) => kind),
      );
    });
    const dtype = expectOneOf('dtype', options.dtype ?? 'float32', ['float32', 'bfloat16']);
    const job = newJob(this.replay);
    return new Tensor(
      guard(() => loadAddon().augmentReplay(this.pipeline(), image.pixels, ...dimensions(image), drawn, dtype, job)),
    );
  }

  /** Plain data that `augment()` takes back. */
  toJSON(): AugmentData {
    return { ...(this.channels !== undefined && { channels: this.channels }), transforms: this.transforms };
  }
}

const dimensions = ({ height, width, channels }: ImageShape): [number, number, number] => [
  expectNumber('height', height, { min: 1, max: 0x7fff_ffff, integer: true }),
  expectNumber('width', width, { min: 1, max: 0x7fff_ffff, integer: true }),
  expectNumber('channels', channels, { min: 1, max: 0x7fff_ffff, integer: true }),
];

/**
 * A pipeline that is applied in order, with fresh draws for each sample and view.
 *
 * @param transforms what `randomResizedCrop(…)` and its like return, or an augmentation as plain data.
 * @throws {OptionError} an unknown kind or option (with the nearest known name), a value out of range.
 * @example
 * const views = augment([randomResizedCrop(28, { scale: [0.2, 1] }), randomHorizontalFlip()]);
 * const batch = views.apply(samples, { seed: 1, epoch: 0, views: 2 });
 */
export function augment(transforms: readonly Transform[] | AugmentData, options: AugmentOptions = {}): Augmentation {
  checkOptions('augment', options, ['channels']);
  if (!Array.isArray(transforms)) {
    checkOptions('augment', transforms, ['transforms', 'channels']);
    const { transforms: list, ...rest } = transforms as AugmentData;
    if (!Array.isArray(list)) throw new OptionError(`augment: transforms must be an array, got ${describe(list)}`);
    return augment(list as readonly Transform[], { ...rest, ...options });
  }
  const { channels } = options;
  if (channels !== undefined && channels !== 1 && channels !== 3)
    throw new OptionError(`augment: channels must be 1 or 3, got ${describe(channels)}`);
  return new Augmentation(Object.freeze(transforms.map(transformFrom)), channels);
}

/**
 * One augmentation a view, for asymmetric views: as `Augmentation.apply`, with `augmentations[v]` for view v.
 *
 * @param options.viewNumbers what each view draws as, from 0 to 65535, for a part of a sample's views; default 0, 1, ….
 * @throws {ShapeError} views of different sizes.
 */
export function applyViews(
  augmentations: readonly Augmentation[],
  samples: readonly ImageSample[],
  options: Omit<ApplyOptions, 'views'> & { readonly viewNumbers?: readonly number[] },
): Tensor {
  checkOptions('applyViews', options, ['seed', 'epoch', 'dtype', 'device', 'viewNumbers']);
  if (!Array.isArray(samples)) throw new DataError(`samples must be an array, got ${describe(samples)}`);
  const seed = counter('seed', options.seed);
  const epoch = epochOf(options.epoch ?? 0);
  const dtype = expectOneOf('dtype', options.dtype ?? 'float32', ['float32', 'bfloat16']);
  const packed = packSamples(samples);
  const job = newJob(applyViews);
  const pipelines = augmentations.map((augmentation) => augmentation.pipeline());
  const { device = 'cpu', viewNumbers } = options;
  if (guard(() => loadAddon().augmentRunsOn(device)))
    return new Tensor(
      guard(() =>
        loadAddon().augmentOnDevice(pipelines, ...packed, seed, epoch, dtype, device, flags(), job, viewNumbers),
      ),
    );
  const views = new Tensor(
    guard(() => loadAddon().augmentBatch(pipelines, ...packed, seed, epoch, dtype, job, viewNumbers)),
  );
  if (device === 'cpu') return views;
  const moved = views.to({ device });
  views.dispose();
  return moved;
}

/** Pixels, sizes (height, width, channels of each) and ids, as the addon takes them. */
function packSamples(samples: readonly ImageSample[]): [Uint8Array[], Int32Array, Float64Array] {
  const sizes = new Int32Array(3 * samples.length);
  const ids = new Float64Array(samples.length);
  for (const [i, sample] of samples.entries()) {
    sizes.set([sample.height, sample.width, sample.channels], 3 * i);
    ids[i] = counter(`samples[${i}].id`, sample.id ?? i);
  }
  return [samples.map(({ pixels }) => pixels), sizes, ids];
}

/** The number of augmentation threads; default: one a core, at low priority. Waits for the batches under way. */
export function setAugmentThreads(threads: number): void {
  const count = expectNumber('threads', threads, { min: 1, max: 1024, integer: true });
  guard(() => loadAddon().augmentThreads(count));
}
