/** JPEG files in a folder of two classes. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

/** Writes `count` files of photographs' size and compression: 500 × 375, quality 90, about 100 KB; soft shapes under some grain. */
export async function writePhotographs(folder: string, count: number): Promise<void> {
  for (const name of ['0', '1']) await mkdir(join(folder, name));
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const noise = (width: number, height: number, strength: number) => ({
    data: Uint8Array.from({ length: width * height * 3 }, () => 128 + strength * (random() - 0.5)),
    raw: { width, height, channels: 3 as const },
  });
  for (let i = 0; i < count; i++) {
    const shapes = noise(10, 8, 255);
    const grain = noise(500, 375, 40);
    const enlarged = await sharp(shapes.data, { raw: shapes.raw })
      .resize(500, 375, { kernel: 'cubic', fit: 'fill' })
      .toBuffer();
    const pixels = grain.data.map((value, at) => value + (enlarged[at] as number) - 128);
    await sharp(pixels, { raw: grain.raw })
      .jpeg({ quality: 90 })
      .toFile(join(folder, `${i % 2}`, `${i}.jpg`));
  }
}
