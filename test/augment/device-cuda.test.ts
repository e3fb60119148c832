/** Augmentation on a device: a GPU where there is one, else the simulated one. test/augment/device.test.ts has every transform. */
import { beforeAll, describe, expect, it } from 'vitest';
import { applyViews, augment } from '../../lib/augment/augment.ts';
import { colorJitter } from '../../lib/augment/color-jitter.ts';
import { elasticTransform } from '../../lib/augment/elastic-transform.ts';
import * as functional from '../../lib/augment/functional.ts';
import { gaussianNoise } from '../../lib/augment/gaussian-noise.ts';
import { presets } from '../../lib/augment/presets.ts';
import { randAugment } from '../../lib/augment/rand-augment.ts';
import { randomErasing } from '../../lib/augment/random-erasing.ts';
import { randomRotation90 } from '../../lib/augment/random-rotation90.ts';
import { resize } from '../../lib/augment/resize.ts';
import { loadAddon } from '../../lib/native/addon.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { hasDevice, device as onDevice, openDevice, openingTime, takeLog, title } from '../device/device.ts';
import { floatImage, largest } from './functional-call.ts';
import { imagesOf } from './on-device.ts';

const hasCuda = loadAddon().info().devices.includes('cuda:0');

const samples = imagesOf([64, 48, 3], [40, 40, 1], [64, 48, 3], [50, 70, 3]);
const pipelines = {
  simclr: presets.simclr({ size: 32, blur: 0.5, channels: 3 }),
  supcon: presets.supcon({ size: 32, channels: 3 }),
  evaluation: presets.evaluation({ size: 32, channels: 3 }),
  noise: augment([resize([32, 32]), gaussianNoise(), randomErasing({ p: 1, value: 'noise' })], { channels: 3 }),
  elastic: augment([resize([32, 32]), elasticTransform({ sigma: 2 }), randomRotation90()], { channels: 3 }),
  policy: augment([resize([32, 32]), colorJitter({ hue: 0.2 }), randAugment({ numOps: 3 })], { channels: 3 }),
};

describe.skipIf(!hasDevice)(title, () => {
  beforeAll(openDevice, openingTime);

  it.each(Object.entries(pipelines))('%s: the views of the CPU', async (_, pipeline) => {
    const [there, here] = [onDevice, 'cpu'].map((device) => pipeline.apply(samples, { seed: 4, views: 2, device })) as [
      Tensor,
      Tensor,
    ];
    expect([there.device, there.shape]).toEqual([onDevice, here.shape]);
    const [a, b] = (await Promise.all([there.data(), here.data()])) as [Float32Array, Float32Array];
    const outliers = a.filter((x, i) => Math.abs(x - (b[i] as number)) > 2 / 255).length;
    // Policies look for nearest pixels and levels: a pixel on a step may fall to the other side.
    expect(outliers / a.length).toBeLessThanOrEqual(0.005);
  });

  it.each([
    ...(['simclr', 'simclrV2', 'supcon', 'mocoV2', 'evaluation', 'fineTune'] as const).map((name) => {
      const view = presets[name]({ size: 8 });
      return [name, [view, view]] as const;
    }),
    ['byol', presets.byol({ size: 8 })] as const,
  ])('%s: more images, or images of more sizes, take no more launches', async (_, views) => {
    const launches: number[] = [];
    for (const [count, spread] of [
      [48, 0],
      [96, 0],
      [96, 12],
    ] as const) {
      const images = imagesOf(
        ...Array.from({ length: count }, (_, i): [number, number, number] => [16 + (i % (spread + 1)), 20, 3]),
      );
      await sync();
      takeLog();
      const made = applyViews(views, images, { seed: 1, device: onDevice });
      await made.ready();
      made.dispose();
      launches.push(Object.values(takeLog()?.launches ?? {}).reduce((sum, n) => sum + n, 0));
    }
    expect(new Set(launches).size).toBe(1);
    expect(launches[0]).toBeLessThan(700);
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

describe.skipIf(hasCuda)('without a CUDA device', () => {
  it("device: 'cuda' is an error that says why, 'auto' is the CPU", async () => {
    expect(() => pipelines.supcon.apply(samples, { seed: 4, device: 'cuda' })).toThrow(
      expect.objectContaining({ code: 'ERR_DEVICE' }),
    );
    const [auto, cpu] = ['auto', 'cpu'].map((device) => pipelines.supcon.apply(samples, { seed: 4, device }));
    expect(await auto?.data()).toEqual(await cpu?.data());
  });
});
