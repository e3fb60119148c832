import type { OptionsOf, OptionTable } from '../options/option.ts';
import { expectNumber, type NumberRange } from '../validate.ts';
import { applied, expectList, type TransformOf, transformOf, warp } from './arguments.ts';

/** One number for both axes, or [x, y]. */
export type PerAxis = number | readonly [number, number];

const perAxis =
  (range: NumberRange) =>
  (name: string, value: PerAxis): readonly [number, number] =>
    expectList(name, typeof value === 'number' ? [value, value] : value, 2, (inner, x) =>
      expectNumber(inner, x, range),
    ) as [number, number];

const declared = {
  /** Strength: displacements before smoothing are uniform in ± alpha / 2 pixels; default 50. */
  alpha: { type: 'checked', default: 50, check: perAxis({}) },
  /** Standard deviation of the smoothing in pixels, above 0; default 5. */
  sigma: { type: 'checked', default: 5, check: perAxis({ above: 0, max: 8192 }) },
  ...warp('bilinear'),
  ...applied(1),
} as const satisfies OptionTable;

export interface ElasticTransformOptions extends OptionsOf<typeof declared> {}
export interface ElasticTransform extends TransformOf<'elasticTransform', typeof declared> {}

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
  return transformOf('elasticTransform', declared, options);
}
