import { checkOptions, expectNumber } from '../../validate.ts';
import type { Augmentation } from '../augment.ts';
import { centerCrop } from '../center-crop.ts';
import { resize } from '../resize.ts';
import { isSmall, type PresetOptions, presetNames, recipe, sizeOf } from './options.ts';

export interface EvaluationOptions extends PresetOptions {
  /** Part of the shorter edge that the centre crop keeps. Default 1 up to 64 pixels, 0.875 above (224 of 256). */
  readonly cropRatio?: number;
}

const imagenetRatio = 224 / 256;

const resizeAndCrop = (options: PresetOptions, size: number, ratio: number): Augmentation =>
  recipe(options, [resize(Math.round(size / ratio)), centerCrop(size)]);

/**
 * No randomness: shorter edge to size / cropRatio, centre crop, normalise; for evaluation and embedding. Small images
 * are kept whole, since nobody crops the test images of CIFAR or MNIST.
 *
 * Source: above 64 pixels as `imagenetEval`.
 */
export function evaluation(options: EvaluationOptions): Augmentation {
  const where = 'presets.evaluation';
  checkOptions(where, options, [...presetNames, 'cropRatio']);
  const size = sizeOf(where, options);
  const ratio = options.cropRatio ?? (isSmall(size) ? 1 : imagenetRatio);
  return resizeAndCrop(options, size, expectNumber(`${where}: cropRatio`, ratio, { above: 0, max: 1 }));
}

/** The shorter side, in pixels, that `evaluation` scales images to before the centre crop. */
export function resizedSide({ transforms }: Augmentation): number {
  const scaling = transforms.find((transform) => transform.kind === 'resize');
  return Math.max(...[scaling?.size ?? []].flat());
}

/**
 * ImageNet's evaluation at any size: shorter edge to 256/224 of the size, centre crop, normalise.
 *
 * Source: ClassificationPresetEval in references/classification/presets.py of github.com/pytorch/vision (256, then 224).
 */
export function imagenetEval(options: PresetOptions): Augmentation {
  const where = 'presets.imagenetEval';
  checkOptions(where, options, presetNames);
  return resizeAndCrop(options, sizeOf(where, options), imagenetRatio);
}
