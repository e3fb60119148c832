/** Options that several encoders have, declared. */
import { OptionError } from '../errors.ts';
import { countOption, seedOption } from '../options/kinds.ts';

/** Of every encoder. */
export const commonOptions = {
  /** Channels of the images. Default 3. */
  inChannels: { ...countOption, default: 3, max: 4096 },
  /** Of the initial weights, default 0. Equal seeds give equal weights. */
  seed: seedOption,
} as const;

export const stemOption = {
  type: 'string',
  choices: ['imagenet', 'cifar'],
  default: 'imagenet',
  help: "its first layers: 'cifar' keeps the resolution, for images of about 32 pixels",
} as const;

/** The stem that goes with images of a size. */
export const stemFor = (size: number) => ({ stem: size <= 64 ? 'cifar' : 'imagenet' });

export const widthOption = { ...countOption, max: 4096 } as const;

export const patchOption = { ...countOption, max: 256, value: 'PIXELS' } as const;

export const stochasticDepthOption = {
  type: 'number',
  min: 0,
  max: 1,
  value: 'SHARE',
  help: 'of the samples that the last block leaves out in training; 0 for the first, linear between',
} as const;

/** @throws {OptionError} a width that is no multiple of `unit`. */
export function checkMultiple(width: number, unit: number): number {
  if (width % unit !== 0) throw new OptionError(`width must be a multiple of ${unit}, got ${width}`);
  return width;
}
