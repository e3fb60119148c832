import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, type TransformOf, transformOf } from './arguments.ts';

const declared = {
  /** In the image's range [0, 1]; default 0. */
  mean: { type: 'number', default: 0 },
  /** Standard deviation, at least 0; default 0.1. */
  sigma: { type: 'number', default: 0.1, min: 0 },
  /** Clamps the result to [0, 1]; default true. */
  clip: { type: 'boolean', default: true },
  ...applied(1),
} as const satisfies OptionTable;

export interface GaussianNoiseOptions extends OptionsOf<typeof declared> {}
export interface GaussianNoise extends TransformOf<'gaussianNoise', typeof declared> {}

/**
 * x → x + mean + sigma · N(0, 1), independent for each value of each channel. Draws a `noiseKey`, of which the noise is a
 * function. Any number of channels. Source: torchvision v2 GaussianNoise.
 *
 * @throws {OptionError} a negative sigma, a number that is not finite.
 */
export function gaussianNoise(options: GaussianNoiseOptions = {}): GaussianNoise {
  return transformOf('gaussianNoise', declared, options);
}
