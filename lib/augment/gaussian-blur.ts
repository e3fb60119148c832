import { OptionError } from '../errors.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, pixels, positiveRange, type Range, type TransformOf, transformOf } from './arguments.ts';

function oddPixels(name: string, value: number): number {
  if (pixels(name, value) % 2 === 0) throw new OptionError(`${name} must be odd, got ${value}`);
  return value;
}

const fixedOrRange = (name: string, value: number | Range): Range =>
  positiveRange(name, typeof value === 'number' ? [value, value] : value);

const declared = {
  kernelSize: { type: 'checked', required: true, check: oddPixels },
  /** Standard deviation in pixels, default [0.1, 2]; a number fixes it. */
  sigma: { type: 'checked', default: [0.1, 2], check: fixedOrRange },
  ...applied(1),
} as const satisfies OptionTable;

export interface GaussianBlurOptions extends Omit<OptionsOf<typeof declared>, 'kernelSize'> {}
export interface GaussianBlur extends TransformOf<'gaussianBlur', typeof declared> {}

/**
 * Gaussian blur with reflected borders. Draws `sigma`, one for both axes. Source: torchvision v2 GaussianBlur.
 *
 * @param kernelSize pixels, odd; SimCLR's is the odd size near a tenth of the image (`simclrKernelSize`).
 * @throws {OptionError} an even or non-positive kernel, a sigma that is not 0 < min <= max.
 */
export function gaussianBlur(kernelSize: number, options: GaussianBlurOptions = {}): GaussianBlur {
  return transformOf('gaussianBlur', declared, options, { kernelSize });
}

/** The odd kernel size near a tenth of the image: 224 → 23, 32 → 3. Source: Chen et al. 2020, appendix A. */
export const simclrKernelSize = (size: number): number => 2 * Math.floor(pixels('size', size) / 20) + 1;
