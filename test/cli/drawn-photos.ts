/** Small photos of classes that a child tells apart: a class a hue, with some texture. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';

const hues: Readonly<Record<string, readonly [number, number, number]>> = {
  rose: [200, 40, 60],
  tulip: [40, 60, 200],
  daisy: [60, 190, 70],
  iris: [190, 180, 60],
};

/** Writes `count` PNG files a class, FOLDER/CLASS/N.png; or with `flat` FOLDER/CLASS-N.png. */
export async function drawPhotos(
  folder: string,
  { classes = Object.keys(hues), count = 15, first = 0, flat = false },
): Promise<void> {
  const side = 24;
  const jobs = classes.flatMap((name) => Array.from({ length: count }, (_, i) => ({ name, n: first + i })));
  for (const { name, n } of jobs) {
    const hue = hues[name] as readonly [number, number, number];
    const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
      const [pixel, channel] = [Math.floor(i / 3), i % 3];
      const texture = ((pixel * (7 + n) + (pixel % side) * 31 * (n + 1)) % 61) - 30;
      return Math.min(255, Math.max(0, (hue[channel] as number) + texture));
    });
    const file = flat ? join(folder, `${name}-${n}.png`) : join(folder, name, `${n}.png`);
    await mkdir(dirname(file), { recursive: true });
    await sharp(data, { raw: { width: side, height: side, channels: 3 } })
      .png()
      .toFile(file);
  }
}
