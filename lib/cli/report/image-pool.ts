/** Collects the images that a report shows, each once, as tiles of one size. */
import { DataError } from '../../errors.ts';
import type { ReportImages } from './report-data.ts';

/** Larger images are made smaller: a page carries a thousand of them. */
const mostSide = 64;

export interface PoolImage {
  /** HWC uint8. */
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly label?: number;
}

type TileSize = Pick<PoolImage, 'height' | 'width' | 'channels'>;

/** Small images are shown as they are, so the first one says how large a tile is; of larger ones, the middle square is. */
function tileSizeOf({ height, width, channels }: PoolImage): TileSize {
  const isSmall = height <= mostSide && width <= mostSide;
  return isSmall ? { height, width, channels } : { height: mostSide, width: mostSide, channels: 3 };
}

/** The middle part of the tile's shape, each pixel the mean of those that it covers; gray is replicated. */
function tileOf(image: PoolImage, { height, width, channels }: TileSize): Uint8Array {
  if (image.height === height && image.width === width && image.channels === channels) return image.pixels;
  const scale = Math.min(image.height / height, image.width / width);
  const [top, left] = [(image.height - scale * height) / 2, (image.width - scale * width) / 2];
  const out = new Uint8Array(height * width * channels);
  const span = (from: number, at: number): [number, number] => {
    const first = Math.floor(from + at * scale);
    return [first, Math.max(first + 1, Math.floor(from + (at + 1) * scale))];
  };
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [rows, columns] = [span(top, y), span(left, x)];
      for (let c = 0; c < channels; c++)
        out[(y * width + x) * channels + c] = meanOf(image, rows, columns, Math.min(c, image.channels - 1));
    }
  return out;
}

function meanOf(
  { pixels, width, channels }: PoolImage,
  [top, bottom]: readonly [number, number],
  [left, right]: readonly [number, number],
  channel: number,
): number {
  let sum = 0;
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) sum += pixels[(y * width + x) * channels + channel]!;
  return Math.round(sum / ((bottom - top) * (right - left)));
}

export class ImagePool {
  readonly #indices = new Map<string, number>();
  readonly #tiles: Uint8Array[] = [];
  readonly #labels: number[] = [];
  #size: TileSize | undefined;

  /**
   * The index of `image`, added unless `key` (such as 'test:17') is already there.
   * @throws {DataError} no label.
   */
  add(key: string, image: PoolImage): number {
    const known = this.#indices.get(key);
    if (known !== undefined) return known;
    if (image.label === undefined) throw new DataError(`report: image '${key}' has no label`);
    this.#size ??= tileSizeOf(image);
    const index = this.#tiles.push(tileOf(image, this.#size)) - 1;
    this.#labels.push(image.label);
    this.#indices.set(key, index);
    return index;
  }

  toImages(): ReportImages {
    const { height, width, channels } = this.#size ?? { height: 1, width: 1, channels: 1 };
    return { pixels: Uint8Array.from(Buffer.concat(this.#tiles)), height, width, channels, labels: this.#labels };
  }
}
