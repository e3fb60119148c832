import type { OptionsOf, OptionTable } from '../../options/option.ts';
import { resolveOptions } from '../../options/resolve.ts';
import type { Augmentation } from '../augment.ts';
import { blurOption, blurWith, colorOptions, cropAndColors, recipe } from './options.ts';

export const mocoV2Options = {
  ...colorOptions(0.2),
  /** Probability of the blur; default 0.5. */
  blur: blurOption(0.5),
} as const satisfies OptionTable;
export interface MocoV2PresetOptions extends OptionsOf<typeof mocoV2Options> {}

/**
 * MoCo v2's views: crop scale (0.2, 1), flip, jitter (0.4, 0.4, 0.4, 0.1) p 0.8, gray 0.2, blur p 0.5 with σ (0.1, 2).
 *
 * Source: Chen et al. 2020, arXiv:2003.04297; `--aug-plus` in main_moco.py of github.com/facebookresearch/moco. Differs:
 * PIL's blur there has no kernel size; the flip, last there, comes first, which gives the same views.
 */
export function mocoV2(options: MocoV2PresetOptions): Augmentation {
  const where = 'presets.mocoV2';
  const all = resolveOptions(where, mocoV2Options, options, `${where}: `);
  const colors = cropAndColors(all, { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 });
  return recipe(all, [...colors, ...blurWith(all.blur, all.size)]);
}
