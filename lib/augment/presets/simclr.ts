/** The views of SimCLR and SimCLR v2. */
import type { OptionsOf, OptionTable, ResolvedOf } from '../../options/option.ts';
import { resolveOptions } from '../../options/resolve.ts';
import type { Augmentation } from '../augment.ts';
import { blurOption, blurWith, bySize, colorOptions, cropAndColors, isSmall, recipe } from './options.ts';

export const simclrV2Options = {
  ...colorOptions(0.08),
  /** Probability of the blur. */
  blur: blurOption(0.5),
} as const satisfies OptionTable;

export const simclrOptions = {
  ...simclrV2Options,
  /** Strength s of the colour jitter (0.8s, 0.8s, 0.8s, 0.2s); default 0.5 up to 64 pixels, else 1. */
  strength: bySize.strength,
  /** Probability of the blur; default 0 up to 64 pixels, else 0.5. */
  blur: bySize.blur,
} as const satisfies OptionTable;

export interface SimclrPresetOptions extends OptionsOf<typeof simclrOptions> {}

function views(all: ResolvedOf<typeof simclrV2Options>): Augmentation {
  const colors = cropAndColors(all, { brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2 });
  return recipe(all, [...colors, ...blurWith(all.blur, all.size)]);
}

/**
 * SimCLR's views. Up to 64 pixels its recipe for CIFAR (strength 0.5, no blur), above that for ImageNet (strength 1, blur
 * with p 0.5): crop scale (0.08, 1), flip, jitter (0.8s, 0.8s, 0.8s, 0.2s) p 0.8, gray 0.2, blur with σ (0.1, 2).
 *
 * Source: Chen et al. 2020, arXiv:2002.05709, appendices A (ImageNet) and B.9 (CIFAR); data_util.py of
 * github.com/google-research/simclr. Differs: brightness multiplies (theirs adds in version 1), the crop is bilinear
 * (bicubic there), and pixels are normalised (left in [0, 1] there).
 */
export function simclr(options: SimclrPresetOptions): Augmentation {
  const where = 'presets.simclr';
  const all = resolveOptions(where, simclrOptions, options, `${where}: `);
  const { strength = isSmall(all.size) ? 0.5 : 1, blur = isSmall(all.size) ? 0 : 0.5 } = all;
  return views({ ...all, strength, blur });
}

/**
 * SimCLR v2's views: at every size strength 1 and blur with p 0.5, that is `simclr` above 64 pixels. Version 2 has no
 * recipe of its own for small images; its brightness multiplies, as here.
 *
 * Source: Chen et al. 2020, arXiv:2006.10029, section 3; data_util.py of github.com/google-research/simclr.
 */
export function simclrV2(options: SimclrPresetOptions): Augmentation {
  return views(resolveOptions('presets.simclrV2', simclrV2Options, options, 'presets.simclrV2: '));
}
