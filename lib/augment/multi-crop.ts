/** Views of two sizes: a few large crops, and more of small parts of the image. */
import { OptionError } from '../errors.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { asGiven, resolveOptions } from '../options/resolve.ts';
import { describe } from '../validate.ts';
import { pixelCount, positiveRange } from './arguments.ts';
import { type Augmentation, augment } from './augment.ts';
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

const count = { type: 'number', max: 64, integer: true, value: 'N' } as const;

/** How many crops there are, and how large. */
export const cropOptions = {
  /** Default 2. */
  globalViews: { ...count, default: 2, min: 1, help: 'large views' },
  /** Part of the image's area, default [0.14, 1]. */
  globalScale: { type: 'checked', default: [0.14, 1], check: positiveRange },
  /** Side of the square local views in pixels, default 96. */
  localSize: { ...pixelCount, default: 96, value: 'PIXELS', help: 'side of the small views' },
  /** Default 6. */
  localViews: { ...count, default: 6, min: 0, help: 'small views' },
  /** Default [0.05, 0.14]. */
  localScale: { type: 'checked', default: [0.05, 0.14], check: positiveRange },
} as const satisfies OptionTable;

type Transforms = readonly Transform[] | ((view: MultiCropView) => readonly Transform[]);

function transformsOf(name: string, value: Transforms): Transforms {
  if (Array.isArray(value) || typeof value === 'function') return value;
  throw new OptionError(`${name} must be an array or a function, got ${describe(value)}`);
}

const declared = {
  /** Side of the square global views in pixels, default 224. */
  globalSize: { ...pixelCount, default: 224 },
  ...cropOptions,
  /** What follows the crop: the same for all views, or a function of the view. Default: nothing. */
  transforms: { type: 'checked', default: [], check: transformsOf },
  /** 3: gray images are replicated to three channels. Default: the images' own. */
  channels: { type: 'checked', check: asGiven<1 | 3> },
} as const satisfies OptionTable;

export interface MultiCropOptions extends OptionsOf<typeof declared> {}

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
  const { globalSize, globalViews, globalScale, localSize, localViews, localScale, transforms, channels } =
    resolveOptions('multiCrop', declared, options, 'multiCrop: ');
  return Array.from({ length: globalViews + localViews }, (_, index) => {
    const isGlobal = index < globalViews;
    const size = isGlobal ? globalSize : localSize;
    const crop = randomResizedCrop(size, { scale: isGlobal ? globalScale : localScale });
    const rest = typeof transforms === 'function' ? transforms({ index, isGlobal, size }) : transforms;
    return augment([crop, ...rest], channels === undefined ? {} : { channels });
  });
}
