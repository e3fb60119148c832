/** The counter-based generator behind all draws, against its published known answers and our own reading of the layout. */
import { describe, expect, test } from 'vitest';
import { augment, type DrawnTransform } from '../../lib/augment/augment.ts';
import { gaussianBlur } from '../../lib/augment/gaussian-blur.ts';
import { presets } from '../../lib/augment/presets.ts';
import { randomRotation } from '../../lib/augment/random-rotation.ts';
import type { Transform } from '../../lib/augment/transform.ts';
import { formulaImage } from './formula-image.ts';

type Words = readonly number[];

/** Philox-4x32-10. Source: Salmon et al. 2011. */
function philox(counter: Words, key: Words): number[] {
  let c = counter.map((x) => BigInt(x >>> 0));
  let [k0, k1] = key.map((x) => BigInt(x >>> 0)) as [bigint, bigint];
  const low = (x: bigint) => x & 0xffff_ffffn;
  for (let round = 0; round < 10; round++) {
    const [c0, c1, c2, c3] = c as [bigint, bigint, bigint, bigint];
    const a = 0xd2511f53n * c0;
    const b = 0xcd9e8d57n * c2;
    c = [(b >> 32n) ^ c1 ^ k0, low(b), (a >> 32n) ^ c3 ^ k1, low(a)];
    k0 = low(k0 + 0x9e3779b9n);
    k1 = low(k1 + 0xbb67ae85n);
  }
  return c.map(Number);
}

/** Uniform numbers in [0, 1) of the augmentation stream for (seed, epoch, id, view): 53 of two words' 64 bits. */
function uniforms(seed: number, epoch: number, id: number, view: number, count: number): number[] {
  const words = (x: number): [number, number] => [x >>> 0, Math.floor(x / 2 ** 32)];
  const [seedLow, seedHigh] = words(seed);
  const purpose = 1; // augmentation
  const key = [seedLow, (seedHigh ^ (purpose << 16) ^ view) >>> 0];
  const stream: number[] = [];
  for (let block = 0; stream.length < 2 * count; block++) stream.push(...philox([block, epoch, ...words(id)], key));
  return Array.from({ length: count }, (_, i) => {
    const both = (BigInt(stream[2 * i]!) << 32n) | BigInt(stream[2 * i + 1]!);
    return Number(both >> 11n) * 2 ** -53;
  });
}

describe('the generator', () => {
  test("Philox-4x32-10 has Random123's known answers (kat_vectors)", () => {
    expect(philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const ones = 0xffffffff;
    expect(philox([ones, ones, ones, ones], [ones, ones])).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
    const pi = philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]);
    expect(pi).toEqual([0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
  });

  test('native draws are that generator at (seed, augmentation, epoch, sample, view)', () => {
    const pipeline = augment([
      gaussianBlur(3, { sigma: [0, 1].map((x) => x + 1) as [number, number] }),
      randomRotation([0, 1], { p: 0.5 }),
      gaussianBlur(3, { sigma: [1, 2] }),
    ]);
    const places = [
      [0, 0, 0, 0],
      [1, 2, 3, 4],
      [2 ** 53 - 1, 2 ** 32 - 1, 2 ** 53 - 1, 4095],
      [2 ** 40 + 5, 9, 2 ** 33 + 1, 1],
    ] as const;
    for (const [seed, epoch, id, view] of places) {
      const drawn = pipeline.draw({ height: 4, width: 4, channels: 3 }, { seed, epoch, id, view });
      const u = uniforms(seed, epoch, id, view, 4);
      expect(drawn[0]!.sigma).toBe(1 + u[0]!);
      const rotated = u[1]! < 0.5;
      expect(drawn[1]!.applied).toBe(rotated);
      if (rotated) expect(drawn[1]!.angle).toBe(u[2]!);
      expect(drawn[2]!.sigma).toBe(1 + u[rotated ? 3 : 2]!);
    }
  });
});

describe('what was drawn', () => {
  const jitter = { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
  // As data, p where it decides; every kind that changes pixels is there.
  const kinds: readonly Record<string, unknown>[] = [
    { kind: 'randomResizedCrop', size: 24 },
    { kind: 'randomCrop', size: 24, padding: 3, paddingMode: 'reflect' },
    { kind: 'resize', size: [24, 24] },
    { kind: 'centerCrop', size: 24 },
    { kind: 'randomHorizontalFlip', p: 0.5 },
    { kind: 'randomVerticalFlip', p: 0.5 },
    { kind: 'randomRotation90' },
    { kind: 'randomRotation', degrees: 30, interpolation: 'bilinear' },
    { kind: 'randomAffine', degrees: 10, translate: [0.2, 0.1], scale: [0.8, 1.2], shear: 5 },
    { kind: 'randomPerspective', p: 0.7 },
    { kind: 'elasticTransform', sigma: 2, p: 0.5 },
    { kind: 'colorJitter', ...jitter, p: 0.8 },
    { kind: 'randomGrayscale', p: 0.2 },
    { kind: 'gaussianBlur', kernelSize: 5, p: 0.5 },
    { kind: 'adjustSharpness', factor: 2, p: 0.5 },
    { kind: 'solarize', p: 0.2 },
    { kind: 'posterize', bits: 4, p: 0.2 },
    { kind: 'invert', p: 0.2 },
    { kind: 'equalize', p: 0.2 },
    { kind: 'autocontrast', p: 0.2 },
    { kind: 'sobel', p: 0.1 },
    { kind: 'randAugment' },
    { kind: 'trivialAugmentWide' },
    { kind: 'autoAugment' },
    { kind: 'gaussianNoise', p: 0.5 },
    { kind: 'randomErasing', value: 'noise', p: 0.5 },
    { kind: 'normalize', mean: 0.5, std: 0.25 },
  ];

  test.each([
    ['every kind of transform', augment(kinds as unknown as Transform[])],
    ...Object.entries({ simclr: presets.simclr({ size: 24 }), byol: presets.byol({ size: 24 })[1] }),
  ])('is read, saved as JSON, and gives the same bits again: %s', async (_, pipeline) => {
    const image = formulaImage(30, 37, 3);
    const again = augment(JSON.parse(JSON.stringify(pipeline)));
    for (let id = 0; id < 16; id++) {
      const place = { seed: 2 ** 52 + 7, epoch: 3 };
      for (const dtype of ['float32', 'bfloat16'] as const) {
        const views = (await pipeline.apply([{ ...image, id }], { ...place, views: 2, dtype }).data()) as Float32Array;
        for (const view of [0, 1]) {
          const saved = JSON.stringify(pipeline.draw(image, { ...place, id, view }));
          const replayed = again.replay(image, JSON.parse(saved) as DrawnTransform[], { dtype });
          const half = views.length / 2;
          expect(await replayed.data()).toEqual(views.slice(view * half, (view + 1) * half));
        }
      }
    }
  });
});
