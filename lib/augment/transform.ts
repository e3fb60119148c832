/** The kinds of transform, and the way from plain data (a run's config.json) back to a checked one. */
import { OptionError } from '../errors.ts';
import { describe, expectOneOf } from '../validate.ts';
import { type AdjustSharpness, adjustSharpness } from './adjust-sharpness.ts';
import { type AutoAugment, autoAugment } from './auto-augment.ts';
import { type Autocontrast, autocontrast } from './autocontrast.ts';
import { type CenterCrop, centerCrop } from './center-crop.ts';
import { type ColorJitter, colorJitter } from './color-jitter.ts';
import { type ElasticTransform, elasticTransform } from './elastic-transform.ts';
import { type Equalize, equalize } from './equalize.ts';
import { type GaussianBlur, gaussianBlur } from './gaussian-blur.ts';
import { type GaussianNoise, gaussianNoise } from './gaussian-noise.ts';
import { type Invert, invert } from './invert.ts';
import { type Normalize, normalize } from './normalize.ts';
import { type Posterize, posterize } from './posterize.ts';
import { type RandAugment, randAugment } from './rand-augment.ts';
import { type RandomAffine, randomAffine } from './random-affine.ts';
import { type RandomCrop, randomCrop } from './random-crop.ts';
import { type RandomErasing, randomErasing } from './random-erasing.ts';
import { type RandomGrayscale, randomGrayscale } from './random-grayscale.ts';
import { type RandomHorizontalFlip, randomHorizontalFlip } from './random-horizontal-flip.ts';
import { type RandomPerspective, randomPerspective } from './random-perspective.ts';
import { type RandomResizedCrop, randomResizedCrop } from './random-resized-crop.ts';
import { type RandomRotation, randomRotation } from './random-rotation.ts';
import { type RandomRotation90, randomRotation90 } from './random-rotation90.ts';
import { type RandomVerticalFlip, randomVerticalFlip } from './random-vertical-flip.ts';
import { type Resize, resize } from './resize.ts';
import { type Sobel, sobel } from './sobel.ts';
import { type Solarize, solarize } from './solarize.ts';
import { type TrivialAugmentWide, trivialAugmentWide } from './trivial-augment-wide.ts';

/** One transform as plain data. `p` is the probability that it is applied, drawn for each sample and view. */
export type Transform =
  | AdjustSharpness
  | AutoAugment
  | Autocontrast
  | CenterCrop
  | ColorJitter
  | ElasticTransform
  | Equalize
  | GaussianBlur
  | GaussianNoise
  | Invert
  | Normalize
  | Posterize
  | RandAugment
  | RandomAffine
  | RandomCrop
  | RandomErasing
  | RandomGrayscale
  | RandomHorizontalFlip
  | RandomPerspective
  | RandomResizedCrop
  | RandomRotation
  | RandomRotation90
  | RandomVerticalFlip
  | Resize
  | Sobel
  | Solarize
  | TrivialAugmentWide;

export type TransformKind = Transform['kind'];

// Data of unknown origin goes through the function that makes the transform, which checks every field.
type Maker = (data: Record<string, never>) => Transform;

const makers: Readonly<Record<TransformKind, Maker>> = {
  adjustSharpness: ({ factor, ...rest }) => adjustSharpness(factor as never, rest),
  autoAugment: (options) => autoAugment(options),
  autocontrast: (options) => autocontrast(options),
  centerCrop: ({ size, ...rest }) => centerCrop(size as never, rest),
  colorJitter: (options) => colorJitter(options),
  elasticTransform: (options) => elasticTransform(options),
  equalize: (options) => equalize(options),
  gaussianBlur: ({ kernelSize, ...rest }) => gaussianBlur(kernelSize as never, rest),
  gaussianNoise: (options) => gaussianNoise(options),
  invert: (options) => invert(options),
  normalize: ({ mean, std, ...rest }) => normalize(mean as never, std as never, rest),
  posterize: ({ bits, ...rest }) => posterize(bits as never, rest),
  randAugment: (options) => randAugment(options),
  randomAffine: ({ degrees, ...rest }) => randomAffine(degrees as never, rest),
  randomCrop: ({ size, ...rest }) => randomCrop(size as never, rest),
  randomErasing: (options) => randomErasing(options),
  randomGrayscale: (options) => randomGrayscale(options),
  randomHorizontalFlip: (options) => randomHorizontalFlip(options),
  randomPerspective: (options) => randomPerspective(options),
  randomResizedCrop: ({ size, ...rest }) => randomResizedCrop(size as never, rest),
  randomRotation90: (options) => randomRotation90(options),
  randomRotation: ({ degrees, ...rest }) => randomRotation(degrees as never, rest),
  randomVerticalFlip: (options) => randomVerticalFlip(options),
  resize: ({ size, ...rest }) => resize(size as never, rest),
  sobel: (options) => sobel(options),
  solarize: (options) => solarize(options),
  trivialAugmentWide: (options) => trivialAugmentWide(options),
};

/**
 * A checked transform from plain data.
 * @throws {OptionError} not an object, an unknown kind or option (with the nearest known name), a value out of range.
 */
export function transformFrom(data: unknown): Transform {
  if (data === null || typeof data !== 'object' || Array.isArray(data))
    throw new OptionError(`a transform must be an object with a kind, got ${describe(data)}`);
  const { kind, ...rest } = data as Record<string, never>;
  return makers[expectOneOf('kind', kind, Object.keys(makers) as TransformKind[])](rest);
}
