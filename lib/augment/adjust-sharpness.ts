import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, type TransformOf, transformOf } from './arguments.ts';

const declared = {
  factor: { type: 'number', required: true, min: 0 },
  ...applied(1),
} as const satisfies OptionTable;

export interface AdjustSharpnessOptions extends Omit<OptionsOf<typeof declared>, 'factor'> {}
export interface AdjustSharpness extends TransformOf<'adjustSharpness', typeof declared> {}

/**
 * Blends the image with its 3 × 3 smoothed self: s + factor · (x − s), clamped to [0, 1]. 0 smooths, 1 changes nothing, 2
 * sharpens. Border pixels stay, and so does an image less than 3 pixels wide or high. Any number of channels. Source:
 * torchvision v2 RandomAdjustSharpness.
 *
 * @param factor at least 0.
 * @param options.p default 1.
 * @throws {OptionError} a negative or non-finite factor.
 */
export function adjustSharpness(factor: number, options: AdjustSharpnessOptions = {}): AdjustSharpness {
  return transformOf('adjustSharpness', declared, options, { factor });
}
