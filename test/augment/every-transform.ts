/** Every kind of transform, for tests that compare two ways to apply it. */
import { adjustSharpness } from '../../lib/augment/adjust-sharpness.ts';
import { autoAugment } from '../../lib/augment/auto-augment.ts';
import { autocontrast } from '../../lib/augment/autocontrast.ts';
import { centerCrop } from '../../lib/augment/center-crop.ts';
import { colorJitter } from '../../lib/augment/color-jitter.ts';
import { elasticTransform } from '../../lib/augment/elastic-transform.ts';
import { equalize } from '../../lib/augment/equalize.ts';
import { gaussianBlur } from '../../lib/augment/gaussian-blur.ts';
import { gaussianNoise } from '../../lib/augment/gaussian-noise.ts';
import { invert } from '../../lib/augment/invert.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { posterize } from '../../lib/augment/posterize.ts';
import { randAugment } from '../../lib/augment/rand-augment.ts';
import { randomAffine } from '../../lib/augment/random-affine.ts';
import { randomCrop } from '../../lib/augment/random-crop.ts';
import { randomErasing } from '../../lib/augment/random-erasing.ts';
import { randomGrayscale } from '../../lib/augment/random-grayscale.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { randomPerspective } from '../../lib/augment/random-perspective.ts';
import { randomResizedCrop } from '../../lib/augment/random-resized-crop.ts';
import { randomRotation } from '../../lib/augment/random-rotation.ts';
import { randomRotation90 } from '../../lib/augment/random-rotation90.ts';
import { randomVerticalFlip } from '../../lib/augment/random-vertical-flip.ts';
import { resize } from '../../lib/augment/resize.ts';
import { sobel } from '../../lib/augment/sobel.ts';
import { solarize } from '../../lib/augment/solarize.ts';
import type { Transform } from '../../lib/augment/transform.ts';
import { trivialAugmentWide } from '../../lib/augment/trivial-augment-wide.ts';

const jitter = { brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.3 } as const;

/** With values that change little when their arguments do. */
export const smooth: readonly Transform[] = [
  randomResizedCrop(20, { scale: [0.05, 1] }),
  randomResizedCrop([30, 17]),
  resize(15),
  resize([31, 40]),
  centerCrop([19, 14]),
  randomCrop(18),
  randomCrop([24, 20], { padding: 4, fill: 0.5 }),
  randomCrop(26, { padding: [3, 4], paddingMode: 'reflect' }),
  randomCrop(26, { padding: [4, 3, 5, 6], paddingMode: 'symmetric' }),
  randomCrop(26, { padding: 5, paddingMode: 'edge' }),
  randomHorizontalFlip(),
  randomVerticalFlip(),
  randomRotation(80, { interpolation: 'bilinear', fill: 0.25 }),
  randomRotation90(),
  randomAffine(30, { translate: [0.2, 0.1], scale: [0.7, 1.4], shear: 12, interpolation: 'bilinear' }),
  randomPerspective({ distortionScale: 0.6, fill: 1 }),
  elasticTransform({ alpha: [40, 25], sigma: [2, 1.5] }),
  colorJitter({ ...jitter, p: 0.8 }),
  colorJitter({ brightness: 0.4, p: 0.5 }),
  randomGrayscale({ p: 0.5 }),
  gaussianBlur(5, { sigma: [0.1, 2] }),
  gaussianBlur(9, { p: 0.5 }),
  adjustSharpness(2.5),
  adjustSharpness(0.2, { p: 0.5 }),
  autocontrast(),
  invert({ p: 0.5 }),
  gaussianNoise({ sigma: 0.2, mean: 0.1 }),
  gaussianNoise({ sigma: 0.5, clip: false, p: 0.5 }),
  sobel({ p: 0.5 }),
  randomErasing({ p: 1, value: 0.3 }),
  randomErasing({ p: 0.7, value: 'noise' }),
  normalize([0.5, 0.4, 0.3], [0.2, 0.25, 0.3]),
];
/** With steps: levels, a threshold, the nearest pixel. */
export const stepped: readonly Transform[] = [
  solarize({ threshold: 0.4, p: 0.5 }),
  posterize(3),
  equalize({ p: 0.7 }),
  randomRotation(170, { fill: 0.5 }),
  randomAffine([10, 40], { translate: [0.1, 0.1] }),
  randomPerspective({ interpolation: 'nearest' }),
  elasticTransform({ alpha: 30, sigma: 2, interpolation: 'nearest' }),
  randAugment(),
  randAugment({ numOps: 4, magnitude: 20, interpolation: 'bilinear', fill: 0.5 }),
  randAugment({ numOps: 4, magnitude: 20, interpolation: 'bilinear' }),
  randomRotation(170, { interpolation: 'bilinear', fill: null }),
  elasticTransform({ alpha: 30, sigma: 2, fill: null }),
  trivialAugmentWide(),
  autoAugment(),
  autoAugment({ policy: 'cifar10' }),
  autoAugment({ policy: 'svhn' }),
];
