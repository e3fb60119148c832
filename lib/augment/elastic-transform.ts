import { checkOptions, expectNumber } from '../validate.ts';
import { expectList, fillValue, type Interpolation, interpolation, probability } from './arguments.ts';
import type { WarpOptions } from './random-rotation.ts';

/** One number for both axes, or [x, y]. */
export type PerAxis = number | readonly [number, number];

export interface ElasticTransformOptions extends WarpOptions {
  /** Strength: displacements before smoothing are uniform in ± alpha / 2 pixels; default 50. */
  readonly alpha?: PerAxis;
  /** Standard deviation of the smoothing in pixels, above 0; default 5. */
  readonly sigma?: PerAxis;
}

export interface ElasticTransform {
  readonly kind: 'elasticTransform';
  readonly alpha: readonly [number, number];
  readonly sigma: readonly [number, number];
  readonly interpolation: Interpolation;
  readonly fill: number;
  readonly p: number;
}

/**
 * Moves every pixel by a smooth random displacement, bilinear by default: uniform noise, blurred with a Gaussian of
 * `sigma` pixels over 4 sigma to each side with reflected borders, times alpha / 2. Draws a `noiseKey`, of which the
 * displacement is a function. Any number of channels. Source: torchvision v2 ElasticTransform; Simard et al. 2003, "Best
 * practices for convolutional neural networks applied to visual document analysis".
 *
 * An image of at most 4 sigma pixels on a side is a ShapeError: its border cannot be reflected.
 *
 * @throws {OptionError} a sigma that is not positive, a number that is not finite, not one number or [x, y].
 */
export function elasticTransform(options: ElasticTransformOptions = {}): ElasticTransform {
  const kind = 'elasticTransform';
  checkOptions(kind, options, ['alpha', 'sigma', 'interpolation', 'fill', 'p']);
  const perAxis = (name: string, value: unknown, bounds: { above?: number; max?: number }) =>
    expectList(`${kind}: ${name}`, typeof value === 'number' ? [value, value] : value, 2, (inner, x) =>
      expectNumber(inner, x, bounds),
    ) as [number, number];
  return {
    kind,
    alpha: perAxis('alpha', options.alpha ?? 50, {}),
    sigma: perAxis('sigma', options.sigma ?? 5, { above: 0, max: 8192 }),
    interpolation: interpolation(kind, options.interpolation ?? 'bilinear'),
    fill: fillValue(kind, options.fill ?? 0),
    p: probability(kind, options.p ?? 1),
  };
}
