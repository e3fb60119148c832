/** What all presets share: their options, their last step, and the pieces that several recipes are made of. */
import type { OptionsOf, OptionTable } from '../../options/option.ts';
import { asGiven } from '../../options/resolve.ts';
import { pixelCount } from '../arguments.ts';
import { type Augmentation, augment } from '../augment.ts';
import { type ColorJitterOptions, colorJitter } from '../color-jitter.ts';
import { gaussianBlur, simclrKernelSize } from '../gaussian-blur.ts';
import { normalize } from '../normalize.ts';
import { randomGrayscale } from '../random-grayscale.ts';
import { randomHorizontalFlip } from '../random-horizontal-flip.ts';
import { randomResizedCrop } from '../random-resized-crop.ts';
import type { Transform } from '../transform.ts';

/** Of ImageNet's pixels in [0, 1], as torchvision quotes them. */
export const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** How a view reaches the encoder. */
const inputOptions = {
  /** Of pixels in [0, 1]: one number for all channels, or one for each. Default: ImageNet's. */
  mean: { type: 'checked', default: imagenet.mean, check: asGiven<number | readonly number[]> },
  std: { type: 'checked', default: imagenet.std, check: asGiven<number | readonly number[]> },
  /** 3: gray images are replicated to three channels. Default: the images' own. */
  channels: { type: 'checked', check: asGiven<1 | 3> },
} as const satisfies OptionTable;

export const presetOptions = {
  /** The side of the square result, in pixels. */
  size: { ...pixelCount, required: true },
  ...inputOptions,
} as const satisfies OptionTable;

export interface PresetOptions extends OptionsOf<typeof presetOptions> {}

const cropMin = {
  type: 'number',
  above: 0,
  max: 1,
  value: 'SHARE',
  help: "least part of an image's area that a view shows",
} as const;
const strength = { type: 'number', min: 0, max: 2.5, value: 'X', help: 'multiplies the colour jitter' } as const;
const blur = { type: 'number', min: 0, max: 1, value: 'P', help: 'part of the views that are blurred' } as const;

/** Options of recipes that crop and change colours. */
export const colorOptions = <const Crop extends number>(crop: Crop) =>
  ({
    ...presetOptions,
    /** Least part of the image's area that a crop keeps. */
    cropMin: { ...cropMin, default: crop },
    /** Multiplies the colour jitter; default 1. */
    strength: { ...strength, default: 1 },
  }) as const;

/** A probability of the blur that is the recipe's own. */
export const blurOption = <const P extends number>(byDefault: P) => ({ ...blur, default: byDefault });

/** As `strength` and `blur`, with defaults that go with the size of the images. */
export const bySize = {
  strength: { ...strength, usual: '0.5 up to 64 pixels, else 1' },
  blur: { ...blur, usual: '0 up to 64 pixels, else 0.5' },
} as const satisfies OptionTable;

/** Where the papers' recipes for CIFAR end and those for ImageNet begin. */
export const isSmall = (size: number): boolean => size <= 64;

interface Input {
  readonly mean: number | readonly number[];
  readonly std: number | readonly number[];
  readonly channels?: 1 | 3 | undefined;
}

/** `transforms` and the normalisation that ends every recipe. */
export function recipe({ mean, std, channels }: Input, transforms: readonly Transform[]): Augmentation {
  return augment([...transforms, normalize(mean, std)], channels === undefined ? {} : { channels });
}

/** The beginning of the contrastive recipes: a crop, a flip, and the colours. */
export const cropAndColors = (
  { size, cropMin, strength }: { readonly size: number; readonly cropMin: number; readonly strength: number },
  { brightness, contrast, saturation, hue }: Readonly<Record<'brightness' | 'contrast' | 'saturation' | 'hue', number>>,
): Transform[] => [
  randomResizedCrop(size, { scale: [cropMin, 1] }),
  randomHorizontalFlip(),
  ...colorDistortion({
    brightness: brightness * strength,
    contrast: contrast * strength,
    saturation: saturation * strength,
    hue: hue * strength,
  }),
];

/** SimCLR's order of colour distortion: jitter with p 0.8, then gray with p 0.2. */
export const colorDistortion = (jitter: ColorJitterOptions): Transform[] => [
  colorJitter({ ...jitter, p: 0.8 }),
  randomGrayscale({ p: 0.2 }),
];

/** SimCLR's blur, σ in (0.1, 2), by a kernel near a tenth of `size`; nothing where p is 0. */
export const blurWith = (p: number, size: number): Transform[] =>
  p > 0 ? [gaussianBlur(simclrKernelSize(size), { sigma: [0.1, 2], p })] : [];
