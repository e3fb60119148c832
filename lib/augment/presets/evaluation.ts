import type { OptionsOf, OptionTable, ResolvedOf } from '../../options/option.ts';
import { resolveOptions } from '../../options/resolve.ts';
import type { Augmentation } from '../augment.ts';
import { centerCrop } from '../center-crop.ts';
import { resize } from '../resize.ts';
import { isSmall, type PresetOptions, presetOptions, recipe } from './options.ts';

export const evaluationOptions = {
  ...presetOptions,
  /** Part of the shorter edge that the centre crop keeps. Default 1 up to 64 pixels, 0.875 above (224 of 256). */
  cropRatio: {
    ...{ type: 'number', above: 0, max: 1, value: 'SHARE' },
    help: 'part of the shorter edge that the centre crop keeps',
    usual: '1 up to 64 pixels, else 0.875',
  },
} as const satisfies OptionTable;

export interface EvaluationOptions extends OptionsOf<typeof evaluationOptions> {}

const imagenetRatio = 224 / 256;

const resizeAndCrop = (all: ResolvedOf<typeof presetOptions>, ratio: number): Augmentation =>
  recipe(all, [resize(Math.round(all.size / ratio)), centerCrop(all.size)]);

/**
 * No randomness: shorter edge to size / cropRatio, centre crop, normalise; for evaluation and embedding. Small images
 * are kept whole, since nobody crops the test images of CIFAR or MNIST.
 *
 * Source: above 64 pixels as `imagenetEval`.
 */
export function evaluation(options: EvaluationOptions): Augmentation {
  const where = 'presets.evaluation';
  const all = resolveOptions(where, evaluationOptions, options, `${where}: `);
  return resizeAndCrop(all, all.cropRatio ?? (isSmall(all.size) ? 1 : imagenetRatio));
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
  return resizeAndCrop(resolveOptions(where, presetOptions, options, `${where}: `), imagenetRatio);
}
