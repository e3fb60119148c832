/** Small pictures of image files, for pages. */
import { type DecodeOptions, decodeImage, importSharp } from '../data/decode.ts';

/**
 * A JPEG whose longer side has `side` pixels, or fewer where the image does.
 * @throws {DataError} a file that is gone or cannot be decoded. @throws {AbortError} the signal fired before its turn.
 */
export async function thumbnail(path: string, side: number, options: Pick<DecodeOptions, 'signal' | 'maxPixels'> = {}) {
  const { pixels, width, height, channels } = await decodeImage(path, { ...options, size: side });
  const { default: sharp } = await importSharp();
  return sharp(pixels, { raw: { width, height, channels } })
    .resize(side, side, { fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 82 })
    .toBuffer();
}
