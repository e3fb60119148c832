/** A pipeline of transforms: plain data on this side, one fused native pass for each view on the other. */
import { DataError, OptionError } from '../errors.ts';
import { loadAddon, type PipelineHandle } from '../native/addon.ts';
import { guard } from '../native/errors.ts';
import { newJob } from '../native/jobs.ts';
import { countOption, deviceOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { asGiven, resolveOptions } from '../options/resolve.ts';
import { flags } from '../tensor/modes.ts';
import { Tensor } from '../tensor/tensor.ts';
import { describe, expectChannels, expectNumber, expectOneOf } from '../validate.ts';
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

const augmentOptions = {
  /** 3: gray images are replicated to three channels. Default: the images' own. */
  channels: { type: 'checked', check: expectChannels },
} as const satisfies OptionTable;

export interface AugmentOptions extends OptionsOf<typeof augmentOptions> {}

function expectTransforms(name: string, value: readonly Transform[]): readonly Transform[] {
  if (Array.isArray(value)) return value;
  throw new OptionError(`${name} must be an array, got ${describe(value)}`);
}

const dataOptions = {
  ...augmentOptions,
  transforms: { type: 'checked', required: true, check: expectTransforms },
} as const satisfies OptionTable;

/** An augmentation as plain data, for a run's config. */
export interface AugmentData extends OptionsOf<typeof dataOptions> {}

const natural = { type: 'number', min: 0, integer: true } as const;

/** Which draws these are. */
const drawOptions = {
  /** An integer from 0 to 2^53 − 1. Same seed, same bits, whatever the threads, the batch or its order. */
  seed: { ...natural, required: true },
  /** Default 0. */
  epoch: { ...natural, default: 0, max: 0xffff_ffff },
} as const satisfies OptionTable;

const dtypeOption = {
  /** Default 'float32'. */
  dtype: { type: 'string', choices: ['float32', 'bfloat16'], default: 'float32' },
} as const satisfies OptionTable;

const batchOptions = {
  ...drawOptions,
  ...dtypeOption,
  /**
   * Default 'cpu'. For a CUDA device the views are made there, by batched operations on the compute stream instead of the
   * augmentation pool: the same numbers, drawn on the CPU, and the same pixels within 2/255 (a pixel on a step, such as a
   * threshold, may fall to its other side). Elsewhere they are made on the CPU and copied.
   */
  device: deviceOption,
} as const satisfies OptionTable;

const applyOptions = {
  ...batchOptions,
  /** Independent draws of each sample, default 1. */
  views: { ...countOption, default: 1, max: 4096 },
} as const satisfies OptionTable;

export interface ApplyOptions extends OptionsOf<typeof applyOptions> {}

const viewsOptions = {
  ...batchOptions,
  /** What each view draws as, from 0 to 65535, for a part of a sample's views; default 0, 1, …. */
  viewNumbers: { type: 'checked', check: asGiven<readonly number[]> },
} as const satisfies OptionTable;

const oneDrawOptions = {
  ...drawOptions,
  /** Which image it is, default 0. */
  id: { ...natural, default: 0 },
  /** Default 0. */
  view: { ...natural, default: 0, max: 4095 },
} as const satisfies OptionTable;

export interface DrawOptions extends OptionsOf<typeof oneDrawOptions> {}

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
    const { views, ...rest } = resolveOptions('apply', applyOptions, options);
    return applyViews(new Array<Augmentation>(views).fill(this), samples, rest);
  }

  /** What `apply` draws for an image of shape `input`: one entry a transform. */
  draw(input: ImageShape, options: DrawOptions): DrawnTransform[] {
    const { seed, epoch, id, view } = resolveOptions('draw', oneDrawOptions, options);
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
    options: OptionsOf<typeof dtypeOption> = {},
  ): Tensor {
    const { dtype } = resolveOptions('replay', dtypeOption, options);
    if (!Array.isArray(drawn)) throw new OptionError(`drawn must be an array, got ${describe(drawn)}`);
    drawn.forEach((entry, i) => {
      expectOneOf(
        `drawn[${i}].kind`,
        entry?.kind,
        this.transforms.slice(i, i + 1).map(({ kind }) => kind),
      );
    });
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
  const { channels } = resolveOptions('augment', augmentOptions, options, 'augment: ');
  if (Array.isArray(transforms)) return new Augmentation(Object.freeze(transforms.map(transformFrom)), channels);
  const data = resolveOptions('augment', dataOptions, transforms as AugmentData, 'augment: ');
  return augment(data.transforms, { channels: channels ?? data.channels });
}

/**
 * One augmentation a view, for asymmetric views: as `Augmentation.apply`, with `augmentations[v]` for view v.
 *
 * @throws {ShapeError} views of different sizes.
 */
export function applyViews(
  augmentations: readonly Augmentation[],
  samples: readonly ImageSample[],
  options: OptionsOf<typeof viewsOptions>,
): Tensor {
  const { seed, epoch, dtype, device, viewNumbers } = resolveOptions('applyViews', viewsOptions, options);
  if (!Array.isArray(samples)) throw new DataError(`samples must be an array, got ${describe(samples)}`);
  const packed = packSamples(samples);
  const job = newJob(applyViews);
  const pipelines = augmentations.map((augmentation) => augmentation.pipeline());
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
    ids[i] = expectNumber(`samples[${i}].id`, sample.id ?? i, natural);
  }
  return [samples.map(({ pixels }) => pixels), sizes, ids];
}

/** The number of augmentation threads; default: one a core, at low priority. Waits for the batches under way. */
export function setAugmentThreads(threads: number): void {
  const count = expectNumber('threads', threads, { min: 1, max: 1024, integer: true });
  guard(() => loadAddon().augmentThreads(count));
}
