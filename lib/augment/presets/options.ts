/** What all presets share: their options, their last step, and the pieces that several recipes are made of. */
import { pixels } from '../arguments.ts';
import { type Augmentation, augment } from '../augment.ts';
import { type ColorJitterOptions, colorJitter } from '../color-jitter.ts';
import { gaussianBlur, simclrKernelSize } from '../gaussian-blur.ts';
import { normalize } from '../normalize.ts';
import { randomGrayscale } from '../random-grayscale.ts';
import type { Transform } from '../transform.ts';

/** Of ImageNet's pixels in [0, 1], as torchvision quotes them. */
export const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** How a view reaches the encoder. */
export interface InputOptions {
  /** Of pixels in [0, 1]: one number for all channels, or one for each. Default: ImageNet's. */
  readonly mean?: number | readonly number[];
  readonly std?: number | readonly number[];
  /** 3: gray images are replicated to three channels. Default: the images' own. */
  readonly channels?: 1 | 3;
}

export interface PresetOptions extends InputOptions {
  /** The side of the square result, in pixels. */
  readonly size: number;
}

export const inputNames = ['mean', 'std', 'channels'] as const;
export const presetNames = ['size', ...inputNames] as const;

/** The side, checked; `where` is the preset's public name. */
export const sizeOf = (where: string, { size }: PresetOptions): number => pixels(`${where}: size`, size);

/** Where the papers' recipes for CIFAR end and those for ImageNet begin. */
export const isSmall = (size: number): boolean => size <= 64;

/** The normalisation that ends every recipe. */
export function normalization({ mean = imagenet.mean, std = imagenet.std }: InputOptions): Transform {
  return normalize(mean, std);
}

export function recipe(options: InputOptions, transforms: readonly Transform[]): Augmentation {
  const { channels } = options;
  return augment([...transforms, normalization(options)], channels === undefined ? {} : { channels });
}

/** SimCLR's order of colour distortion: jitter with p 0.8, then gray with p 0.2. */
export const colorDistortion = (jitter: ColorJitterOptions): Transform[] => [
  colorJitter({ ...jitter, p: 0.8 }),
  randomGrayscale({ p: 0.2 }),
];

/** SimCLR's blur, σ in (0.1, 2), by a kernel near a tenth of `size`; nothing where p is 0. */
export const blurWith = (p: number, size: number): Transform[] =>
  p > 0 ? [gaussianBlur(simclrKernelSize(size), { sigma: [0.1, 2], p })] : [];
