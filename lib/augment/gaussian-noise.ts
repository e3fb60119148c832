import { checkOptions, expectBoolean, expectNumber } from '../validate.ts';
import { probability } from './arguments.ts';

export interface GaussianNoiseOptions {
  /** In the image's range [0, 1]; default 0. */
  readonly mean?: number;
  /** Standard deviation, at least 0; default 0.1. */
  readonly sigma?: number;
  /** Clamps the result to [0, 1]; default true. */
  readonly clip?: boolean;
  readonly p?: number;
}

export interface GaussianNoise {
  readonly kind: 'gaussianNoise';
  readonly mean: number;
  readonly sigma: number;
  readonly clip: boolean;
  readonly p: number;
}

/**
 * x → x + mean + sigma · N(0, 1), independent for each value of each channel. Draws a `noiseKey`, of which the noise is a
 * function. Any number of channels. Source: torchvision v2 GaussianNoise.
 *
 * @throws {OptionError} a negative sigma, a number that is not finite.
 */
export function gaussianNoise(options: GaussianNoiseOptions = {}): GaussianNoise {
  const kind = 'gaussianNoise';
  checkOptions(kind, options, ['mean', 'sigma', 'clip', 'p']);
  return {
    kind,
    mean: expectNumber(`${kind}: mean`, options.mean ?? 0),
    sigma: expectNumber(`${kind}: sigma`, options.sigma ?? 0.1, { min: 0 }),
    clip: expectBoolean(`${kind}: clip`, options.clip ?? true),
    p: probability(kind, options.p ?? 1),
  };
}
