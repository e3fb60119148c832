import type { OptionsOf } from '../../options/option.ts';
import { resolveOptions } from '../../options/resolve.ts';
import type { Augmentation } from '../augment.ts';
import { colorOptions, cropAndColors, recipe } from './options.ts';

export const supconOptions = colorOptions(0.2);
export interface SupconPresetOptions extends OptionsOf<typeof supconOptions> {}

/**
 * SupCon's views: crop scale (0.2, 1), flip, jitter (0.4, 0.4, 0.4, 0.1) p 0.8, gray 0.2, no blur.
 *
 * Source: main_supcon.py of github.com/HobbitLong/SupContrast, the code of Khosla et al. 2020, arXiv:2004.11362.
 */
export function supcon(options: SupconPresetOptions): Augmentation {
  const where = 'presets.supcon';
  const all = resolveOptions(where, supconOptions, options, `${where}: `);
  const colors = cropAndColors(all, { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 });
  return recipe(all, colors);
}
