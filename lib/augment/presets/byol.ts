import { checkOptions } from '../../validate.ts';
import type { Augmentation } from '../augment.ts';
import { randomHorizontalFlip } from '../random-horizontal-flip.ts';
import { randomResizedCrop } from '../random-resized-crop.ts';
import { solarize } from '../solarize.ts';
import { blurWith, colorDistortion, type PresetOptions, presetNames, recipe, sizeOf } from './options.ts';

/**
 * BYOL's two views, which differ: crop scale (0.08, 1), flip, jitter (0.4, 0.4, 0.2, 0.1) p 0.8, gray 0.2; then the first
 * is always blurred, the second blurred with p 0.1 and solarized with p 0.2, σ (0.1, 2).
 *
 * Source: Grill et al. 2020, arXiv:2006.07733, appendix B, table 6; byol/utils/augmentations.py of
 * github.com/google-deepmind/deepmind-research. Differs: brightness multiplies (theirs adds), contrast turns about the
 * mean of gray (theirs about each channel's), the crop is bilinear (bicubic there).
 *
 * @returns one augmentation a view.
 */
export function byol(options: PresetOptions): [Augmentation, Augmentation] {
  const where = 'presets.byol';
  checkOptions(where, options, presetNames);
  const size = sizeOf(where, options);
  const both = [
    randomResizedCrop(size, { scale: [0.08, 1] }),
    randomHorizontalFlip(),
    ...colorDistortion({ brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1 }),
  ];
  return [
    recipe(options, [...both, ...blurWith(1, size)]),
    recipe(options, [...both, ...blurWith(0.1, size), solarize({ p: 0.2 })]),
  ];
}
