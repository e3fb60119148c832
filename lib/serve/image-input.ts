/** What embed() and classify() take, and the way from there to the pixels that an encoder wants. */
import { types } from 'node:util';
import {
  type DecodedImage,
  decodeImage,
  type imageFileOptions,
  importSharp,
  scaledDown,
  toGray,
} from '../data/decode.ts';
import { type DecodePriority, DecodeQueue } from '../data/decode-queue.ts';
import { DataError, DTypeError, ShapeError } from '../errors.ts';
import type { ResolvedOf } from '../options/option.ts';
import { describe } from '../validate.ts';

/** Decoded pixels, 8 bits a channel. An `ImageData` with `channels: 4` is one. */
export interface RawImage {
  /** height × width × channels values, row by row, channels interleaved. Must not change until the result is there. */
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** 1: gray. 3: sRGB. 4: sRGB and alpha, composited onto the background as decoded files are. */
  readonly channels: 1 | 3 | 4;
}

/**
 * The encoded bytes of an image file (JPEG, PNG, WebP, GIF, TIFF, AVIF; a Buffer is a Uint8Array), or raw pixels. Never a
 * path: what a client sent cannot name a file of the server. Bytes must not change until the result is there.
 */
export type ImageInput = Uint8Array | ArrayBuffer | Blob | RawImage;

export interface PixelOptions extends ResolvedOf<typeof imageFileOptions> {
  /** Of the encoder's input. */
  readonly channels: 1 | 3;
  /** Shorter side that files are scaled down to while decoding, in pixels. */
  readonly size: number;
  readonly priority: DecodePriority;
  readonly signal?: AbortSignal | undefined;
}

// Scaling the shorter side to an encoder's input keeps the longer one far below 2^31 pixels.
const kMostElongated = 10_000;

/**
 * The pixels of one image.
 *
 * @throws {DataError} not an image, one that cannot be decoded, or of more than `maxPixels`.
 * @throws {ShapeError | DTypeError} raw pixels that do not fit their sizes, or are not 8-bit.
 * @throws {AbortError} the signal fired before the image was decoded.
 */
export async function imagePixels(input: ImageInput, options: PixelOptions): Promise<DecodedImage> {
  const bytes = await bytesOf(input);
  return bytes === undefined
    ? await fromRaw(input as RawImage, options)
    : checkRatio(await decodeImage(bytes, options));
}

/**
 * The pixels of an image file by its path.
 *
 * @throws {DataError} no path, no such file, or one that cannot be decoded.
 * @throws {AbortError} the signal fired before the image was decoded.
 */
export async function filePixels(path: string, options: PixelOptions): Promise<DecodedImage> {
  if (typeof path !== 'string' || path === '')
    throw new DataError(`path must be the path of an image file, got ${describe(path)}`);
  return checkRatio(await decodeImage(path, options));
}

/** By what it is, not by whose: it may come from another realm. */
const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);
const isBlob = (value: unknown): value is Blob => ['Blob', 'File'].includes(tagOf(value));

/** Encoded bytes; undefined for what must be raw pixels. */
async function bytesOf(input: ImageInput): Promise<Uint8Array | undefined> {
  if (types.isUint8Array(input)) return ofOurRealm(input);
  if (types.isArrayBuffer(input)) return new Uint8Array(input);
  if (isBlob(input)) return new Uint8Array(await input.arrayBuffer());
  return undefined;
}

/** The same memory: by a view of another realm sharp does not know bytes. */
const ofOurRealm = ({ buffer, byteOffset, length }: Uint8Array | Uint8ClampedArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, length);

function checkRatio<Image extends { readonly height: number; readonly width: number }>(image: Image): Image {
  const { height, width } = image;
  if (Math.max(height, width) > kMostElongated * Math.min(height, width))
    throw new DataError(`image of ${width} × ${height} is too elongated: at most ${kMostElongated} : 1`);
  return image;
}

/** What to do with a value that is often tried. */
function advice(input: unknown): string {
  if (typeof input === 'string') return '; paths of files go to embedFile() or classifyFile()';
  if (tagOf(input) === 'URL') return '; fetch it, or give the path of a file to embedFile() or classifyFile()';
  const isStream = typeof (input as { [Symbol.asyncIterator]?: unknown } | null)?.[Symbol.asyncIterator] === 'function';
  return isStream ? '; read a stream to its end first: `await buffer(stream)` of node:stream/consumers' : '';
}

async function fromRaw(input: RawImage, options: PixelOptions): Promise<DecodedImage> {
  if (
    input === null ||
    typeof input !== 'object' ||
    !('data' in input && 'width' in input) ||
    ArrayBuffer.isView(input)
  )
    throw new DataError(
      'image must be the bytes of an image file (Buffer, Uint8Array, ArrayBuffer, Blob) or ' +
        `{ data, width, height, channels }, got ${describe(input)}${advice(input)}`,
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
  if (count > options.maxPixels)
    throw new DataError(
      `image has ${width} × ${height} = ${count} pixels, more than maxPixels = ${options.maxPixels} allows`,
    );
  checkRatio({ height, width });
  const pixels = ofOurRealm(data);
  if (input.channels === 1 || input.channels === options.channels)
    return { pixels, height, width, channels: input.channels };
  return converted({ pixels, height, width, channels: input.channels }, options);
}

/** One at a time: with the files that are decoded, a thread of libuv's pool is left to others. */
const conversions = new DecodeQueue(() => 1);

/** Colour composited onto the background or made gray, scaled down as a file is, and no more on the event loop than for a file. */
async function converted(
  { pixels, ...raw }: Omit<DecodedImage, 'channels'> & { readonly channels: 3 | 4 },
  { channels, size, maxPixels, background, priority, signal }: PixelOptions,
): Promise<DecodedImage> {
  const { default: sharp } = await importSharp();
  const { height, width } = scaledDown(raw, size);
  const image = sharp(pixels, { raw, limitInputPixels: maxPixels })
    .flatten({ background })
    .resize(width, height, { fit: 'fill', kernel: 'linear' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' });
  const data = await conversions.run({ priority, signal }, () => image.toBuffer());
  const rgb = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { pixels: channels === 1 ? toGray(rgb, height * width) : rgb, height, width, channels };
}
