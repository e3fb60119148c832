import { checkOptions, expectNumber } from '../validate.ts';
import { fillValue, type Interpolation, interpolation, probability } from './arguments.ts';
import type { WarpOptions } from './random-rotation.ts';

export interface RandomPerspectiveOptions extends WarpOptions {
  /** How far corners move inwards, as a part of half the image, in [0, 1]; default 0.5. */
  readonly distortionScale?: number;
}

export interface RandomPerspective {
  readonly kind: 'randomPerspective';
  readonly distortionScale: number;
  readonly interpolation: Interpolation;
  readonly fill: number;
  readonly p: number;
}

/**
 * Moves the four corners inwards at random and maps the image along, with probability `p` (default 0.5), bilinear by
 * default. Draws eight `coefficients` a…h: output pixel (x, y) shows the source at
 * ((ax + by + c)/(gx + hy + 1), (dx + ey + f)/(gx + hy + 1)). An image one pixel wide or high stays as it is.
 * Source: torchvision v2 RandomPerspective.
 */
export function randomPerspective(options: RandomPerspectiveOptions = {}): RandomPerspective {
  const kind = 'randomPerspective';
  checkOptions(kind, options, ['distortionScale', 'interpolation', 'fill', 'p']);
  return {
    kind,
    distortionScale: expectNumber(`${kind}: distortionScale`, options.distortionScale ?? 0.5, { min: 0, max: 1 }),
    interpolation: interpolation(kind, options.interpolation ?? 'bilinear'),
    fill: fillValue(kind, options.fill ?? 0),
    p: probability(kind, options.p ?? 0.5),
  };
}
