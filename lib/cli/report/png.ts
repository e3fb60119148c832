/** A PNG writer for 8-bit gray and RGB, so that a report needs no image library. Format: W3C PNG (third edition). */
import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10]);

function chunk(type: string, body: Uint8Array): Buffer {
  const out = Buffer.alloc(body.length + 12);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, 'latin1');
  out.set(body, 8);
  out.writeUInt32BE(crc32(out.subarray(4, body.length + 8)), body.length + 8);
  return out;
}

const paeth = (a: number, b: number, c: number): number => {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
};

/** Predictors 0 to 4 of the format: left a, above b, above left c. */
const predictors: ((a: number, b: number, c: number) => number)[] = [
  () => 0,
  (a) => a,
  (_, b) => b,
  (a, b) => (a + b) >> 1,
  paeth,
];

/**
 * Encodes an image as PNG.
 *
 * @param pixels uint8 (height, width, channels), channels 1 or 3.
 */
export function encodePng(pixels: Uint8Array, width: number, height: number, channels: 1 | 3): Buffer {
  const stride = width * channels;
  const filtered = Buffer.alloc((stride + 1) * height);
  const trial = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    let least = Number.POSITIVE_INFINITY;
    // The usual heuristic: per row, the filter with the least sum of absolute (signed) residuals.
    predictors.forEach((predict, filter) => {
      let cost = 0;
      for (let x = 0; x < stride; x++) {
        const at = y * stride + x;
        const a = x >= channels ? pixels[at - channels]! : 0;
        const b = y > 0 ? pixels[at - stride]! : 0;
        const c = x >= channels && y > 0 ? pixels[at - stride - channels]! : 0;
        const residual = (pixels[at]! - predict(a, b, c)) & 255;
        trial[x] = residual;
        cost += residual < 128 ? residual : 256 - residual;
      }
      if (cost >= least) return;
      least = cost;
      filtered[y * (stride + 1)] = filter;
      filtered.set(trial, y * (stride + 1) + 1);
    });
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8; // bits a sample
  header[9] = channels === 1 ? 0 : 2; // gray or truecolour
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(filtered, { level: 9 })),
    chunk('IEND', new Uint8Array(0)),
  ]);
}
