/** Point operations are noted and taken later, across transforms: the result is that of one at a time. */
import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { autocontrast } from '../../lib/augment/autocontrast.ts';
import { centerCrop } from '../../lib/augment/center-crop.ts';
import { colorJitter } from '../../lib/augment/color-jitter.ts';
import { gaussianNoise } from '../../lib/augment/gaussian-noise.ts';
import { invert } from '../../lib/augment/invert.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { posterize } from '../../lib/augment/posterize.ts';
import { randomGrayscale } from '../../lib/augment/random-grayscale.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { randomVerticalFlip } from '../../lib/augment/random-vertical-flip.ts';
import { resize } from '../../lib/augment/resize.ts';
import { solarize } from '../../lib/augment/solarize.ts';
import type { Transform } from '../../lib/augment/transform.ts';
import { formulaImage } from './formula-image.ts';

// No noise at all; but pixels are real and every note is taken before it.
const take = gaussianNoise({ sigma: 0, clip: false });
const jitter = colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 });

const pipelines: Readonly<Record<string, Transform[]>> = {
  'colour only': [jitter, randomGrayscale({ p: 1 }), solarize(), posterize(5), invert(), normalize(0.4, 0.3)],
  'geometry between': [
    invert(),
    centerCrop([30, 41]),
    jitter,
    randomHorizontalFlip({ p: 1 }),
    solarize({ threshold: 0.3 }),
    randomVerticalFlip({ p: 1 }),
    posterize(6),
    centerCrop([21, 33]),
  ],
  'a resize between': [jitter, invert(), resize([20, 17]), solarize({ threshold: 0.4 }), resize([23, 40])],
  'after normalisation': [
    normalize([0.5, 0.4, 0.3], [0.2, 0.3, 0.4]),
    invert(),
    randomHorizontalFlip({ p: 1 }),
    normalize(0.1, 2),
    centerCrop(9),
    jitter,
  ],
  'steps of single channels': [autocontrast(), centerCrop([30, 29]), autocontrast(), invert(), autocontrast()],
};

describe('noted point operations', () => {
  for (const [name, transforms] of Object.entries(pipelines))
    test.each([1, 3])(`${name}, %d channels`, async (channels) => {
      const image = { ...formulaImage(47, 53, channels), id: 3 };
      const list = channels === 3 ? transforms : transforms.filter(({ kind }) => kind !== 'normalize');
      const whole = augment(list);
      const steps = augment(list.flatMap((transform) => [take, transform]));
      const drawn = whole.draw(image, { seed: 4 });
      const noise = { kind: 'gaussianNoise', applied: true, noiseKey: [0, 0] } as const;
      const expected = await steps
        .replay(
          image,
          drawn.flatMap((entry) => [noise, entry]),
        )
        .data();
      const values = await whole.replay(image, drawn).data();
      expect(values.length).toBe(expected.length);
      values.forEach((x, i) => {
        expect(x).toBeCloseTo(Number(expected[i]), 5);
      });
    });
});
