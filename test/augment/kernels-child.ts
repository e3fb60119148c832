/** Prints a batch's values; kernels.test.ts runs it once for each instruction set. */
import { adjustSharpness } from '../../lib/augment/adjust-sharpness.ts';
import { augment } from '../../lib/augment/augment.ts';
import { autocontrast } from '../../lib/augment/autocontrast.ts';
import { colorJitter } from '../../lib/augment/color-jitter.ts';
import { elasticTransform } from '../../lib/augment/elastic-transform.ts';
import { gaussianBlur } from '../../lib/augment/gaussian-blur.ts';
import { gaussianNoise } from '../../lib/augment/gaussian-noise.ts';
import { invert } from '../../lib/augment/invert.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { randomErasing } from '../../lib/augment/random-erasing.ts';
import { randomGrayscale } from '../../lib/augment/random-grayscale.ts';
import { randomResizedCrop } from '../../lib/augment/random-resized-crop.ts';
import { sobel } from '../../lib/augment/sobel.ts';
import { formulaImage } from './formula-image.ts';

const samples = Array.from({ length: 12 }, (_, id) => ({ ...formulaImage(70 + id, 83 - id, 3), id }));
// Nothing that jumps, such as a threshold: a last bit would make a difference of its own.
const views = augment([
  randomResizedCrop(65),
  colorJitter({ brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2, p: 0.8 }),
  randomGrayscale({ p: 0.2 }),
  gaussianBlur(9, { p: 0.5 }),
  adjustSharpness(2, { p: 0.5 }),
  autocontrast({ p: 0.5 }),
  gaussianNoise({ p: 0.5 }),
  elasticTransform({ alpha: 20, p: 0.5 }),
  invert({ p: 0.5 }),
  sobel({ p: 0.3 }),
  randomErasing({ value: 'noise' }),
  normalize([0.5, 0.4, 0.3], [0.2, 0.25, 0.3]),
]).apply(samples, { seed: 6, views: 2 });
const values = (await views.data()) as Float32Array;
process.stdout.write(Buffer.from(values.buffer).toString('base64'));
