/** Image files and encoded bytes to 8-bit pixels, through sharp, which is loaded on the first call. */

import { stat } from 'node:fs/promises';
import { types } from 'node:util';
import type { Sharp } from 'sharp';
import { DataError, messageOf } from '../errors.ts';
import { checkOptions, describe, expectNumber, expectOneOf } from '../validate.ts';
import { type DecodePriority, DecodeQueue, decodeSlots } from './decode-queue.ts';

/** Pixels as a Sample has them: 8 bits, height × width × channels, channels last. */
export interface DecodedImage {
  pixels: Uint8Array;
  height: number;
  width: number;
  channels: 1 | 3;
}

export interface DecodeOptions {
  /** 3: sRGB. 1: gray, luma of Rec. 601 as PIL's 'L'. Default 3. */
  channels?: 1 | 3;
  /** Scales the image down, antialiased, until its shorter side is `size`; never enlarges. Pixels. Default: as stored. */
  size?: number;
  /** Refuses images of more pixels than this before they are decoded. Default 67 108 864 (8192 × 8192). */
  limitInputPixels?: number;
  /** 'interactive' (default) goes before every waiting 'bulk' decode. */
  priority?: DecodePriority;
}

const known = ['channels', 'size', 'limitInputPixels', 'priority'] as const;
const formats: readonly string[] = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif', 'avif']; // no SVG: it can refer to other files
const priorities = ['interactive', 'bulk'] as const;
const queue = new DecodeQueue(() => decodeSlots(process.env.UV_THREADPOOL_SIZE));

/**
 * Decodes one image. EXIF orientation is applied; embedded colour profiles, CMYK and 16-bit values are converted to
 * 8-bit sRGB; transparency is composited onto white (PIL's `convert('RGB')` drops the alpha channel instead and shows
 * whatever colour lies under it); of an animation, the first frame. A truncated or damaged file is an error, never a
 * half-gray image.
 *
 * Decodes run on libuv's pool, at most its size less two at a time over the whole process, so that the host's own file
 * and DNS work goes on.
 *
 * @param input path of a regular file, or the encoded bytes (JPEG, PNG, WebP, GIF, TIFF, AVIF).
 * @throws {DataError} missing, empty, too large, damaged, or not an image; names the file. Also when sharp is not installed.
 */
export async function decodeImage(input: string | Uint8Array, options: DecodeOptions = {}): Promise<DecodedImage> {
  checkOptions('decodeImage', options, known);
  const { channels = 3, size, limitInputPixels = 8192 * 8192, priority = 'interactive' } = options;
  if (channels !== 1 && channels !== 3) expectOneOf('channels', String(channels), ['1', '3']);
  if (size !== undefined) expectNumber('size', size, { min: 1, integer: true });
  expectNumber('limitInputPixels', limitInputPixels, { min: 1, integer: true });
  expectOneOf('priority', priority, priorities);
  const isBytes = types.isUint8Array(input);
  if (!isBytes && (typeof input !== 'string' || input === ''))
    throw new DataError(`image must be a path or a Buffer of encoded bytes, got ${describe(input)}`);
  const name = isBytes ? `image of ${input.length} bytes` : input;
  try {
    if (!isBytes && !(await stat(input)).isFile()) throw new Error('it is not a regular file'); // a pipe would block
    const { default: sharp } = await importSharp();
    return await queue.run(priority, async () => {
      const image = sharp(input, { limitInputPixels, failOn: 'error', pages: 1, sequentialRead: true });
      const { format } = await image.metadata();
      if (!formats.includes(format)) throw new Error(`expected one of ${formats.join(', ')}, got ${format}`);
      return await readPixels(image, channels, size);
    });
  } catch (error) {
    if (error instanceof DataError) throw error;
    const [reason] = messageOf(error).split('\n'); // libvips repeats itself over several lines; all are in the cause
    throw new DataError(`${name}: cannot be decoded: ${reason}`, { cause: error });
  }
}

/** @throws {DataError} sharp is not installed. */
export async function importSharp(): Promise<typeof import('sharp')> {
  try {
    return await import('sharp');
  } catch (error) {
    throw new DataError(`decoding images needs the package sharp (npm install sharp): ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function readPixels(image: Sharp, channels: 1 | 3, size: number | undefined): Promise<DecodedImage> {
  let pipeline = image.autoOrient().flatten({ background: '#ffffff' });
  if (size !== undefined)
    pipeline = pipeline.resize(size, size, { fit: 'outside', withoutEnlargement: true, kernel: 'linear' });
  const { data, info } = await pipeline
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const count = width * height;
  if (data.length !== count * info.channels || (info.channels !== 3 && info.channels !== 1))
    throw new Error(`expected ${width} × ${height} × 3 values, got ${data.length} in ${info.channels} channels`);
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length);
  if (info.channels === channels) return { pixels, height, width, channels };
  return { pixels: channels === 1 ? toGray(pixels, count) : toRgb(pixels, count), height, width, channels };
}

/** Luma in fixed point, the same integers as PIL's convert('L'); exact where r = g = b. */
export function toGray(rgb: Uint8Array, count: number): Uint8Array {
  const gray = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const [r, g, b] = [rgb[3 * i] as number, rgb[3 * i + 1] as number, rgb[3 * i + 2] as number];
    gray[i] = (19595 * r + 38470 * g + 7471 * b + 0x8000) >>> 16;
  }
  return gray;
}

function toRgb(gray: Uint8Array, count: number): Uint8Array {
  const rgb = new Uint8Array(3 * count);
  for (let i = 0; i < count; i++) rgb.fill(gray[i] as number, 3 * i, 3 * i + 3);
  return rgb;
}
