/** What embed() takes, and the way from there to the pixels that an encoder wants. */
import { types } from 'node:util';
import { type DecodedImage, decodeImage, toGray } from '../data/decode.ts';
import type { DecodePriority } from '../data/decode-queue.ts';
import { DataError, DTypeError, ShapeError } from '../errors.ts';
import { describe } from '../validate.ts';

/** Decoded pixels, 8 bits a channel. An `ImageData` with `channels: 4` is one. */
export interface RawImage {
  /** height × width × channels values, row by row, channels interleaved. Must not change until the result is there. */
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** 1: gray. 3: sRGB. 4: sRGB and alpha, composited onto white as decoded files are. */
  readonly channels: 1 | 3 | 4;
}

/** The path of an image file, the encoded bytes of one (JPEG, PNG, WebP, GIF, TIFF, AVIF), or raw pixels. */
export type ImageInput = string | Uint8Array | RawImage;

export interface PixelOptions {
  /** Of the encoder's input. */
  readonly channels: 1 | 3;
  /** Shorter side that files are scaled down to while decoding, in pixels. */
  readonly size: number;
  readonly priority: DecodePriority;
}

// Scaling the shorter side to an encoder's input keeps the longer one far below 2^31 pixels.
const kMostElongated = 10_000;

/**
 * The pixels of one image.
 *
 * @throws {DataError} not an image, or one that cannot be decoded.
 * @throws {ShapeError | DTypeError} raw pixels that do not fit their sizes, or are not 8-bit.
 */
export async function imagePixels(input: ImageInput, options: PixelOptions): Promise<DecodedImage> {
  const isFile = typeof input === 'string' || types.isUint8Array(input);
  const image = isFile ? await decodeImage(input, options) : fromRaw(input, options.channels);
  const { height, width } = image;
  if (Math.max(height, width) > kMostElongated * Math.min(height, width))
    throw new DataError(`image of ${width} × ${height} is too elongated: at most ${kMostElongated} : 1`);
  return image;
}

function fromRaw(input: RawImage, channels: 1 | 3): DecodedImage {
  if (input === null || typeof input !== 'object' || Array.isArray(input) || ArrayBuffer.isView(input))
    throw new DataError(
      `image must be a path, a Buffer of encoded bytes or { data, width, height, channels }, got ${describe(input)}`,
    );
  const { data, width, height } = input;
  if (!(types.isUint8Array(data) || types.isUint8ClampedArray(data)))
    throw new DTypeError(`image.data must be a Uint8Array or Uint8ClampedArray, got ${describe(data)}`);
  for (const [name, value] of Object.entries({ width, height }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new ShapeError(`image.${name} must be an integer >= 1, got ${describe(value)}`);
  if (![1, 3, 4].includes(input.channels))
    throw new ShapeError(`image.channels must be 1, 3 or 4, got ${describe(input.channels)}`);
  const count = width * height;
  if (data.length !== count * input.channels)
    throw new ShapeError(
      `image.data must hold ${height} × ${width} × ${input.channels} = ${count * input.channels} values, got ${data.length}`,
    );
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  if (input.channels === 1) return { pixels: bytes, height, width, channels: 1 };
  const rgb = input.channels === 4 ? ontoWhite(bytes, count) : bytes;
  return { pixels: channels === 1 ? toGray(rgb, count) : rgb, height, width, channels };
}

function ontoWhite(rgba: Uint8Array, count: number): Uint8Array {
  const rgb = new Uint8Array(3 * count);
  for (let i = 0; i < count; i++) {
    const alpha = rgba[4 * i + 3] as number;
    for (let c = 0; c < 3; c++)
      rgb[3 * i + c] = Math.round(((rgba[4 * i + c] as number) * alpha + 255 * (255 - alpha)) / 255);
  }
  return rgb;
}
