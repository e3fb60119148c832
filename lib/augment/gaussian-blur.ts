import { OptionError } from '../errors.ts';
import { checkOptions, expectNumber } from '../validate.ts';
import { expectRange, probability, type Range } from './arguments.ts';

export interface GaussianBlurOptions {
  /** Standard deviation in pixels, default [0.1, 2]; a number fixes it. */
  readonly sigma?: number | Range;
  readonly p?: number;
}

export interface GaussianBlur {
  readonly kind: 'gaussianBlur';
  readonly kernelSize: number;
  readonly sigma: Range;
  readonly p: number;
}

/**
 * Gaussian blur with reflected borders. Draws `sigma`, one for both axes. Source: torchvision v2 GaussianBlur.
 *
 * @param kernelSize pixels, odd; SimCLR's is the odd size near a tenth of the image (`simclrKernelSize`).
 * @throws {OptionError} an even or non-positive kernel, a sigma that is not 0 < min <= max.
 */
export function gaussianBlur(kernelSize: number, options: GaussianBlurOptions = {}): GaussianBlur {
  const kind = 'gaussianBlur';
  checkOptions(kind, options, ['sigma', 'p']);
  expectNumber(`${kind}: kernelSize`, kernelSize, { min: 1, max: 65_535, integer: true });
  if (kernelSize % 2 === 0) throw new OptionError(`${kind}: kernelSize must be odd, got ${kernelSize}`);
  const sigma = options.sigma ?? [0.1, 2];
  return {
    kind,
    kernelSize,
    sigma: expectRange(`${kind}: sigma`, typeof sigma === 'number' ? [sigma, sigma] : sigma, { above: 0 }),
    p: probability(kind, options.p ?? 1),
  };
}

/** The odd kernel size near a tenth of the image: 224 → 23, 32 → 3. Source: Chen et al. 2020, appendix A. */
export const simclrKernelSize = (size: number): number => 2 * Math.floor(size / 20) + 1;
