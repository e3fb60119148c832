/**
 * Thousands of damaged image files, from a seed: each is decoded or refused, and the process lives. `CONTRASTIVE_FUZZ=10000` tries as
 * many of each format, `CONTRASTIVE_FUZZ_SEED` other ones.
 */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../lib/data/decode.ts';

/** Numbers from 0 to `below`, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** A few bytes changed, cut off, repeated or set to an extreme; more often near the start, where the headers are. */
function damaged(file: Buffer, random: (below: number) => number): Buffer {
  const bytes = Buffer.from(file);
  const place = (): number => random(random(2) === 0 ? Math.min(64, bytes.length) : bytes.length);
  for (let i = random(4); i >= 0; i--) {
    const kind = random(5);
    if (kind === 0) bytes[place()] = random(256);
    if (kind === 1) bytes[place()] = random(2) * 255;
    if (kind === 2) bytes.copyWithin(place(), place(), place());
    if (kind === 3) bytes.fill(random(256), place(), place());
    if (kind === 4) return bytes.subarray(0, 1 + place());
  }
  return bytes;
}

const count = Number(process.env.CONTRASTIVE_FUZZ ?? 500);
const firstSeed = Number(process.env.CONTRASTIVE_FUZZ_SEED ?? 1);

const formats = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const;

describe('damaged files', () => {
  it.each(formats.map((format, i) => [format, i] as const))(
    `%s: ${count} are decoded or refused`,
    { timeout: 10_000 + 50 * count },
    async (format, seed) => {
      const pixels = Buffer.from(Array.from({ length: 24 * 16 * 4 }, (_, i) => (i * 37) % 256));
      const file = await sharp(pixels, { raw: { width: 24, height: 16, channels: 4 } })
        .toFormat(format)
        .toBuffer();
      const random = randomNumbers(firstSeed + seed);
      const files = Array.from({ length: count }, () => damaged(file, random));
      const results = await Promise.allSettled(files.map((each) => decodeImage(each, { size: 8, maxPixels: 100_000 })));
      let decoded = 0;
      for (const result of results)
        if (result.status === 'rejected') {
          expect(result.reason).toMatchObject({ code: 'ERR_DATA' });
          expect(result.reason.message.length).toBeLessThan(700);
        } else {
          const { height, width, channels } = result.value;
          expect(result.value.pixels.length).toBe(height * width * channels);
          decoded++;
        }
      expect(decoded).toBeLessThan(files.length); // some were really damaged
      expect((await decodeImage(file)).width).toBe(24);
    },
  );
});
