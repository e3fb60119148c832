import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, type TransformOf, transformOf, warp } from './arguments.ts';

const declared = {
  /** How far corners move inwards, as a part of half the image, in [0, 1]; default 0.5. */
  distortionScale: { type: 'number', default: 0.5, min: 0, max: 1 },
  ...warp('bilinear'),
  ...applied(0.5),
} as const satisfies OptionTable;

export interface RandomPerspectiveOptions extends OptionsOf<typeof declared> {}
export interface RandomPerspective extends TransformOf<'randomPerspective', typeof declared> {}

/**
 * Moves the four corners inwards at random and maps the image along, with probability `p` (default 0.5), bilinear by
 * default. Draws eight `coefficients` a…h: output pixel (x, y) shows the source at
 * ((ax + by + c)/(gx + hy + 1), (dx + ey + f)/(gx + hy + 1)). An image one pixel wide or high stays as it is.
 * Source: torchvision v2 RandomPerspective.
 */
export function randomPerspective(options: RandomPerspectiveOptions = {}): RandomPerspective {
  return transformOf('randomPerspective', declared, options);
}
