/** The kinds of transform, and the way from plain data (a run's config.json) back to a checked one. */
import { OptionError } from '../errors.ts';
import { describe, expectOneOf } from '../validate.ts';
import { adjustSharpness } from './adjust-sharpness.ts';
import { autoAugment } from './auto-augment.ts';
import { autocontrast } from './autocontrast.ts';
import { centerCrop } from './center-crop.ts';
import { colorJitter } from './color-jitter.ts';
import { elasticTransform } from './elastic-transform.ts';
import { equalize } from './equalize.ts';
import { gaussianBlur } from './gaussian-blur.ts';
import { gaussianNoise } from './gaussian-noise.ts';
import { invert } from './invert.ts';
import { normalize } from './normalize.ts';
import { posterize } from './posterize.ts';
import { randAugment } from './rand-augment.ts';
import { randomAffine } from './random-affine.ts';
import { randomCrop } from './random-crop.ts';
import { randomErasing } from './random-erasing.ts';
import { randomGrayscale } from './random-grayscale.ts';
import { randomHorizontalFlip } from './random-horizontal-flip.ts';
import { randomPerspective } from './random-perspective.ts';
import { randomResizedCrop } from './random-resized-crop.ts';
import { randomRotation } from './random-rotation.ts';
import { randomRotation90 } from './random-rotation90.ts';
import { randomVerticalFlip } from './random-vertical-flip.ts';
import { resize } from './resize.ts';
import { sobel } from './sobel.ts';
import { solarize } from './solarize.ts';
import { trivialAugmentWide } from './trivial-augment-wide.ts';

// Data of unknown origin goes through the function that makes the transform, which checks every field.
const makers = {
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
} as const satisfies Readonly<Record<string, (data: Record<string, never>) => { readonly kind: string }>>;

export type TransformKind = keyof typeof makers;

/** One transform as plain data. `p` is the probability that it is applied, drawn for each sample and view. */
export type Transform = ReturnType<(typeof makers)[TransformKind]>;

/** Those that draw nothing but whether they are applied. */
const drawNothing: ReadonlySet<TransformKind> = new Set([
  ...(['adjustSharpness', 'autocontrast', 'centerCrop', 'equalize', 'invert', 'normalize', 'posterize'] as const),
  ...(['randomGrayscale', 'randomHorizontalFlip', 'randomVerticalFlip', 'resize', 'sobel', 'solarize'] as const),
]);

const isFixed = (transform: Transform): boolean =>
  drawNothing.has(transform.kind) || (transform.kind === 'gaussianBlur' && transform.sigma[0] === transform.sigma[1]);

/** Whether two views of an image may differ. */
export const isRandom = (transform: Transform): boolean => transform.p > 0 && (transform.p < 1 || !isFixed(transform));

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
