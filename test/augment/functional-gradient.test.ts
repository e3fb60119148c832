/** Gradients of the functions on image tensors by central differences in float64. */
import { describe, expect, test } from 'vitest';
import * as functional from '../../lib/augment/functional.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const shape = [2, 3, 6, 7];
const count = 2 * 3 * 6 * 7;
/** Pixels that differ in all channels and lie away from 0, 1 and each other, so that no clamp, no tie is near. */
const pixels = Float64Array.from({ length: count }, (_, i) => 0.25 + 0.4 * Math.abs(Math.sin(1.7 * i * i + 3 * i + 1)));
const places = Array.from({ length: 15 }, (_, i) => (37 * i + 5) % count);

/** Σ w f, with weights that favour no pixel. */
const weigh = (result: Tensor): Tensor => {
  const size = result.shape.reduce((product, n) => product * n, 1);
  const weights = Float64Array.from({ length: size }, (_, i) => Math.cos(2.3 * i + 0.4));
  return result.mul(tensor(weights, { shape: result.shape })).sum();
};

/** The gradient of `f` in its argument, at some places, equals central differences. */
async function expectGradient(
  f: (x: Tensor) => Tensor,
  at: Float64Array,
  size: readonly number[],
  where: readonly number[],
): Promise<void> {
  const x = tensor(at, { shape: [...size], requiresGrad: true });
  weigh(f(x)).backward();
  const gradient = (await (x.grad as Tensor).data()) as Float64Array;
  const step = 1e-6;
  for (const i of where) {
    const [above, below] = await Promise.all(
      [step, -step].map((by) =>
        weigh(
          f(
            tensor(
              at.map((value, j) => (i === j ? value + by : value)),
              { shape: [...size] },
            ),
          ),
        ).item(),
      ),
    );
    expect(gradient[i], `at ${i}`).toBeCloseTo(((above as number) - (below as number)) / (2 * step), 6);
  }
}

const field = tensor(
  Float64Array.from({ length: 84 }, (_, i) => 0.4 * Math.sin(5 * i)),
  { shape: [6, 7, 2] },
);
const functions: Readonly<Record<string, (images: Tensor) => Tensor>> = {
  resizedCrop: (x) => functional.resizedCrop(x, { top: [0, 2], left: 1, height: [5, 3], width: 4, size: [4, 9] }),
  resize: (x) => functional.resize(x, 4),
  crop: (x) => functional.crop(x, { top: [0, 4], left: [3, 1], size: 6, padding: 2, paddingMode: 'reflect' }),
  pad: (x) => functional.pad(x, [1, 2], { fill: 0.5 }),
  centerCrop: (x) => functional.centerCrop(x, [4, 3]),
  horizontalFlip: functional.horizontalFlip,
  verticalFlip: functional.verticalFlip,
  rotate90: (x) => functional.rotate90(x, 1),
  adjustBrightness: (x) => functional.adjustBrightness(x, [0.8, 1.2]),
  adjustContrast: (x) => functional.adjustContrast(x, [0.7, 1.3]),
  adjustSaturation: (x) => functional.adjustSaturation(x, [0.6, 1.2]),
  adjustHue: (x) => functional.adjustHue(x, [0.13, -0.41]),
  adjustSharpness: (x) => functional.adjustSharpness(x, [0.5, 1.3]),
  rgbToGrayscale: (x) => functional.rgbToGrayscale(x, { channels: 3 }),
  gaussianBlur: (x) => functional.gaussianBlur(x, 5, [0.7, 1.6]),
  sobel: functional.sobel,
  solarize: (x) => functional.solarize(x, 0.55),
  autocontrast: functional.autocontrast,
  invert: functional.invert,
  normalize: (x) => functional.normalize(x, [0.5, 0.4, 0.3], [0.2, 0.3, 0.25]),
  rotate: (x) => functional.rotate(x, [20, -75], { interpolation: 'bilinear', fill: 0.3 }),
  affine: (x) => functional.affine(x, { angle: [5, 30], scale: 1.2, shear: [4, 9], interpolation: 'bilinear' }),
  perspective: (x) => functional.perspective(x, [1.1, 0.1, -0.3, 0.05, 0.9, 0.2, 0.01, -0.02]),
  elastic: (x) => functional.elastic(x, field),
  erase: (x) => functional.erase(x, { top: [0, 2], left: 1, height: 3, width: [2, 4], value: [0.1, 0.2, 0.3] }),
  gaussianNoise: (x) => functional.gaussianNoise(x, { sigma: 0.05, noiseKey: [1, 2] }),
};

describe('gradients in the images', () => {
  test.each(Object.entries(functions))('%s', (_, f) => expectGradient(f, pixels, shape, places));

  test('a flat image has no slope, and its sobel no NaN', async () => {
    const flat = tensor(new Float64Array(16).fill(0.5), { shape: [1, 4, 4], requiresGrad: true });
    functional.sobel(flat).sum().backward();
    expect([...((await (flat.grad as Tensor).data()) as Float64Array)]).toEqual(new Array(16).fill(0));
  });
});

const images = tensor(pixels, { shape });
const parameters: Readonly<Record<string, [(parameter: Tensor) => Tensor, number[]]>> = {
  adjustBrightness: [(factor) => functional.adjustBrightness(images, factor), [0.8, 1.2]],
  adjustContrast: [(factor) => functional.adjustContrast(images, factor), [0.7, 1.3]],
  adjustSaturation: [(factor) => functional.adjustSaturation(images, factor), [0.6, 1.2]],
  adjustHue: [(factor) => functional.adjustHue(images, factor), [0.13, -0.41]],
  adjustSharpness: [(factor) => functional.adjustSharpness(images, factor), [0.5, 1.3]],
  gaussianBlur: [(sigma) => functional.gaussianBlur(images, 5, sigma), [0.7, 1.6]],
  gaussianNoise: [(sigma) => functional.gaussianNoise(images, { sigma, noiseKey: [1, 2], clip: false }), [0.1, 0.2]],
};

describe('gradients in the parameters', () => {
  test.each(Object.entries(parameters))('%s', async (_, [f, values]) => {
    await expectGradient(f, Float64Array.from(values), [2], [0, 1]);
    await expectGradient(f, Float64Array.of(values[0] as number), [], [0]);
  });

  test('displacement of elastic', () =>
    expectGradient(
      (displacement) => functional.elastic(images, displacement),
      Float64Array.from({ length: 84 }, (_, i) => 0.2 * Math.sin(3 * i + 1)),
      [6, 7, 2],
      [0, 1, 30, 47, 83],
    ));
});
