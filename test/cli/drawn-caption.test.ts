import { describe, expect, it } from 'vitest';
import { colorJitter } from '../../lib/augment/color-jitter.ts';
import { gaussianNoise } from '../../lib/augment/gaussian-noise.ts';
import { normalize } from '../../lib/augment/normalize.ts';
import { randAugment } from '../../lib/augment/rand-augment.ts';
import { randomAffine } from '../../lib/augment/random-affine.ts';
import { randomErasing } from '../../lib/augment/random-erasing.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { randomRotation90 } from '../../lib/augment/random-rotation90.ts';
import { describeDrawn } from '../../lib/cli/drawn-caption.ts';

describe('captions', () => {
  const caption = (transform: Parameters<typeof describeDrawn>[0][number], numbers: object) =>
    describeDrawn([transform], [{ kind: transform.kind, applied: true, ...numbers }]).map((text) =>
      text.replaceAll('\u00a0', ' '),
    );

  it('say what was drawn, in the order applied, and leave out what is always the same', () => {
    const jitter = colorJitter({ brightness: 0.4, hue: 0.1 });
    const numbers = { order: [3, 1, 0, 2], brightness: 1.25, contrast: 0.5, saturation: 1, hue: -0.0512 };
    expect(caption(jitter, numbers)).toEqual(['h −0.05 c 0.50 b 1.25']);
    expect(caption(normalize(0.5, 0.25), {})).toEqual([]);
    expect(caption(randomHorizontalFlip(), {})).toEqual(['flip']);
    expect(describeDrawn([randomHorizontalFlip()], [{ kind: 'randomHorizontalFlip', applied: false }])).toEqual([]);
    expect(caption(randomErasing(), { top: 1, left: 2, height: 3, width: 4, noiseKey: [1, 2] })).toEqual([
      'erase 4×3 at 2,1',
    ]);
    expect(caption(randomAffine(5), { angle: -3.21, translate: [2, -1], scale: 1.1, shear: [0, 0] })).toEqual([
      'rotate −3.2° move +2,−1 ×1.10',
    ]);
    expect(caption(randomAffine(5), { angle: 0, translate: [0, 0], scale: 1, shear: [5, 0] })).toEqual([
      'shear +5°,+0°',
    ]);
    expect(caption(randAugment(), { op: [0, 1], magnitude: [0, -0.09] })).toEqual(['shear x −0.09']);
    expect(caption(randAugment(), { op: [13, 10], magnitude: [0, 7] })).toEqual(['equalize, posterize 7']);
    expect(caption(randAugment(), { op: [0, 0], magnitude: [0, 0] })).toEqual([]);
    expect(caption(randomRotation90(), { turns: 3 })).toEqual(['rotate 270°']);
    expect(caption(gaussianNoise({ p: 0.5 }), { noiseKey: [1, 2 ** 31] })).toEqual(['gaussian noise']);
  });
});
