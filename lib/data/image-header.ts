/** What the first bytes of an image file say, before any decoder sees the rest. */
import { DataError } from '../errors.ts';

export type ImageFormat = 'JPEG' | 'PNG' | 'WebP' | 'GIF' | 'TIFF' | 'AVIF';

const formats: readonly ImageFormat[] = ['JPEG', 'PNG', 'WebP', 'GIF', 'TIFF', 'AVIF'];

/** Bytes as latin1 text; '?' stands for any. */
const signatures: readonly (readonly [string, ImageFormat])[] = [
  ['\xff\xd8\xff', 'JPEG'],
  ['\x89PNG\r\n\x1a\n', 'PNG'],
  ['RIFF????WEBP', 'WebP'],
  ['GIF87a', 'GIF'],
  ['GIF89a', 'GIF'],
  ['II*\0', 'TIFF'],
  ['MM\0*', 'TIFF'],
  ['II+\0', 'TIFF'], // BigTIFF
  ['MM\0+', 'TIFF'],
  ['????ftyp', 'AVIF'], // and the rest of its family, HEIF
];

const fits = (start: string, signature: string): boolean =>
  start.length >= signature.length && [...signature].every((byte, i) => byte === '?' || byte === start[i]);

/**
 * The format of an image file. Others are refused by their first bytes: SVG can refer to other files, and finding out what
 * 9 MB of text are took a decoder 13 seconds.
 *
 * @throws {DataError} no bytes, or those of none of the formats.
 */
export function formatOf(bytes: Uint8Array): ImageFormat {
  if (bytes.length === 0) throw new DataError('it is empty (0 bytes)');
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(16, bytes.length)).toString('latin1');
  const found = signatures.find(([signature]) => fits(start, signature))?.[1];
  if (found !== undefined) return found;
  throw new DataError(
    `expected a ${formats.slice(0, -1).join(', ')} or ${formats.at(-1)} file, got bytes that begin with ${JSON.stringify(start)}`,
  );
}

const kPhotometricInterpretation = 262;
const kCompression = 259;
const kYCbCr = 6;
const kJpegCompressions = [6, 7]; // their decoder makes RGB of it

/** Whether a TIFF file's first picture holds luma and chroma as they are, which libvips would take for red, green and blue. */
export function isPlainYCbCr(tiff: Uint8Array): boolean {
  const values = new Map<number, number>();
  for (const { page, tag, value } of tiffEntries(tiff)) {
    if (page > 0) break;
    values.set(tag, value);
  }
  return (
    values.get(kPhotometricInterpretation) === kYCbCr && !kJpegCompressions.includes(values.get(kCompression) ?? 1)
  );
}

/** Of a TIFF file: some thousand pages. */
const kMostEntries = 20_000;
/** Of one page. Decoders compare each with all. */
const kMostTags = 256;

/**
 * Decoders read the directories of all pages, however few pixels are wanted: such as are many, large, in a circle or laid over
 * each other keep them at it for seconds.
 *
 * @throws {DataError} more of them than any sound file has.
 */
export function expectFewEntries(tiff: Uint8Array): void {
  let [entries, tags, values, last] = [0, 0, 0, 0];
  for (const { page, count } of tiffEntries(tiff)) {
    entries++;
    tags = page === last ? tags + 1 : 1;
    values += count;
    last = page;
    if (entries > kMostEntries || tags > kMostTags || values > 4 * tiff.length)
      throw new DataError(
        `a TIFF of so many pages or tags is not supported (${kMostEntries} tags in all, ${kMostTags} a page); save the first page alone`,
      );
  }
}

interface TiffEntry {
  readonly page: number;
  readonly tag: number;
  /** How many values it has. */
  readonly count: number;
  /** The first one, where it is of 16 bits. */
  readonly value: number;
}

/** What the directories of all pages hold, without end where they form a circle. What is damaged is the decoder's to refuse. */
function* tiffEntries(tiff: Uint8Array): Generator<TiffEntry> {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  try {
    const little = view.getUint8(0) === 0x49;
    const big = view.getUint16(2, little) === 43;
    const offset = (at: number): number => (big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
    const [head, each, value] = big ? [8, 20, 12] : [2, 12, 8];
    let directory = offset(big ? 8 : 4);
    for (let page = 0; directory !== 0; page++) {
      const count = big ? offset(directory) : view.getUint16(directory, little);
      if (count === 0) return;
      const end = directory + head + each * count;
      for (let at = directory + head; at < end; at += each)
        yield {
          page,
          tag: view.getUint16(at, little),
          count: offset(at + 4),
          value: view.getUint16(at + value, little),
        };
      directory = offset(end);
    }
  } catch (error) {
    if (error === null || typeof error !== 'object' || (error as Error).name !== 'RangeError') throw error; // beyond the end of the file
  }
}
