/** Options that several encoders have, declared. */
import { OptionError } from '../errors.ts';

/** Of every encoder. */
export const commonOptions = {
  /** Channels of the images. Default 3. */
  inChannels: { type: 'number', default: 3, min: 1, max: 4096, integer: true },
  /** Of the initial weights, default 0. Equal seeds give equal weights. */
  seed: { type: 'number', default: 0, min: 0, integer: true },
} as const;

export const stemOption = {
  type: 'string',
  choices: ['imagenet', 'cifar'],
  default: 'imagenet',
  help: "its first layers: 'cifar' keeps the resolution, for images of about 32 pixels",
} as const;

/** The stem that goes with images of a size. */
export const stemFor = (size: number) => ({ stem: size <= 64 ? 'cifar' : 'imagenet' });

export const widthOption = { type: 'number', min: 1, max: 4096, integer: true } as const;

export const patchOption = { type: 'number', min: 1, max: 256, integer: true, value: 'PIXELS' } as const;

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
