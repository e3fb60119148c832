/** Published recipes as pipelines: plain data that can be printed, edited and stored. */
import { checkOptions, expectNumber } from '../validate.ts';
import { pixels } from './arguments.ts';
import { type Augmentation, augment } from './augment.ts';
import { centerCrop } from './center-crop.ts';
import { colorJitter } from './color-jitter.ts';
import { gaussianBlur, simclrKernelSize } from './gaussian-blur.ts';
import { normalize } from './normalize.ts';
import { randomCrop } from './random-crop.ts';
import { randomGrayscale } from './random-grayscale.ts';
import { randomHorizontalFlip } from './random-horizontal-flip.ts';
import { randomResizedCrop } from './random-resized-crop.ts';
import { resize } from './resize.ts';
import type { Transform } from './transform.ts';

export interface PresetOptions {
  /** The side of the square result, in pixels. */
  readonly size: number;
  /** Of pixels in [0, 1]: one number for all channels, or one for each. Default: ImageNet's. */
  readonly mean?: number | readonly number[];
  readonly std?: number | readonly number[];
  /** 3: gray images are replicated to three channels. Default: the images' own. */
  readonly channels?: 1 | 3;
}

export interface SimclrOptions extends PresetOptions {
  /** Strength s of the colour jitter (0.8s, 0.8s, 0.8s, 0.2s). Default 0.5 up to 64 pixels, 1 above. */
  readonly strength?: number;
  /** Probability of the blur. Default 0 up to 64 pixels, 0.5 above. */
  readonly blur?: number;
}

export interface EvaluationOptions extends PresetOptions {
  /** Part of the shorter edge that the centre crop keeps. Default 1 up to 64 pixels, 0.875 above (224 of 256). */
  readonly cropRatio?: number;
}

const common = ['size', 'mean', 'std', 'channels'] as const;
const isSmall = (size: number): boolean => size <= 64;

function finish(options: PresetOptions, transforms: readonly Transform[]): Augmentation {
  const { mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225], channels } = options;
  return augment([...transforms, normalize(mean, std)], channels === undefined ? {} : { channels });
}

/**
 * SimCLR's views. Up to 64 pixels the CIFAR recipe: crop scale (0.08, 1), flip, jitter (0.4, 0.4, 0.4, 0.1) p 0.8, gray
 * 0.2, no blur. Above, the ImageNet recipe: jitter (0.8, 0.8, 0.8, 0.2) p 0.8, gray 0.2, blur p 0.5 with σ (0.1, 2).
 * Source: Chen et al. 2020, arXiv:2002.05709, appendices A and B.9.
 */
function simclr(options: SimclrOptions): Augmentation {
  checkOptions('presets.simclr', options, [...common, 'strength', 'blur']);
  const size = pixels('presets.simclr: size', options.size);
  const strength = options.strength ?? (isSmall(size) ? 0.5 : 1);
  const s = expectNumber('presets.simclr: strength', strength, { min: 0, max: 2.5 });
  const blur = expectNumber('presets.simclr: blur', options.blur ?? (isSmall(size) ? 0 : 0.5), { min: 0, max: 1 });
  return finish(options, [
    randomResizedCrop(size, { scale: [0.08, 1] }),
    randomHorizontalFlip(),
    colorJitter({ brightness: 0.8 * s, contrast: 0.8 * s, saturation: 0.8 * s, hue: 0.2 * s, p: 0.8 }),
    randomGrayscale({ p: 0.2 }),
    ...(blur > 0 ? [gaussianBlur(simclrKernelSize(size), { sigma: [0.1, 2], p: blur })] : []),
  ]);
}

/**
 * SupCon's views: crop scale (0.2, 1), flip, jitter (0.4, 0.4, 0.4, 0.1) p 0.8, gray 0.2, no blur.
 * Source: SupContrast (github.com/HobbitLong/SupContrast), the code of Khosla et al. 2020, main_supcon.py.
 */
function supcon(options: PresetOptions): Augmentation {
  checkOptions('presets.supcon', options, common);
  return finish(options, [
    randomResizedCrop(pixels('presets.supcon: size', options.size), { scale: [0.2, 1] }),
    randomHorizontalFlip(),
    colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 }),
    randomGrayscale({ p: 0.2 }),
  ]);
}

/**
 * Supervised training on small images: pad by an eighth of the size (4 pixels at 32), random crop, flip.
 * Source: He et al. 2016, arXiv:1512.03385, section 4.2.
 */
function cifar(options: PresetOptions): Augmentation {
  checkOptions('presets.cifar', options, common);
  const size = pixels('presets.cifar: size', options.size);
  return finish(options, [randomCrop(size, { padding: Math.floor(size / 8) }), randomHorizontalFlip()]);
}

/**
 * No randomness: shorter edge to size / cropRatio, centre crop, normalise; for evaluation and embedding.
 * Source: torchvision's ImageNet evaluation (256, then 224).
 */
function evaluation(options: EvaluationOptions): Augmentation {
  checkOptions('presets.evaluation', options, [...common, 'cropRatio']);
  const size = pixels('presets.evaluation: size', options.size);
  const ratio = options.cropRatio ?? (isSmall(size) ? 1 : 0.875);
  expectNumber('presets.evaluation: cropRatio', ratio, { above: 0, max: 1 });
  return finish(options, [resize(Math.round(size / ratio)), centerCrop(size)]);
}

export const presets = { simclr, supcon, cifar, evaluation } as const;
