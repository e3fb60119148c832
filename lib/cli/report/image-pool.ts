/** Collects the images that a report shows, each once. */
import { DataError } from '../../errors.ts';
import type { ReportImages } from './report-data.ts';

export interface PoolImage {
  /** HWC uint8. */
  pixels: Uint8Array;
  height: number;
  width: number;
  channels: number;
  label?: number;
}

export class ImagePool {
  private readonly indices = new Map<string, number>();
  private readonly images: PoolImage[] = [];

  /**
   * The index of `image`, added unless `key` (such as 'test:17') is already there.
   *
   * @throws {DataError} no label, or a size other than the first image's.
   */
  add(key: string, image: PoolImage): number {
    const known = this.indices.get(key);
    if (known !== undefined) return known;
    const first = this.images[0] ?? image;
    if (image.label === undefined) throw new DataError(`report: image '${key}' has no label`);
    if (image.height !== first.height || image.width !== first.width || image.channels !== first.channels)
      throw new DataError(`report: images must be of one size, got ${sizeOf(image)} after ${sizeOf(first)}`);
    const index = this.images.push(image) - 1;
    this.indices.set(key, index);
    return index;
  }

  toImages(): ReportImages {
    const { height, width, channels } = this.images[0] ?? { height: 1, width: 1, channels: 1 };
    const size = height * width * channels;
    const pixels = new Uint8Array(this.images.length * size);
    this.images.forEach((image, i) => {
      pixels.set(image.pixels, i * size);
    });
    return { pixels, height, width, channels, labels: this.images.map((image) => image.label!) };
  }
}

const sizeOf = ({ height, width, channels }: PoolImage) => `${height}×${width}×${channels}`;
