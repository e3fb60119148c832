import { describe, expect, test } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { presets } from '../../lib/augment/presets.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';

const kinds = (preset: { transforms: readonly { kind: string }[] }) => preset.transforms.map(({ kind }) => kind);

describe('presets', () => {
  test("simclr: the papers' two recipes", () => {
    const small = presets.simclr({ size: 32 });
    expect(kinds(small)).toEqual([
      'randomResizedCrop',
      'randomHorizontalFlip',
      'colorJitter',
      'randomGrayscale',
      'normalize',
    ]);
    expect(small.transforms[0]).toMatchObject({ size: [32, 32], scale: [0.08, 1] });
    expect(small.transforms[2]).toMatchObject({
      brightness: [0.6, 1.4],
      saturation: [0.6, 1.4],
      hue: [-0.1, 0.1],
      p: 0.8,
    });
    expect(small.transforms[3]).toMatchObject({ p: 0.2 });
    const large = presets.simclr({ size: 224 });
    expect(kinds(large)[4]).toBe('gaussianBlur');
    expect(large.transforms[4]).toMatchObject({ kernelSize: 23, sigma: [0.1, 2], p: 0.5 });
    expect(large.transforms[2]).toMatchObject({ hue: [-0.2, 0.2], p: 0.8 });
    expect(kinds(presets.simclr({ size: 224, blur: 0 }))).not.toContain('gaussianBlur');
    expect(presets.simclr({ size: 32, strength: 1 }).transforms[2]).toMatchObject({
      contrast: [expect.closeTo(0.2), 1.8],
    });
  });

  test('supcon, cifar and evaluation', () => {
    expect(presets.supcon({ size: 32 }).transforms[0]).toMatchObject({ scale: [0.2, 1] });
    expect(presets.cifar({ size: 32 }).transforms[0]).toMatchObject({ kind: 'randomCrop', padding: [4, 4, 4, 4] });
    const evaluation = presets.evaluation({ size: 224 });
    expect(kinds(evaluation)).toEqual(['resize', 'centerCrop', 'normalize']);
    expect(evaluation.transforms[0]).toMatchObject({ size: 256 });
    expect(presets.evaluation({ size: 28 }).transforms[0]).toMatchObject({ size: 28 });
  });

  test('all run, gray images too, and go through JSON', async () => {
    const gray = { ...formulaImage(40, 31, 1), id: 0 };
    for (const make of [presets.simclr, presets.supcon, presets.evaluation]) {
      const preset = make({ size: 28, channels: 3, mean: 0.286, std: 0.353 });
      const views = augment(JSON.parse(JSON.stringify(preset))).apply([gray], { seed: 1, views: 2 });
      expect(views.shape).toEqual([2, 3, 28, 28]);
      expect((await views.data()).every((x) => Number.isFinite(Number(x)))).toBe(true);
    }
  });

  test('refuse bad options', () => {
    expectError(() => presets.simclr({ size: 0 }), 'ERR_OPTION', /presets.simclr: size must be/);
    expectError(
      () => presets.supcon({ size: 32, blur: 1 } as never),
      'ERR_OPTION',
      /presets.supcon: unknown option 'blur'/,
    );
    expectError(() => presets.simclr({ size: 32, strength: -1 }), 'ERR_OPTION', /strength/);
    expectError(() => presets.evaluation({ size: 32, cropRatio: 0 }), 'ERR_OPTION', /cropRatio must be .*> 0/);
    expectError(() => presets.cifar({ size: 32, mean: [0.5] }), 'ERR_OPTION', /one length, got 1 and 3/);
  });
});
