/** The multi-crop views of SwAV and DINO. */
import { checkOptions } from '../../validate.ts';
import type { Augmentation } from '../augment.ts';
import { cropNames, type MultiCropOptions, multiCrop } from '../multi-crop.ts';
import { randomHorizontalFlip } from '../random-horizontal-flip.ts';
import { solarize } from '../solarize.ts';
import { blurWith, colorDistortion, type InputOptions, inputNames, normalization } from './options.ts';

export interface MultiCropPresetOptions extends InputOptions, Omit<MultiCropOptions, 'transforms' | 'channels'> {}

const known = [...cropNames, ...inputNames] as const;

/**
 * SwAV's views, 2×224 with crop scale (0.14, 1) and 6×96 with (0.05, 0.14): flip, jitter (0.8, 0.8, 0.8, 0.2) p 0.8, gray
 * 0.2, blur p 0.5 with σ (0.1, 2) and one kernel size in all views.
 *
 * Source: Caron et al. 2020, arXiv:2006.09882, appendix A; src/multicropdataset.py of github.com/facebookresearch/swav.
 *
 * @returns one augmentation a view, global views first.
 */
export function swav(options: MultiCropPresetOptions = {}): Augmentation[] {
  checkOptions('presets.swav', options, known);
  const { mean: _mean, std: _std, ...crops } = options;
  return multiCrop({
    ...crops,
    transforms: [
      randomHorizontalFlip(),
      ...colorDistortion({ brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2 }),
      ...blurWith(0.5, crops.globalSize ?? 224),
      normalization(options),
    ],
  });
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
export function dino(options: MultiCropPresetOptions = {}): Augmentation[] {
  checkOptions('presets.dino', options, known);
  const { mean: _mean, std: _std, ...crops } = options;
  return multiCrop({
    globalScale: [0.4, 1],
    localViews: 8,
    localScale: [0.05, 0.4],
    ...crops,
    transforms: ({ index, isGlobal }) => [
      randomHorizontalFlip(),
      ...colorDistortion({ brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1 }),
      ...blurWith(index === 0 ? 1 : isGlobal ? 0.1 : 0.5, crops.globalSize ?? 224),
      ...(isGlobal && index > 0 ? [solarize({ threshold: 128 / 255, p: 0.2 })] : []),
      normalization(options),
    ],
  });
}
