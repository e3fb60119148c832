/** Image files and encoded bytes to 8-bit pixels, through sharp, which is loaded on the first call. */
import { readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { types } from 'node:util';
import type { FailOnOptions, Metadata, Sharp, default as SharpModule } from 'sharp';
import { AbortError, DataError, messageOf } from '../errors.ts';
import { countOption, signalOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { clip, describe, expectChannels, expectColour } from '../validate.ts';
import { DecodeQueue, decodeSlots, priorityOption } from './decode-queue.ts';
import { expectFewEntries, formatOf, isPlainYCbCr } from './image-header.ts';

/** Pixels as a Sample has them: 8 bits, height × width × channels, channels last. */
export interface DecodedImage {
  pixels: Uint8Array;
  height: number;
  width: number;
  channels: 1 | 3;
}

/** What a caller may choose about image files, wherever they are decoded. */
export const imageFileOptions = {
  /** Refuses images of more pixels than this before they are decoded. Default 67 108 864 (8192 × 8192). */
  maxPixels: {
    ...{ ...countOption, default: 8192 * 8192 },
    help: 'largest image, in pixels; decoding takes 1 to 6 bytes each, of AVIF 20',
  },
  /** What transparent pixels lie on, as '#rrggbb'. Default '#ffffff'. */
  background: { type: 'checked', default: '#ffffff', check: expectColour },
} as const satisfies OptionTable;

export interface ImageFileOptions extends OptionsOf<typeof imageFileOptions> {}

const decodeOptions = {
  ...imageFileOptions,
  /** 3: sRGB. 1: gray, luma of Rec. 601 as PIL's 'L'. Default 3. */
  channels: { type: 'checked', default: 3, check: expectChannels },
  /** Scales the image down, antialiased, to a shorter side of `size` as `scaledDown` says; never enlarges. Pixels. */
  size: countOption,
  /** 'interactive' (default) goes before every waiting 'bulk' decode. */
  priority: priorityOption,
  /** Takes the image out of the queue. A decode that has begun goes on to its end: sharp cannot be stopped. */
  signal: signalOption,
} as const satisfies OptionTable;

export interface DecodeOptions extends OptionsOf<typeof decodeOptions> {}

/**
 * The shorter side up to which a JPEG is decoded to twice the sides or more, then scaled: it costs little there, and the
 * picture is nearer to that of `resize`. Above, it cost a tenth of an embedding, and large ones are near enough.
 */
const kSmall = 128;

/** Bytes that decodes may take together. An image that takes more by itself is decoded alone. */
const decodeMemory = 2 ** 29;
const slots = (): number => decodeSlots(process.env.UV_THREADPOOL_SIZE, availableParallelism());
/** Images whose bytes are held, from the header to the pixels; apart, so that what waits in bulk is in nobody's way. */
const underWay = { interactive: new DecodeQueue(slots), bulk: new DecodeQueue(slots) } as const;
/** Work on libuv's pool. Held for that alone, never while something waits for memory. */
const places = new DecodeQueue(slots);
const memory = new DecodeQueue(() => decodeMemory);

/**
 * Decodes one image. EXIF orientation is applied; embedded colour profiles, CMYK and 16-bit values are converted to
 * 8-bit sRGB; transparency is composited onto `background` (PIL's `convert('RGB')` drops the alpha channel instead and
 * shows whatever colour lies under it); of an animation, the first frame. A truncated file is an error, and so is a damaged one
 * where its decoder says so: WebP and plain TIFF have nothing to tell it by. What is odd about a JPEG but leaves its pixels
 * whole is none.
 *
 * Decodes run on libuv's pool, one a core and at most the pool's size less two at a time over the whole process, so that the
 * host's own file and DNS work goes on; and only as many as their pixels leave memory for.
 *
 * @param input path of a regular file, or the encoded bytes (JPEG, PNG, WebP, GIF, TIFF, AVIF).
 * @throws {DataError} missing, empty, too large, damaged, or not an image; names the file. Also when sharp is not installed.
 * @throws {AbortError} the signal fired before its turn.
 */
export async function decodeImage(input: string | Uint8Array, options: DecodeOptions = {}): Promise<DecodedImage> {
  if (types.isUint8Array(input))
    return decodeFrom({ name: `image of ${input.length} bytes`, read: () => input }, options);
  if (typeof input !== 'string' || input === '')
    throw new DataError(`image must be a path or a Buffer of encoded bytes, got ${describe(input)}`);
  // Not by sharp: libvips remembers pictures by their path.
  return decodeFrom({ name: clip(input, 300), read: () => readRegularFile(input) }, options);
}

/** Where the bytes of an image come from. */
export interface ImageSource {
  /** For errors. */
  readonly name: string;
  /** Called when it is the image's turn: what waits holds no bytes. */
  readonly read: () => Promise<Uint8Array> | Uint8Array;
}

/** As decodeImage, which has the details. @throws {DataError} naming the source. @throws {AbortError} the signal fired before its turn. */
export async function decodeFrom({ name, read }: ImageSource, options: DecodeOptions): Promise<DecodedImage> {
  const resolved = resolveOptions('decodeImage', decodeOptions, options);
  const { channels, size, priority, signal, maxPixels, background } = resolved;
  try {
    const { default: sharp } = await importSharp();
    const turn = { priority, signal };
    return await underWay[priority].run(turn, async () => {
      const { bytes, about } = await places.run(turn, async () => {
        const bytes = await read();
        return { bytes, about: await readHeader(sharp, bytes, maxPixels) };
      });
      const { height, width } = scaledDown(about.autoOrient, size);
      const pixels = (failOn: FailOnOptions): Promise<DecodedImage> => {
        const image = sharp(bytes, { limitInputPixels: maxPixels, failOn, pages: 1, sequentialRead: true })
          .autoOrient()
          .flatten({ background })
          .resize(width, height, { fit: 'fill', kernel: 'linear', fastShrinkOnLoad: Math.min(width, height) > kSmall });
        return readPixels(image, channels);
      };
      const decode = about.format === 'jpeg' ? () => wholeJpeg(pixels) : () => pixels('error');
      const cost = costOf(about, height * width);
      return await memory.run({ ...turn, cost }, () => places.run(turn, decode));
    });
  } catch (error) {
    if (error instanceof AbortError) throw error;
    const [reason = ''] = messageOf(error).split('\n'); // libvips repeats itself over several lines; all are in the cause
    throw new DataError(`${name}: cannot be decoded: ${clip(reason, 600)}`, { cause: error });
  }
}

/** @throws {DataError} sharp is not installed. */
export async function importSharp(): Promise<typeof import('sharp')> {
  try {
    return await import('sharp');
  } catch (error) {
    throw new DataError(`reading and writing images needs the package sharp (npm install sharp): ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * The shorter side becomes `size`, the longer one ⌊size · longer / shorter⌋, as in torchvision's Resize and the transform
 * `resize`: an image that comes scaled down goes through an evaluation's resize unchanged. Its pixels are nearly those of the resize.
 */
export function scaledDown(
  { height, width }: { height: number; width: number },
  size = Number.POSITIVE_INFINITY,
): { height: number; width: number } {
  const shorter = Math.min(height, width);
  if (size >= shorter) return { height, width };
  const scaled = (side: number): number => (side === shorter ? size : Math.floor((size * side) / shorter));
  return { height: scaled(height), width: scaled(width) };
}

async function readRegularFile(path: string): Promise<Uint8Array> {
  if (!(await stat(path)).isFile()) throw new Error('it is not a regular file'); // a pipe would block
  return await readFile(path);
}

/** @throws {DataError} more pixels than `maxPixels`, or what is not supported. */
async function readHeader(sharp: typeof SharpModule, bytes: Uint8Array, maxPixels: number): Promise<Metadata> {
  const format = formatOf(bytes);
  if (format === 'TIFF') expectFewEntries(bytes);
  const about = await sharp(bytes, { limitInputPixels: false }).metadata();
  expectPixels(about, maxPixels);
  if (format === 'TIFF' && isPlainYCbCr(bytes))
    throw new DataError('a TIFF of YCbCr values without JPEG compression is not supported; save it as RGB');
  return about;
}

function expectPixels({ width, height, depth }: Metadata, maxPixels: number): void {
  const pixels = width * height;
  if (pixels > maxPixels)
    throw new DataError(`it has ${width} × ${height} = ${pixels} pixels, more than maxPixels = ${maxPixels} allows`);
  if (depth !== 'uchar' && depth !== 'ushort')
    throw new DataError(`values of type ${depth} have no known range; save it with 8 or 16 bits a channel`);
}

/** Bytes that a decode takes at its worst, measured: some decoders hold the whole picture, AVIF's several times. */
function costOf({ format, isProgressive, orientation = 1, width, height }: Metadata, pixelsOut: number): number {
  const rowByRow = ['jpeg', 'png', 'tiff'].includes(format) && !isProgressive && orientation < 5;
  const bytesAPixel = format === 'heif' ? 20 : rowByRow ? 1.2 : 6;
  return Math.ceil(width * height * bytesAPixel + 6 * pixelsOut);
}

/** libjpeg's warnings that it made up pixels. The others are of oddities, which many a sound photo has in its headers. */
const madeUp = /premature end|bad (Huffman|arithmetic) code|instead of RST/i;

/** libjpeg fills what is missing with gray, and warns. */
async function wholeJpeg(read: (failOn: FailOnOptions) => Promise<DecodedImage>): Promise<DecodedImage> {
  try {
    return await read('warning');
  } catch (error) {
    if (madeUp.test(messageOf(error))) throw error;
    return read('error');
  }
}

async function readPixels(image: Sharp, channels: 1 | 3): Promise<DecodedImage> {
  const { data, info } = await image
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
