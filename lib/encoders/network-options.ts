/** Options that several encoders have. */
import { OptionError } from '../errors.ts';
import { expectNumber } from '../validate.ts';

/** Channels of the images. */
export const expectInChannels = (value: unknown = 3): number =>
  expectNumber('inChannels', value, { min: 1, max: 4096, integer: true });

/** Of the initial weights. */
export const expectSeed = (value: unknown = 0): number => expectNumber('seed', value, { min: 0, integer: true });

/** Channels. @param unit of which they must be a multiple. */
export function expectWidth(value: unknown, byDefault: number, unit = 1): number {
  const width = expectNumber('width', value ?? byDefault, { min: 1, max: 4096, integer: true });
  if (width % unit !== 0) throw new OptionError(`width must be a multiple of ${unit}, got ${width}`);
  return width;
}

/** Share of the samples that the last residual block leaves out. */
export const expectStochasticDepth = (value: unknown, byDefault: number): number =>
  expectNumber('stochasticDepth', value ?? byDefault, { min: 0, max: 1 });
