import { resolveOptions } from '../../options/resolve.ts';
import type { Augmentation } from '../augment.ts';
import { randomHorizontalFlip } from '../random-horizontal-flip.ts';
import { randomResizedCrop } from '../random-resized-crop.ts';
import { type PresetOptions, presetOptions, recipe } from './options.ts';

/**
 * Supervised training and fine-tuning: crop scale (0.08, 1), flip, nothing of colours.
 *
 * Source: Chen et al. 2020, arXiv:2002.05709, appendix B.5; Szegedy et al. 2015, arXiv:1409.4842, section 6.
 */
export function fineTune(options: PresetOptions): Augmentation {
  const all = resolveOptions('presets.fineTune', presetOptions, options, 'presets.fineTune: ');
  return recipe(all, [randomResizedCrop(all.size), randomHorizontalFlip()]);
}
