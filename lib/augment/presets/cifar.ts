import { resolveOptions } from '../../options/resolve.ts';
import type { Augmentation } from '../augment.ts';
import { randomCrop } from '../random-crop.ts';
import { randomHorizontalFlip } from '../random-horizontal-flip.ts';
import { type PresetOptions, presetOptions, recipe } from './options.ts';

/**
 * Supervised training on small images, which must have the given size: pad by an eighth of it (4 pixels at 32), random
 * crop, flip.
 *
 * Source: He et al. 2016, arXiv:1512.03385, section 4.2.
 */
export function cifar(options: PresetOptions): Augmentation {
  const all = resolveOptions('presets.cifar', presetOptions, options, 'presets.cifar: ');
  return recipe(all, [randomCrop(all.size, { padding: Math.floor(all.size / 8) }), randomHorizontalFlip()]);
}
