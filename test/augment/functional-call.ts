/** A pipeline's transform as the call of `functional` that does the same to a tensor. */
import type { DrawnTransform } from '../../lib/augment/augment.ts';
import * as functional from '../../lib/augment/functional.ts';
import type { Transform, TransformKind } from '../../lib/augment/transform.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { formulaImage } from './formula-image.ts';

/** The numbers that transforms draw, by name. */
type Numbers = Readonly<
  Record<
    'top' | 'left' | 'height' | 'width' | 'turns' | 'angle' | 'scale' | 'sigma' | (typeof adjusts)[number][0],
    number
  > &
    Record<'translate' | 'shear' | 'noiseKey', readonly [number, number]> &
    Record<'coefficients' | 'order', readonly number[]>
>;
type Calls = {
  readonly [Kind in TransformKind]?: (
    images: Tensor,
    transform: Extract<Transform, { kind: Kind }>,
    drawn: Numbers,
  ) => Tensor;
};

const adjusts = [
  ['brightness', functional.adjustBrightness],
  ['contrast', functional.adjustContrast],
  ['saturation', functional.adjustSaturation],
  ['hue', functional.adjustHue],
] as const;

const calls: Calls = {
  randomResizedCrop: (images, { size }, { top, left, height, width }) =>
    functional.resizedCrop(images, { top, left, height, width, size }),
  resize: (images, { size }) => functional.resize(images, size),
  centerCrop: (images, { size }) => functional.centerCrop(images, size),
  randomCrop: (images, { size, padding, fill, paddingMode }, { top, left }) =>
    functional.crop(images, { top, left, size, padding, fill, paddingMode }),
  randomHorizontalFlip: (images) => functional.horizontalFlip(images),
  randomVerticalFlip: (images) => functional.verticalFlip(images),
  randomRotation: (images, { interpolation, fill }, { angle }) =>
    functional.rotate(images, angle, { interpolation, fill }),
  randomRotation90: (images, _, { turns }) => functional.rotate90(images, turns),
  randomAffine: (images, { interpolation, fill }, { angle, translate, scale, shear }) =>
    functional.affine(images, { angle, translate, scale, shear, interpolation, fill }),
  randomPerspective: (images, { interpolation, fill }, { coefficients }) =>
    functional.perspective(images, coefficients, { interpolation, fill }),
  colorJitter: (images, _, drawn) =>
    drawn.order.reduce((result, operation) => {
      const [name, adjust] = adjusts[operation] as (typeof adjusts)[number];
      return adjust(result, drawn[name]);
    }, images),
  randomGrayscale: (images) => functional.rgbToGrayscale(images, { channels: images.shape[1] as 1 | 3 }),
  solarize: (images, { threshold }) => functional.solarize(images, threshold),
  posterize: (images, { bits }) => functional.posterize(images, bits),
  equalize: (images) => functional.equalize(images),
  autocontrast: (images) => functional.autocontrast(images),
  invert: (images) => functional.invert(images),
  adjustSharpness: (images, { factor }) => functional.adjustSharpness(images, factor),
  gaussianBlur: (images, { kernelSize }, { sigma }) => functional.gaussianBlur(images, kernelSize, sigma),
  gaussianNoise: (images, { sigma, mean, clip }, { noiseKey }) =>
    functional.gaussianNoise(images, { sigma, mean, clip, noiseKey }),
  sobel: (images) => functional.sobel(images),
  randomErasing: (images, { value }, { top, left, height, width }) =>
    functional.erase(images, { top, left, height, width, value: value as number | readonly number[] }), // no 'noise' here
  normalize: (images, { mean, std }) => functional.normalize(images, mean, std),
};

/** Whether `functional` has this transform under a name of its own. */
export const isFunctional = ({ kind }: Transform): boolean => kind in calls;

export function callFunctional(images: Tensor, transform: Transform, drawn: DrawnTransform): Tensor {
  if (!drawn.applied) return images;
  const call = calls[transform.kind] as (images: Tensor, transform: Transform, drawn: Numbers) => Tensor;
  return call(images, transform, drawn as unknown as Numbers);
}

/** The formula image, (1, channels, height, width). */
export function byteImage(size: [number, number, number], channels = size[2]): Tensor {
  const { pixels, height, width, channels: own } = formulaImage(...size);
  const planar = Uint8Array.from({ length: channels * height * width }, (_, i) => {
    const [channel, pixel] = [Math.floor(i / (height * width)), i % (height * width)];
    return pixels[pixel * own + (own === channels ? channel : 0)] as number;
  });
  return tensor(planar, { shape: [1, channels, height, width] });
}

/** The same in [0, 1]. */
export const floatImage = (size: [number, number, number], channels = size[2]): Tensor =>
  ops.div(byteImage(size, channels).to('float32'), 255);

export function largest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < b.length; i++) most = Math.max(most, Math.abs((a[i] as number) - (b[i] as number)));
  return most;
}
