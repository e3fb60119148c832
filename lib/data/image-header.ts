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
  const tags = shortTags(tiff, [kPhotometricInterpretation, kCompression]);
  return tags[0] === kYCbCr && !kJpegCompressions.includes(tags[1] ?? 1);
}

/** Values of the first directory's entries, of those that are there. What is damaged is the decoder's to refuse. */
function shortTags(tiff: Uint8Array, wanted: readonly number[]): (number | undefined)[] {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const values = new Map<number, number>();
  try {
    const little = view.getUint8(0) === 0x49;
    const big = view.getUint16(2, little) === 43;
    const offset = (at: number): number => (big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
    const directory = offset(big ? 8 : 4);
    const count = big ? offset(directory) : view.getUint16(directory, little);
    const [first, each, value] = big ? [directory + 8, 20, 12] : [directory + 2, 12, 8];
    for (let at = first; at < first + each * Math.min(count, 0xffff); at += each)
      values.set(view.getUint16(at, little), view.getUint16(at + value, little));
  } catch (error) {
    if (error === null || typeof error !== 'object' || (error as Error).name !== 'RangeError') throw error; // beyond the end of the file
  }
  return wanted.map((tag) => values.get(tag));
}
