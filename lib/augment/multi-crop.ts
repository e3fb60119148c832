/** Views of two sizes: a few large crops, and more of small parts of the image. */
import { OptionError } from '../errors.ts';
import { checkOptions, describe, expectNumber } from '../validate.ts';
import { expectRange, pixels, type Range } from './arguments.ts';
import { type Augmentation, type AugmentOptions, augment } from './augment.ts';
import { randomResizedCrop } from './random-resized-crop.ts';
import type { Transform } from './transform.ts';

/** One view of a multi-crop, for those whose transforms depend on it. */
export interface MultiCropView {
  /** From 0; the global views come first. */
  readonly index: number;
  readonly isGlobal: boolean;
  /** The side in pixels. */
  readonly size: number;
}

export interface MultiCropOptions extends AugmentOptions {
  /** Side of the square global views in pixels, default 224. */
  readonly globalSize?: number;
  /** Default 2. */
  readonly globalViews?: number;
  /** Part of the image's area, default [0.14, 1]. */
  readonly globalScale?: Range;
  /** Side of the square local views in pixels, default 96. */
  readonly localSize?: number;
  /** Default 6. */
  readonly localViews?: number;
  /** Default [0.05, 0.14]. */
  readonly localScale?: Range;
  /** What follows the crop: the same for all views, or a function of the view. Default: nothing. */
  readonly transforms?: readonly Transform[] | ((view: MultiCropView) => readonly Transform[]);
}

/** The options that say how many crops there are, and how large. */
export const cropNames = ['globalSize', 'globalViews', 'globalScale', 'localSize', 'localViews', 'localScale'] as const;
const known = [...cropNames, 'transforms', 'channels'] as const;

/**
 * Multi-crop: one augmentation a view, global views first, each a random resized crop and then `transforms`. The views'
 * sizes differ, so `applyViews` cannot put them into one tensor; the `Trainer` takes them. `presets.swav` and
 * `presets.dino` are the published recipes.
 *
 * Source: Caron et al. 2020 (SwAV), arXiv:2006.09882, section 3.2; the defaults are its 2×224 + 6×96 of appendix A.
 *
 * @throws {OptionError} an unknown option, a size or number of views below 1 (`localViews`: below 0), a bad range.
 * @example
 * const views = multiCrop({ globalSize: 32, localSize: 16, transforms: [randomHorizontalFlip(), normalize(0.5, 0.25)] });
 */
export function multiCrop(options: MultiCropOptions = {}): Augmentation[] {
  const where = 'multiCrop';
  checkOptions(where, options, known);
  const globalSize = pixels(`${where}: globalSize`, options.globalSize ?? 224);
  const localSize = pixels(`${where}: localSize`, options.localSize ?? 96);
  const countOf = (name: string, value: number, min: number) =>
    expectNumber(`${where}: ${name}`, value, { min, max: 64, integer: true });
  const globalViews = countOf('globalViews', options.globalViews ?? 2, 1);
  const localViews = countOf('localViews', options.localViews ?? 6, 0);
  const globalScale = expectRange(`${where}: globalScale`, options.globalScale ?? [0.14, 1], { above: 0 });
  const localScale = expectRange(`${where}: localScale`, options.localScale ?? [0.05, 0.14], { above: 0 });
  const { transforms = [], channels } = options;
  if (!Array.isArray(transforms) && typeof transforms !== 'function')
    throw new OptionError(`${where}: transforms must be an array or a function, got ${describe(transforms)}`);
  return Array.from({ length: globalViews + localViews }, (_, index) => {
    const isGlobal = index < globalViews;
    const size = isGlobal ? globalSize : localSize;
    const crop = randomResizedCrop(size, { scale: isGlobal ? globalScale : localScale });
    const rest: readonly Transform[] =
      typeof transforms === 'function' ? transforms({ index, isGlobal, size }) : transforms;
    return augment([crop, ...rest], channels === undefined ? {} : { channels });
  });
}
