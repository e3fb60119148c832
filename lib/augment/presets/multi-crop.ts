/** The multi-crop views of SwAV and DINO. */
import type { OptionsOf, OptionTable, ResolvedOf } from '../../options/option.ts';
import { resolveOptions } from '../../options/resolve.ts';
import type { Augmentation } from '../augment.ts';
import { cropOptions, type MultiCropView, multiCrop } from '../multi-crop.ts';
import { normalize } from '../normalize.ts';
import { randomHorizontalFlip } from '../random-horizontal-flip.ts';
import { solarize } from '../solarize.ts';
import type { Transform } from '../transform.ts';
import { blurWith, colorDistortion, presetOptions } from './options.ts';

const { default: _, ...localSize } = cropOptions.localSize;

export const swavOptions = {
  ...presetOptions,
  ...cropOptions,
  /** Side of the square local views in pixels; default 96 of 224, as a part of `size`, in whole patches of a vision transformer. */
  localSize: { ...localSize, usual: '96 for 224 large pixels' },
} as const satisfies OptionTable;

export const dinoOptions = {
  ...swavOptions,
  /** Part of the image's area, default [0.4, 1]. */
  globalScale: { ...swavOptions.globalScale, default: [0.4, 1] },
  /** Default 8. */
  localViews: { ...swavOptions.localViews, default: 8 },
  /** Default [0.05, 0.4]. */
  localScale: { ...swavOptions.localScale, default: [0.05, 0.4] },
} as const satisfies OptionTable;

/** `size` is the side of the global views. */
export interface MultiCropPresetOptions extends OptionsOf<typeof swavOptions> {}

/** 96 of 224, in the patches that a vision transformer has for such images: of 16 pixels from 112 on, of 8 from 56, of 4 from 28. */
function usualLocalSize(size: number): number {
  const patch = [16, 8, 4, 2].find((side) => size / side >= 7) ?? 1;
  return patch * Math.max(1, Math.round((size * 96) / 224 / patch));
}

function views(
  { size, mean, std, channels, localSize, ...crops }: ResolvedOf<typeof swavOptions>,
  transforms: (view: MultiCropView) => readonly Transform[],
): Augmentation[] {
  return multiCrop({
    ...crops,
    globalSize: size,
    localSize: localSize ?? usualLocalSize(size),
    channels,
    transforms: (view) => [...transforms(view), normalize(mean, std)],
  });
}

/**
 * SwAV's views, 2×224 with crop scale (0.14, 1) and 6×96 with (0.05, 0.14): flip, jitter (0.8, 0.8, 0.8, 0.2) p 0.8, gray
 * 0.2, blur p 0.5 with σ (0.1, 2) and one kernel size in all views.
 *
 * Source: Caron et al. 2020, arXiv:2006.09882, appendix A; src/multicropdataset.py of github.com/facebookresearch/swav.
 *
 * @returns one augmentation a view, global views first.
 */
export function swav(options: MultiCropPresetOptions): Augmentation[] {
  const all = resolveOptions('presets.swav', swavOptions, options, 'presets.swav: ');
  return views(all, () => [
    randomHorizontalFlip(),
    ...colorDistortion({ brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2 }),
    ...blurWith(0.5, all.size),
  ]);
}

/**
 * DINO's views, 2×224 with crop scale (0.4, 1) and 8×96 with (0.05, 0.4): flip, jitter (0.4, 0.4, 0.2, 0.1) p 0.8, gray
 * 0.2, and blur with σ (0.1, 2): always in the first view, with p 0.1 in the other global views, which are also solarized
 * with p 0.2, with p 0.5 in the local ones.
 *
 * Source: Caron et al. 2021, arXiv:2104.14294; DataAugmentationDINO in main_dino.py of github.com/facebookresearch/dino.
 * Differs: PIL's blur there has no kernel size; the crop is bilinear (bicubic there).
 *
 * @returns one augmentation a view, global views first.
 */
export function dino(options: MultiCropPresetOptions): Augmentation[] {
  const all = resolveOptions('presets.dino', dinoOptions, options, 'presets.dino: ');
  return views(all as ResolvedOf<typeof swavOptions>, ({ index, isGlobal }) => [
    randomHorizontalFlip(),
    ...colorDistortion({ brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1 }),
    ...blurWith(index === 0 ? 1 : isGlobal ? 0.1 : 0.5, all.size),
    ...(isGlobal && index > 0 ? [solarize({ threshold: 128 / 255, p: 0.2 })] : []),
  ]);
}
