import { checkOptions } from '../../validate.ts';
import type { Augmentation } from '../augment.ts';
import { randomHorizontalFlip } from '../random-horizontal-flip.ts';
import { randomResizedCrop } from '../random-resized-crop.ts';
import { blurWith, colorDistortion, type PresetOptions, presetNames, recipe, sizeOf } from './options.ts';

/**
 * MoCo v2's views: crop scale (0.2, 1), flip, jitter (0.4, 0.4, 0.4, 0.1) p 0.8, gray 0.2, blur p 0.5 with σ (0.1, 2).
 *
 * Source: Chen et al. 2020, arXiv:2003.04297; `--aug-plus` in main_moco.py of github.com/facebookresearch/moco. Differs:
 * PIL's blur there has no kernel size; the flip, last there, comes first, which gives the same views.
 */
export function mocoV2(options: PresetOptions): Augmentation {
  const where = 'presets.mocoV2';
  checkOptions(where, options, presetNames);
  const size = sizeOf(where, options);
  return recipe(options, [
    randomResizedCrop(size, { scale: [0.2, 1] }),
    randomHorizontalFlip(),
    ...colorDistortion({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
    ...blurWith(0.5, size),
  ]);
}
