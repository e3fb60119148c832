import { checkOptions } from '../../validate.ts';
import type { Augmentation } from '../augment.ts';
import { randomHorizontalFlip } from '../random-horizontal-flip.ts';
import { randomResizedCrop } from '../random-resized-crop.ts';
import { colorDistortion, type PresetOptions, presetNames, recipe, sizeOf } from './options.ts';

/**
 * SupCon's views: crop scale (0.2, 1), flip, jitter (0.4, 0.4, 0.4, 0.1) p 0.8, gray 0.2, no blur.
 *
 * Source: main_supcon.py of github.com/HobbitLong/SupContrast, the code of Khosla et al. 2020, arXiv:2004.11362.
 */
export function supcon(options: PresetOptions): Augmentation {
  const where = 'presets.supcon';
  checkOptions(where, options, presetNames);
  return recipe(options, [
    randomResizedCrop(sizeOf(where, options), { scale: [0.2, 1] }),
    randomHorizontalFlip(),
    ...colorDistortion({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
  ]);
}
