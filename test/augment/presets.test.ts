/** Presets against the numbers that their papers and repositories give. */
import { describe, expect, test } from 'vitest';
import { type Augmentation, augment } from '../../lib/augment/augment.ts';
import { multiCrop } from '../../lib/augment/multi-crop.ts';
import { presets } from '../../lib/augment/presets.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { encoderFacts } from '../../lib/encoders/all.ts';
import { expectError } from './expect-error.ts';
import { formulaImage } from './formula-image.ts';

const kinds = (preset: Augmentation) => preset.transforms.map(({ kind }) => kind);
const of = (preset: Augmentation, kind: string) => {
  const found = preset.transforms.filter((transform) => transform.kind === kind);
  expect(found.length, kind).toBe(1);
  return found[0];
};

/** A jitter in the papers' notation, always with p 0.8. */
const jitter = (brightness: number, contrast: number, saturation: number, hue: number) => {
  const factor = (x: number) => [expect.closeTo(1 - x, 12), expect.closeTo(1 + x, 12)];
  return {
    brightness: factor(brightness),
    contrast: factor(contrast),
    saturation: factor(saturation),
    hue: [expect.closeTo(-hue, 12), expect.closeTo(hue, 12)],
    p: 0.8,
  };
};
const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], p: 1 };

describe('presets', () => {
  test("simclr: the paper's two recipes", () => {
    const small = presets.simclr({ size: 32 });
    const order = ['randomResizedCrop', 'randomHorizontalFlip', 'colorJitter', 'randomGrayscale', 'normalize'];
    expect(kinds(small)).toEqual(order);
    expect(of(small, 'randomResizedCrop')).toMatchObject({ size: [32, 32], scale: [0.08, 1], ratio: [3 / 4, 4 / 3] });
    expect(of(small, 'randomHorizontalFlip')).toMatchObject({ p: 0.5 });
    expect(of(small, 'colorJitter')).toMatchObject(jitter(0.4, 0.4, 0.4, 0.1));
    expect(of(small, 'randomGrayscale')).toMatchObject({ p: 0.2 });
    const large = presets.simclr({ size: 224 });
    expect(kinds(large)).toEqual([...order.slice(0, 4), 'gaussianBlur', 'normalize']);
    expect(of(large, 'gaussianBlur')).toMatchObject({ kernelSize: 23, sigma: [0.1, 2], p: 0.5 });
    expect(of(large, 'colorJitter')).toMatchObject(jitter(0.8, 0.8, 0.8, 0.2));
    expect(of(large, 'normalize')).toMatchObject(imagenet);
    expect(kinds(presets.simclr({ size: 224, blur: 0 }))).not.toContain('gaussianBlur');
    expect(of(presets.simclr({ size: 32, strength: 1 }), 'colorJitter')).toMatchObject(jitter(0.8, 0.8, 0.8, 0.2));
  });

  test('simclrV2: the large recipe at every size', () => {
    expect(presets.simclrV2({ size: 224 }).toJSON()).toEqual(presets.simclr({ size: 224 }).toJSON());
    const small = presets.simclrV2({ size: 32 });
    expect(small.toJSON()).toEqual(presets.simclr({ size: 32, strength: 1, blur: 0.5 }).toJSON());
    expect(of(small, 'gaussianBlur')).toMatchObject({ kernelSize: 3, p: 0.5 });
  });

  test('supcon and mocoV2', () => {
    for (const make of [presets.supcon, presets.mocoV2]) {
      const preset = make({ size: 224 });
      expect(of(preset, 'randomResizedCrop')).toMatchObject({ size: [224, 224], scale: [0.2, 1] });
      expect(of(preset, 'colorJitter')).toMatchObject(jitter(0.4, 0.4, 0.4, 0.1));
      expect(of(preset, 'randomGrayscale')).toMatchObject({ p: 0.2 });
      expect(of(preset, 'randomHorizontalFlip')).toMatchObject({ p: 0.5 });
    }
    expect(kinds(presets.supcon({ size: 224 }))).not.toContain('gaussianBlur');
    expect(of(presets.mocoV2({ size: 224 }), 'gaussianBlur')).toMatchObject({ sigma: [0.1, 2], p: 0.5 });
  });

  test('byol: two views that differ in blur and solarization', () => {
    const [first, second] = presets.byol({ size: 224 });
    for (const view of [first, second]) {
      expect(of(view, 'randomResizedCrop')).toMatchObject({ scale: [0.08, 1] });
      expect(of(view, 'colorJitter')).toMatchObject(jitter(0.4, 0.4, 0.2, 0.1));
      expect(of(view, 'randomGrayscale')).toMatchObject({ p: 0.2 });
    }
    expect(of(first, 'gaussianBlur')).toMatchObject({ kernelSize: 23, sigma: [0.1, 2], p: 1 });
    expect(kinds(first)).not.toContain('solarize');
    expect(of(second, 'gaussianBlur')).toMatchObject({ p: 0.1 });
    expect(of(second, 'solarize')).toMatchObject({ threshold: 0.5, p: 0.2 });
    expect(kinds(second).slice(-3)).toEqual(['gaussianBlur', 'solarize', 'normalize']);
  });

  test.each([
    [28, 12],
    [32, 12],
    [64, 24],
    [96, 40],
    [112, 48],
    [224, 96],
  ])('local views of %i pixels are of %i, whole patches of a vision transformer', (size, local) => {
    expect(presets.dino({ size }).at(-1)?.transforms[0]).toMatchObject({ size: [local, local] });
    const fitting = encoderFacts('vit-s-16').forImages?.(size);
    expect(local % Number(fitting?.patch)).toBe(0);
  });

  test('swav and dino: crops of two sizes', () => {
    const crops = (views: Augmentation[]) =>
      views.map((view) => of(view, 'randomResizedCrop') as unknown as { size: number[]; scale: number[] });
    const swav = presets.swav({ size: 224 });
    expect(crops(swav).map(({ size }) => size[0])).toEqual([224, 224, 96, 96, 96, 96, 96, 96]);
    expect(crops(swav).map(({ scale }) => scale)).toEqual([
      ...new Array(2).fill([0.14, 1]),
      ...new Array(6).fill([0.05, 0.14]),
    ]);
    for (const view of swav) {
      expect(of(view, 'colorJitter')).toMatchObject(jitter(0.8, 0.8, 0.8, 0.2));
      expect(of(view, 'gaussianBlur')).toMatchObject({ kernelSize: 23, sigma: [0.1, 2], p: 0.5 });
    }
    const dino = presets.dino({ size: 64, localSize: 32 });
    expect(crops(dino).map(({ size }) => size[0])).toEqual([64, 64, ...new Array(8).fill(32)]);
    expect(crops(dino).map(({ scale }) => scale)).toEqual([
      ...new Array(2).fill([0.4, 1]),
      ...new Array(8).fill([0.05, 0.4]),
    ]);
    expect(dino.map((view) => of(view, 'gaussianBlur')?.p)).toEqual([1, 0.1, ...new Array(8).fill(0.5)]);
    expect(dino.map((view) => view.transforms.find(({ kind }) => kind === 'solarize')?.p)).toEqual([
      undefined,
      0.2,
      ...new Array(8).fill(undefined),
    ]);
    expect(of(dino[1] as Augmentation, 'solarize')).toMatchObject({ threshold: 128 / 255 });
    for (const view of dino) expect(of(view, 'colorJitter')).toMatchObject(jitter(0.4, 0.4, 0.2, 0.1));
  });

  test('cifar, fine-tuning and evaluation', () => {
    const cifar = presets.cifar({ size: 32 });
    expect(kinds(cifar)).toEqual(['randomCrop', 'randomHorizontalFlip', 'normalize']);
    expect(of(cifar, 'randomCrop')).toMatchObject({ size: [32, 32], padding: [4, 4, 4, 4], fill: 0 });
    const fineTune = presets.fineTune({ size: 32, channels: 3 });
    expect(kinds(fineTune)).toEqual(['randomResizedCrop', 'randomHorizontalFlip', 'normalize']);
    expect(of(fineTune, 'randomResizedCrop')).toMatchObject({
      size: [32, 32],
      scale: [0.08, 1],
      ratio: [3 / 4, 4 / 3],
    });
    expect(fineTune.outputShape({ height: 40, width: 50, channels: 1 })).toMatchObject({ height: 32, channels: 3 });
    expectError(() => presets.fineTune({ size: 32, strength: 1 } as never), 'ERR_OPTION', /presets\.fineTune/);
    const evaluation = presets.evaluation({ size: 224 });
    expect(kinds(evaluation)).toEqual(['resize', 'centerCrop', 'normalize']);
    expect(of(evaluation, 'resize')).toMatchObject({ size: 256 });
    expect(of(presets.evaluation({ size: 28 }), 'resize')).toMatchObject({ size: 28 });
    expect(presets.imagenetEval({ size: 224 }).toJSON()).toEqual(evaluation.toJSON());
    expect(of(presets.imagenetEval({ size: 28 }), 'resize')).toMatchObject({ size: 32 });
  });

  test('all run, gray images too, and go through JSON', async () => {
    const gray = { ...formulaImage(40, 31, 1), id: 0 };
    const input = { channels: 3, mean: 0.286, std: 0.353 } as const;
    const { swav, dino, ...single } = presets;
    const made = [
      ...Object.values(single).flatMap((make) => make({ size: 28, ...input })),
      ...[swav, dino].flatMap((make) => make({ size: 28, localSize: 12, ...input })),
    ];
    for (const preset of made) {
      const again = augment(JSON.parse(JSON.stringify(preset)));
      expect(again.toJSON()).toEqual(preset.toJSON());
      const { height, width, channels } = again.outputShape(gray);
      const views = again.apply([gray], { seed: 1, views: 2 });
      expect(views.shape).toEqual([2, channels, height, width]);
      expect(channels).toBe(3);
      expect((await views.data()).every((x) => Number.isFinite(Number(x)))).toBe(true);
    }
  });

  test('are edited as data', () => {
    const { transforms, ...rest } = presets.supcon({ size: 32 }).toJSON();
    const edited = augment({ ...rest, transforms: transforms.filter(({ kind }) => kind !== 'randomHorizontalFlip') });
    expect(kinds(edited)).toEqual(['randomResizedCrop', 'colorJitter', 'randomGrayscale', 'normalize']);
    const gray = augment({ ...presets.supcon({ size: 32, mean: 0.3, std: 0.4 }).toJSON(), channels: 1 });
    expect(gray.channels).toBe(1);
  });

  test('refuse bad options', () => {
    expectError(() => presets.simclr({ size: 0 }), 'ERR_OPTION', /presets.simclr: size must be/);
    expectError(
      () => presets.supcon({ size: 32, blur: 1 } as never),
      'ERR_OPTION',
      /presets.supcon: unknown option 'blur'/,
    );
    expectError(() => presets.simclr({ size: 32, strength: -1 }), 'ERR_OPTION', /strength/);
    expectError(() => presets.simclrV2({ size: 32, blur: 2 }), 'ERR_OPTION', /presets.simclrV2: blur/);
    expectError(() => presets.imagenetEval({ size: 0 }), 'ERR_OPTION', /presets\.imagenetEval: size/);
    expectError(() => presets.evaluation({ size: 32, cropRatio: 0 }), 'ERR_OPTION', /cropRatio must be .*> 0/);
    expectError(() => presets.cifar({ size: 32, mean: [0.5] }), 'ERR_OPTION', /one length, got 1 and 3/);
    expectError(() => presets.byol({} as never), 'ERR_OPTION', /presets.byol: size must be .*got undefined/);
    expectError(
      () => presets.dino({ globalSize: 32 } as never),
      'ERR_OPTION',
      /presets.dino: unknown option 'globalSize'/,
    );
    expectError(() => presets.supcon({ size: 32, blur: 1 } as never), 'ERR_OPTION', /unknown option 'blur'/);
  });
});

describe('multiCrop', () => {
  test('one augmentation a view, global views first', async () => {
    const views = multiCrop({ globalSize: 16, globalViews: 1, localSize: 8, localViews: 3, channels: 3 });
    expect(views.map(({ transforms }) => transforms)).toEqual([
      [expect.objectContaining({ kind: 'randomResizedCrop', size: [16, 16], scale: [0.14, 1] })],
      ...new Array(3).fill([expect.objectContaining({ kind: 'randomResizedCrop', size: [8, 8], scale: [0.05, 0.14] })]),
    ]);
    const image = { ...formulaImage(30, 40, 1), id: 9 };
    expect(views.map((view) => view.apply([image], { seed: 1 }).shape)).toEqual([
      [1, 3, 16, 16],
      ...new Array(3).fill([1, 3, 8, 8]),
    ]);
  });

  test('transforms follow the crop, the same or by view; no local views are no error', () => {
    const flips = multiCrop({ localViews: 0, transforms: [randomHorizontalFlip()] });
    expect(flips.map(kinds)).toEqual(new Array(2).fill(['randomResizedCrop', 'randomHorizontalFlip']));
    const seen: unknown[] = [];
    multiCrop({
      globalSize: 20,
      localSize: 10,
      localViews: 1,
      transforms: (view) => {
        seen.push(view);
        return [];
      },
    });
    expect(seen).toEqual([
      { index: 0, isGlobal: true, size: 20 },
      { index: 1, isGlobal: true, size: 20 },
      { index: 2, isGlobal: false, size: 10 },
    ]);
  });

  test('refuses bad options', () => {
    expectError(() => multiCrop({ localSize: 0 }), 'ERR_OPTION', /multiCrop: localSize must be an integer >= 1/);
    expectError(() => multiCrop({ globalViews: 0 }), 'ERR_OPTION', /multiCrop: globalViews must be an integer >= 1/);
    expectError(() => multiCrop({ localViews: -1 }), 'ERR_OPTION', /multiCrop: localViews/);
    expectError(() => multiCrop({ localScale: [0, 1] }), 'ERR_OPTION', /multiCrop: localScale/);
    expectError(() => multiCrop({ globalScale: [1, 0.5] }), 'ERR_OPTION', /multiCrop: globalScale .*min <= max/);
    expectError(() => multiCrop({ size: 32 } as never), 'ERR_OPTION', /multiCrop: unknown option 'size'/);
    expectError(() => multiCrop({ transforms: 3 } as never), 'ERR_OPTION', /transforms must be an array or a function/);
    expectError(() => multiCrop({ transforms: [{ kind: 'rotate' }] } as never), 'ERR_OPTION', /kind must be one of/);
  });
});
