/** The batched operations of the device path, forced onto any device, the CPU too; and how far their views are off. */
import { type ApplyOptions, type Augmentation, applyViews, type ImageSample } from '../../lib/augment/augment.ts';
import { loadAddon } from '../../lib/native/addon.ts';
import { guard } from '../../lib/native/errors.ts';
import { newJob } from '../../lib/native/jobs.ts';
import { flags } from '../../lib/tensor/modes.ts';
import { Tensor } from '../../lib/tensor/tensor.ts';
import { formulaImage } from './formula-image.ts';

type Options = Omit<ApplyOptions, 'views'> & { readonly viewNumbers?: readonly number[] };

/** As `applyViews`, without the augmentation pool whatever the device. */
export function viewsOnDevice(
  views: readonly Augmentation[],
  samples: readonly ImageSample[],
  options: Options,
): Tensor {
  const { seed, epoch = 0, dtype = 'float32', device = 'cpu', viewNumbers } = options;
  const sizes = Int32Array.from(samples.flatMap(({ height, width, channels }) => [height, width, channels]));
  const ids = Float64Array.from(samples, ({ id }, i) => id ?? i);
  const pixels = samples.map((sample) => sample.pixels);
  const pipelines = views.map((view) => view.pipeline());
  const job = newJob(viewsOnDevice);
  return new Tensor(
    guard(() =>
      loadAddon().augmentOnDevice(pipelines, pixels, sizes, ids, seed, epoch, dtype, device, flags(), job, viewNumbers),
    ),
  );
}

/** Formula images of the given sizes, with ids that are not their places. */
export const imagesOf = (...sizes: readonly (readonly [number, number, number])[]): ImageSample[] =>
  sizes.map((size, i) => ({ ...formulaImage(...size), id: 7 * i + 3 }));

/** The absolute differences between both ways, largest first. */
export async function differences(
  views: readonly Augmentation[],
  samples: readonly ImageSample[],
  options: Options,
): Promise<number[]> {
  const [pool, device] = [
    applyViews(views, samples, { ...options, device: 'cpu' }),
    viewsOnDevice(views, samples, options),
  ];
  const [a, b] = (await Promise.all([pool.data(), device.data()])) as [Float32Array, Float32Array];
  if (`${pool.shape}` !== `${device.shape}`) throw new Error(`shapes ${pool.shape} and ${device.shape}`);
  return Array.from(a, (x, i) => Math.abs(x - (b[i] as number))).sort((x, y) => y - x);
}
