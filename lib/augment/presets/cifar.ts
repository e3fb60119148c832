import { checkOptions } from '../../validate.ts';
import type { Augmentation } from '../augment.ts';
import { randomCrop } from '../random-crop.ts';
import { randomHorizontalFlip } from '../random-horizontal-flip.ts';
import { type PresetOptions, presetNames, recipe, sizeOf } from './options.ts';

/**
 * Supervised training on small images, which must have the given size: pad by an eighth of it (4 pixels at 32), random
 * crop, flip.
 *
 * Source: He et al. 2016, arXiv:1512.03385, section 4.2.
 */
export function cifar(options: PresetOptions): Augmentation {
  const where = 'presets.cifar';
  checkOptions(where, options, presetNames);
  const size = sizeOf(where, options);
  return recipe(options, [randomCrop(size, { padding: Math.floor(size / 8) }), randomHorizontalFlip()]);
}
