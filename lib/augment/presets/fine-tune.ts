import { checkOptions } from '../../validate.ts';
import type { Augmentation } from '../augment.ts';
import { randomHorizontalFlip } from '../random-horizontal-flip.ts';
import { randomResizedCrop } from '../random-resized-crop.ts';
import { type PresetOptions, presetNames, recipe, sizeOf } from './options.ts';

/**
 * Supervised training and fine-tuning: crop scale (0.08, 1), flip, nothing of colours.
 *
 * Source: Chen et al. 2020, arXiv:2002.05709, appendix B.5; Szegedy et al. 2015, arXiv:1409.4842, section 6.
 */
export function fineTune(options: PresetOptions): Augmentation {
  const where = 'presets.fineTune';
  checkOptions(where, options, presetNames);
  return recipe(options, [randomResizedCrop(sizeOf(where, options)), randomHorizontalFlip()]);
}
