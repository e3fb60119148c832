import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, type TransformOf, transformOf } from './arguments.ts';

const declared = {
  /** In [0, 1], default 0.5. */
  threshold: { type: 'number', default: 0.5, min: 0, max: 1 },
  ...applied(1),
} as const satisfies OptionTable;

export interface SolarizeOptions extends OptionsOf<typeof declared> {}
export interface Solarize extends TransformOf<'solarize', typeof declared> {}

/**
 * x → 1 − x where x is at least `threshold`. Source: torchvision v2 RandomSolarize on float images; its threshold for
 * bytes, 128, is 128/255 here.
 *
 * @param options.threshold in [0, 1], default 0.5.
 * @param options.p default 1.
 */
export function solarize(options: SolarizeOptions = {}): Solarize {
  return transformOf('solarize', declared, options);
}
