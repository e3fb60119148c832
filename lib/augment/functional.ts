/**
 * Augmentation as functions of image tensors and explicit parameters: batched, on any device, and differentiable where
 * that has a meaning. Images are (…, channels, height, width), floating with values in [0, 1], or uint8; a parameter is one
 * for all images, or one for each. Semantics are those of torchvision v2's functional on float images: uint8 ones are
 * computed as x / 255 and rounded, and thresholds and values that fill are then in [0, 255].
 */
export type { Factor, PairPerImage, PerImage } from './functional/arguments.ts';
export {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  type GrayscaleOptions,
  rgbToGrayscale,
} from './functional/color.ts';
export {
  type CropOptions,
  centerCrop,
  crop,
  horizontalFlip,
  type PaddingMode,
  type PadOptions,
  pad,
  type ResizedCropOptions,
  resize,
  resizedCrop,
  rotate90,
  verticalFlip,
} from './functional/crop.ts';
export { type EraseOptions, erase } from './functional/erase.ts';
export { type GaussianNoiseOptions, gaussianBlur, gaussianNoise, sobel } from './functional/filter.ts';
export { autocontrast, equalize, invert, normalize, posterize, solarize } from './functional/levels.ts';
export { type AffineOptions, affine, elastic, perspective, rotate, type WarpOptions } from './functional/warp.ts';
