/** Augmentation on a device: a GPU where there is one, else the simulated one. */
import { describe, expect, it } from 'vitest';
import { type Augmentation, applyViews, augment, type ImageSample } from '../../lib/augment/augment.ts';
import { centerCrop } from '../../lib/augment/center-crop.ts';
import * as functional from '../../lib/augment/functional.ts';
import { type PresetName, presets, presetViews } from '../../lib/augment/presets.ts';
import { randomCrop } from '../../lib/augment/random-crop.ts';
import { randomHorizontalFlip } from '../../lib/augment/random-horizontal-flip.ts';
import { randomResizedCrop } from '../../lib/augment/random-resized-crop.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { describeOnDevice } from '../device/describe-on-device.ts';
import { hasGpu, launchesIn, device as onDevice, takeLog, waitsOfStreams } from '../device/device.ts';
import { smooth, stepped } from './every-transform.ts';
import { floatImage, largest } from './functional-call.ts';
import { imagesOf } from './on-device.ts';

const samples = imagesOf([64, 48, 3], [40, 40, 1], [64, 48, 3], [50, 70, 3]);
const equalSamples = imagesOf([24, 20, 3], [24, 20, 3], [24, 20, 3], [24, 20, 3]);

/** The part of the values of two views a sample that are further than 2/255 from those of the augmentation pool. */
async function outliers(views: readonly Augmentation[], images: readonly ImageSample[]): Promise<number> {
  takeLog();
  const [there, here] = [onDevice, 'cpu'].map((device) => applyViews(views, images, { seed: 4, device }));
  expect([there?.device, there?.shape]).toEqual([onDevice, here?.shape]);
  await there?.ready();
  const log = takeLog();
  expect([waitsOfStreams(log), log?.races ?? []]).toEqual([[], []]);
  const [a, b] = (await Promise.all([there?.data(), here?.data()])) as [Float32Array, Float32Array];
  return a.filter((x, i) => !(Math.abs(x - (b[i] as number)) <= 2 / 255)).length / a.length;
}

const all: readonly [string, readonly Augmentation[]][] = (Object.keys(presets) as PresetName[]).map((name) => {
  const views = presetViews(name, { size: 32, channels: 3 });
  return [name, Array.isArray(views) ? views.slice(0, 2) : [views, views]]; // of multi-crop, those of one size
});

describeOnDevice(() => {
  it.each([...smooth, ...stepped].map((one) => [one.kind, one] as const))("%s %j: the pool's", async (_, one) => {
    const view = augment([one]);
    // A pixel on a step may fall to the other side.
    expect(await outliers([view, view], equalSamples)).toBeLessThanOrEqual(stepped.includes(one) ? 0.005 : 0);
  });

  it.each(all)('presets.%s: the views of the pool', async (_, views) => {
    expect(await outliers(views, samples)).toBeLessThanOrEqual(0.005);
  });

  it('a crop beyond the ends of some images, then a flip and a resize: the views of the pool', async () => {
    const view = augment([
      randomCrop(24, { padding: 6, fill: 0.5 }),
      randomHorizontalFlip({ p: 0.5 }),
      randomResizedCrop(24),
    ]);
    const images = imagesOf(...Array.from({ length: 12 }, (_, i): [number, number, number] => [20 + 5 * i, 25, 3]));
    expect(await outliers([view, view], images)).toBe(0);
  });

  it('images of more than 64 MiB are pinned in parts', async () => {
    const pixels = Uint8Array.from({ length: 3700 * 3700 }, (_, i) => i % 251);
    const large = [0, 1, 2, 3, 4].map((id) => ({ pixels, height: 3700, width: 3700, channels: 1, id }));
    const view = augment([centerCrop(8)]);
    expect(await outliers([view], large)).toBe(0);
  });

  // A GPU does not tell how many there were.
  it.skipIf(hasGpu).each([
    ...(
      [
        ['simclr', 272],
        ['simclrV2', 316],
        ['supcon', 272],
        ['mocoV2', 316],
        ['evaluation', 76],
        ['fineTune', 76],
        ['cifar', 42],
      ] as const
    ).map(([name, most]) => {
      const view = presets[name]({ size: 8 });
      return [name, [view, view], most] as const;
    }),
    ['byol', presets.byol({ size: 8 }), 625] as const,
  ])('%s: more images, or small images of more sizes, take no more launches', async (_, views, most) => {
    const launches: number[] = [];
    for (const [count, spread] of [
      [48, 0],
      [96, 0],
      [96, 12],
      [96, 90],
    ] as const) {
      const images = imagesOf(
        ...Array.from({ length: count }, (_, i): [number, number, number] => [16 + (i % (spread + 1)), 20, 3]),
      );
      await sync();
      takeLog();
      const made = applyViews(views, images, { seed: 1, device: onDevice });
      await made.ready();
      made.dispose();
      launches.push(launchesIn(takeLog()) ?? 0);
    }
    expect(new Set(launches).size).toBe(1);
    expect(launches[0]).toBeGreaterThan(0);
    expect(launches[0]).toBeLessThanOrEqual(most);
  });

  it('functions of tensors with gradients equal those of the CPU', async () => {
    const functions: ((x: Tensor) => Tensor)[] = [
      (x) => functional.resizedCrop(x, { top: 1, left: 2, height: 9, width: 8, size: 16 }),
      (x) => functional.adjustContrast(x, [1.3]),
      (x) => functional.adjustHue(x, 0.2),
      (x) => functional.gaussianBlur(x, 5, 1.2),
      (x) => functional.rotate(x, 30, { interpolation: 'bilinear' }),
      (x) => functional.erase(x, { top: 0, left: 0, height: 3, width: 3, value: [0.1, 0.2, 0.3] }),
      (x) => functional.gaussianNoise(x, { sigma: 0.1, noiseKey: [1, 2] }),
    ];
    for (const f of functions) {
      const [there, here] = await Promise.all(
        [onDevice, 'cpu'].map(async (device) => {
          const x = floatImage([12, 10, 3]).to({ device });
          x.requiresGrad = true;
          const result = f(x);
          result.square().sum().backward();
          return [...((await result.data()) as Float32Array), ...((await (x.grad as Tensor).data()) as Float32Array)];
        }),
      );
      expect(largest(there as number[], here as number[])).toBeLessThanOrEqual(1e-4);
    }
  });
});

describe.skipIf(hasGpu)('without a CUDA device', () => {
  const supcon = presets.supcon({ size: 32, channels: 3 });
  it("device: 'cuda' is an error that says why, 'auto' is the CPU", async () => {
    expect(() => supcon.apply(samples, { seed: 4, device: 'cuda' })).toThrow(
      expect.objectContaining({ code: 'ERR_DEVICE' }),
    );
    const [auto, cpu] = ['auto', 'cpu'].map((device) => supcon.apply(samples, { seed: 4, device }));
    expect(await auto?.data()).toEqual(await cpu?.data());
  });
});
