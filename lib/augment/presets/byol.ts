import type { OptionsOf } from '../../options/option.ts';
import { resolveOptions } from '../../options/resolve.ts';
import type { Augmentation } from '../augment.ts';
import { solarize } from '../solarize.ts';
import { blurWith, colorOptions, cropAndColors, recipe } from './options.ts';

export const byolOptions = colorOptions(0.08);
export interface ByolPresetOptions extends OptionsOf<typeof byolOptions> {}

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
export function byol(options: ByolPresetOptions): [Augmentation, Augmentation] {
  const where = 'presets.byol';
  const all = resolveOptions(where, byolOptions, options, `${where}: `);
  const both = cropAndColors(all, { brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1 });
  return [
    recipe(all, [...both, ...blurWith(1, all.size)]),
    recipe(all, [...both, ...blurWith(0.1, all.size), solarize({ p: 0.2 })]),
  ];
}
