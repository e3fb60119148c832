import { checkOptions, expectNumber } from '../validate.ts';
import { probability } from './arguments.ts';

export interface Solarize {
  readonly kind: 'solarize';
  readonly threshold: number;
  readonly p: number;
}

/**
 * x → 1 − x where x is at least `threshold`. Source: torchvision v2 RandomSolarize on float images; its threshold for
 * bytes, 128, is 128/255 here.
 *
 * @param options.threshold in [0, 1], default 0.5.
 * @param options.p default 1.
 */
export function solarize(options: { readonly threshold?: number; readonly p?: number } = {}): Solarize {
  const kind = 'solarize';
  checkOptions(kind, options, ['threshold', 'p']);
  return {
    kind,
    threshold: expectNumber(`${kind}: threshold`, options.threshold ?? 0.5, { min: 0, max: 1 }),
    p: probability(kind, options.p ?? 1),
  };
}
