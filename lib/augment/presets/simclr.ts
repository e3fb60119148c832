/** The views of SimCLR and SimCLR v2. */
import { checkOptions, expectNumber } from '../../validate.ts';
import type { Augmentation } from '../augment.ts';
import { randomHorizontalFlip } from '../random-horizontal-flip.ts';
import { randomResizedCrop } from '../random-resized-crop.ts';
import { blurWith, colorDistortion, isSmall, type PresetOptions, presetNames, recipe, sizeOf } from './options.ts';

export interface SimclrPresetOptions extends PresetOptions {
  /** Strength s of the colour jitter (0.8s, 0.8s, 0.8s, 0.2s). */
  readonly strength?: number;
  /** Probability of the blur. */
  readonly blur?: number;
}

function views(
  where: string,
  options: SimclrPresetOptions,
  defaults: { strength: number; blur: number },
): Augmentation {
  const size = sizeOf(where, options);
  const s = expectNumber(`${where}: strength`, options.strength ?? defaults.strength, { min: 0, max: 2.5 });
  const blur = expectNumber(`${where}: blur`, options.blur ?? defaults.blur, { min: 0, max: 1 });
  return recipe(options, [
    randomResizedCrop(size, { scale: [0.08, 1] }),
    randomHorizontalFlip(),
    ...colorDistortion({ brightness: 0.8 * s, contrast: 0.8 * s, saturation: 0.8 * s, hue: 0.2 * s }),
    ...blurWith(blur, size),
  ]);
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
  checkOptions(where, options, [...presetNames, 'strength', 'blur']);
  return views(where, options, isSmall(options.size) ? { strength: 0.5, blur: 0 } : { strength: 1, blur: 0.5 });
}

/**
 * SimCLR v2's views: at every size strength 1 and blur with p 0.5, that is `simclr` above 64 pixels. Version 2 has no
 * recipe of its own for small images; its brightness multiplies, as here.
 *
 * Source: Chen et al. 2020, arXiv:2006.10029, section 3; data_util.py of github.com/google-research/simclr.
 */
export function simclrV2(options: SimclrPresetOptions): Augmentation {
  const where = 'presets.simclrV2';
  checkOptions(where, options, [...presetNames, 'strength', 'blur']);
  return views(where, options, { strength: 1, blur: 0.5 });
}
