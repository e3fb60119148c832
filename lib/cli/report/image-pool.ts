/** Collects the images that a report shows, each once, as tiles of one size. */
import type { ReportImages } from './report-data.ts';

/** Larger images are made smaller: a page carries a thousand of them. Pixels. */
const mostSide = 64;
/** Tiles above 32 pixels are compressed in blocks of this side, which no two tiles share. */
const block = 16;

function sideOf({ height, width }: PoolImage): number {
  const side = Math.min(mostSide, height, width);
  return side <= 2 * block ? side : side - (side % block);
}

export interface PoolImage {
  /** HWC uint8. */
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly label?: number;
}

/** The middle square, `side` pixels wide; each pixel is the mean of those that it covers. */
function tileOf(image: PoolImage, side: number): Uint8Array {
  const { height, width, channels } = image;
  if (height === side && width === side) return image.pixels;
  const scale = Math.min(height, width) / side;
  const [top, left] = [(height - scale * side) / 2, (width - scale * side) / 2];
  const out = new Uint8Array(side * side * channels);
  const span = (from: number, at: number): [number, number] => {
    const first = Math.floor(from + at * scale);
    return [first, Math.max(first + 1, Math.floor(from + (at + 1) * scale))];
  };
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      for (let c = 0; c < channels; c++)
        out[(y * side + x) * channels + c] = meanOf(image, span(top, y), span(left, x), c);
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

/** Each value three times. */
const replicated = (gray: Uint8Array): Uint8Array =>
  Uint8Array.from({ length: gray.length * 3 }, (_, i) => gray[Math.floor(i / 3)]!);

export class ImagePool {
  readonly #indices = new Map<string, number>();
  readonly #tiles: Uint8Array[] = [];
  readonly #labels: number[] = [];
  /** Of a tile, pixels: by the first image, which is shown as it is if it is small. */
  #side = 0;

  /** The index of `image`, of 1 or 3 channels, added unless `key` (such as 'test:17') is already there. */
  add(key: string, image: PoolImage): number {
    const known = this.#indices.get(key);
    if (known !== undefined) return known;
    this.#side ||= sideOf(image);
    const index = this.#tiles.push(tileOf(image, this.#side)) - 1;
    this.#labels.push(image.label ?? -1);
    this.#indices.set(key, index);
    return index;
  }

  /** In colours if one of them is. */
  toImages(): ReportImages {
    const gray = this.#side ** 2;
    const channels = this.#tiles.some(({ length }) => length > gray) ? 3 : 1;
    const tiles = this.#tiles.map((tile) => (tile.length < gray * channels ? replicated(tile) : tile));
    const pixels = Uint8Array.from(Buffer.concat(tiles));
    return { pixels, height: this.#side, width: this.#side, channels, labels: this.#labels };
  }
}
