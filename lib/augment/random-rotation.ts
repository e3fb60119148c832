import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, type Range, symmetricRange, type TransformOf, transformOf, warp } from './arguments.ts';

const declared = {
  degrees: { type: 'checked', required: true, check: symmetricRange },
  ...warp('nearest'),
  ...applied(1),
} as const satisfies OptionTable;

export interface RandomRotationOptions extends Omit<OptionsOf<typeof declared>, 'degrees'> {}
export interface RandomRotation extends TransformOf<'randomRotation', typeof declared> {}

/**
 * Rotation about the centre, counter-clockwise; the size stays. Draws `angle` (degrees). Source: torchvision v2
 * RandomRotation without expand; interpolation 'nearest' by default, as there.
 *
 * @param degrees d for U(−d, d), or [min, max].
 */
export function randomRotation(degrees: number | Range, options: RandomRotationOptions = {}): RandomRotation {
  return transformOf('randomRotation', declared, options, { degrees });
}
