/** An augmented view as a picture: its normalisation taken back, and 8 bits a channel. */
import type { Augmentation, DrawnTransform, ImageSample } from '../augment/augment.ts';
import { DataError } from '../errors.ts';

/**
 * @param drawn what was drawn for the view; decides which normalisations took place.
 * @returns RGB bytes, height × width × 3; gray views are replicated, values outside [0, 1] are cut off.
 * @throws {DataError} a pipeline whose views have neither 1 nor 3 channels.
 */
export async function pictureOfView(
  augmentation: Augmentation,
  image: Omit<ImageSample, 'id'>,
  drawn: readonly DrawnTransform[],
): Promise<{ pixels: Uint8Array; height: number; width: number }> {
  const view = augmentation.replay(image, drawn); // (1, channels, height, width)
  const [, channels, height, width] = view.shape as [number, number, number, number];
  if (channels !== 1 && channels !== 3) {
    view.dispose();
    throw new DataError(`views must have 1 or 3 channels to be shown, got ${channels}`);
  }
  const values = (await view.data()) as Float32Array;
  view.dispose();
  const area = height * width;
  const pixels = new Uint8Array(3 * area);
  for (let c = 0; c < 3; c++) {
    const plane = channels === 1 ? 0 : c;
    const { scale, offset } = denormalization(augmentation, drawn, plane);
    for (let i = 0; i < area; i++) {
      const value = (values[plane * area + i] as number) * scale + offset;
      pixels[3 * i + c] = Math.round(255 * Math.min(1, Math.max(0, value)));
    }
  }
  return { pixels, height, width };
}

/** Standard deviation of 8-bit values below which an eye sees one colour. */
const leastContrast = 6;

/** Whether hardly anything is to be seen: in each channel nearly one value. @param pixels RGB bytes. */
export function isNearlyEmpty(pixels: Uint8Array): boolean {
  const count = pixels.length / 3;
  return [0, 1, 2].every((channel) => {
    let [sum, squares] = [0, 0];
    for (let i = channel; i < pixels.length; i += 3) {
      const value = pixels[i] as number;
      sum += value;
      squares += value * value;
    }
    return squares / count - (sum / count) ** 2 < leastContrast ** 2;
  });
}

/** x → x·scale + offset undoes every normalisation that was applied, the last one first. */
function denormalization(
  { transforms }: Augmentation,
  drawn: readonly DrawnTransform[],
  channel: number,
): { scale: number; offset: number } {
  let scale = 1;
  let offset = 0;
  for (let i = transforms.length - 1; i >= 0; i--) {
    const transform = transforms[i];
    if (transform?.kind !== 'normalize' || !drawn[i]?.applied) continue;
    const { mean, std } = transform;
    const at = mean.length === 1 ? 0 : channel;
    scale *= std[at] as number;
    offset = offset * (std[at] as number) + (mean[at] as number);
  }
  return { scale, offset };
}
