/** A data set and models small enough that a training run takes a second. */
import { type Augmentation, augment } from '../../lib/augment/augment.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { randomResizedCrop } from '../../lib/augment/random-resized-crop.ts';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import type { Dataset } from '../../lib/data/dataset.ts';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import type { Encoder } from '../../lib/encoders/registry.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';

export const size = 12;

/** `count` gray images in two classes: bright above, or bright below, with some texture. */
export function tinyDataset(count = 40, options: { labels?: boolean; oneClass?: boolean } = {}): Dataset {
  const pixels = new Uint8Array(count * size * size);
  for (let n = 0; n < count; n++)
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const bright = n % 2 === 0 ? y < size / 2 : y >= size / 2;
        pixels[(n * size + y) * size + x] = (bright ? 160 : 40) + ((n * 31 + y * 17 + x * 7) % 60);
      }
  const labels = Int32Array.from({ length: count }, (_, n) => (options.oneClass ? 0 : n % 2));
  return arrayDataset(pixels, { shape: [count, size, size, 1], ...(options.labels !== false && { labels }) });
}

export const tinyViews = (): Augmentation =>
  augment([randomResizedCrop(size, { scale: [0.3, 1] }), randomHorizontalFlip(), normalize(0.4, 0.25)]);

export function tinyModels(seed = 1): { encoder: Encoder; head: Encoder } {
  const encoder = resnet18({ stem: 'cifar', width: 4, inChannels: 1, seed });
  return { encoder, head: projectionHead({ inFeatures: encoder.featureDim, outFeatures: 16, seed }) };
}
