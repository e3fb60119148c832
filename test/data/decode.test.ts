import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { augment } from '../../lib/augment/augment.ts';
import { resize } from '../../lib/augment/resize.ts';
import { type DecodeOptions, decodeFrom, decodeImage, scaledDown } from '../../lib/data/decode.ts';
import { decodeSlots } from '../../lib/data/decode-queue.ts';

const images = fileURLToPath(new URL('../fixtures/data/images/', import.meta.url));
const file = (name: string): string => join(images, name);

interface Expected {
  width: number;
  height: number;
  luma: number[];
  palette: number[];
  jpeg: number[];
}
let pil: Expected;
beforeAll(async () => {
  pil = JSON.parse(await readFile(file('expected.json'), 'utf8')) as Expected;
});

/** The fixtures' formula. */
const formula = (x: number, y: number): number[] => [10 * x, 15 * y, 5 * (x + y)];
const rgb = Array.from({ length: 16 * 24 }, (_, i) => formula(i % 24, Math.floor(i / 24))).flat();

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
};

const dataError = (message: RegExp) => ({ code: 'ERR_DATA', message: expect.stringMatching(message) });

describe('decodeImage', () => {
  it('reads RGB exactly, from a path, a Buffer and a Uint8Array', async () => {
    const bytes = await readFile(file('rgb.png'));
    for (const input of [file('rgb.png'), bytes, new Uint8Array(bytes)]) {
      const { pixels, ...size } = await decodeImage(input);
      expect(size).toEqual({ height: 16, width: 24, channels: 3 });
      expect(Array.from(pixels)).toEqual(rgb);
    }
  });

  it("makes gray as PIL's convert('L') does, to the last bit", async () => {
    const { pixels, channels } = await decodeImage(file('rgb.png'), { channels: 1 });
    expect([channels, Array.from(pixels)]).toEqual([1, pil.luma]);
  });

  it('reads a gray image in either number of channels', async () => {
    const gray = await decodeImage(file('gray.png'), { channels: 1 });
    expect(Array.from(gray.pixels)).toEqual(pil.luma);
    const wide = await decodeImage(file('gray.png'));
    expect(Array.from(wide.pixels)).toEqual(pil.luma.flatMap((value) => [value, value, value]));
  });

  it('scales 16 bits to 8', async () => {
    const { pixels } = await decodeImage(file('gray16.png'), { channels: 1 });
    expect(Array.from(pixels)).toEqual(Array.from({ length: 16 * 24 }, (_, i) => 10 * (i % 24)));
  });

  it('composites transparency onto white', async () => {
    const { pixels } = await decodeImage(file('rgba.png'));
    const expected = rgb.map((value, i) => (Math.floor(i / 3) % 2 === 1 ? 255 : value));
    expect(Array.from(pixels)).toEqual(expected);
  });

  it('reads a palette and JPEG as PIL does', async () => {
    expect(Array.from((await decodeImage(file('palette.gif'))).pixels)).toEqual(pil.palette);
    expect(worst((await decodeImage(file('rgb.jpg'))).pixels, pil.jpeg)).toBeLessThanOrEqual(2);
  });

  it('reads the first frame of an animation', async () => {
    const frames = Buffer.concat([Buffer.alloc(12, 10), Buffer.alloc(12, 200)]);
    const animation = await sharp(frames, { raw: { width: 2, height: 4, channels: 3, pageHeight: 2 } })
      .gif()
      .toBuffer();
    const { height, pixels } = await decodeImage(animation);
    expect([height, worst(pixels, new Uint8Array(12).fill(10))]).toEqual([2, 0]);
  });

  it('converts CMYK', async () => {
    const { pixels, channels } = await decodeImage(file('cmyk.jpg'));
    expect(channels).toBe(3);
    // A colour-managed conversion is not PIL's formula, but the darkest and lightest corners stay what they are.
    const sum = (x: number, y: number): number =>
      [0, 1, 2].reduce((s, c) => s + (pixels[3 * (24 * y + x) + c] ?? 0), 0);
    expect(sum(0, 0)).toBeLessThan(sum(23, 15) - 200);
  });

  it.each<[number, number, number, (x: number, y: number) => [number, number]]>([
    [3, 24, 16, (x, y) => [23 - x, 15 - y]],
    [6, 16, 24, (x, y) => [y, 15 - x]],
    [8, 16, 24, (x, y) => [23 - y, x]],
  ])('applies EXIF orientation %i', async (orientation, width, height, source) => {
    const image = await decodeImage(file(`orientation${orientation}.jpg`));
    expect([image.width, image.height]).toEqual([width, height]);
    const expected = Array.from({ length: width * height }, (_, i) => {
      const [x, y] = source(i % width, Math.floor(i / width));
      return formula(x, y);
    }).flat();
    expect(worst(image.pixels, expected)).toBeLessThanOrEqual(8); // JPEG at quality 95
  });

  it('scales the shorter side down to size, and never up', async () => {
    const sizeOf = async (size: number) => {
      const { height, width, pixels } = await decodeImage(file('rgb.png'), { size });
      expect(pixels.length).toBe(height * width * 3);
      return [height, width];
    };
    expect(await sizeOf(8)).toEqual([8, 12]);
    expect(await sizeOf(1)).toEqual([1, 1]); // ⌊1 · 24 / 16⌋, as torchvision's Resize
    expect(await sizeOf(100)).toEqual([16, 24]);
    const tall = await decodeImage(file('orientation6.jpg'), { size: 8 });
    expect([tall.height, tall.width]).toEqual([12, 8]);
  });

  it('scales to the very sides that the transform resize makes', async () => {
    for (const [width, height, size] of [
      [64, 48, 32],
      [48, 64, 32],
      [1201, 900, 7],
      [301, 33, 32],
      [31, 40, 32],
    ] as const) {
      const expected = augment([resize(size)]).outputShape({ height, width, channels: 3 });
      if (Math.min(width, height) > size)
        expect(scaledDown({ height, width }, size)).toEqual({ height: expected.height, width: expected.width });
      const png = await sharp({ create: { width, height, channels: 3, background: '#123456' } })
        .png()
        .toBuffer();
      const image = await decodeImage(png, { size });
      expect(augment([resize(size)]).outputShape(image)).toEqual(expected);
    }
    expect(scaledDown({ height: 48, width: 64 }, 32)).toEqual({ height: 32, width: 42 }); // not 43: 42.67 is cut off
  });

  it('scales a JPEG down to nearly what the transform resize makes, small ones too', async () => {
    const [width, height] = [500, 375];
    const stripes = Buffer.from(
      Array.from({ length: width * height * 3 }, (_, i) => {
        const x = Math.floor(i / 3) % width;
        return 128 + 100 * Math.sin((x * x) / 2500 + Math.floor(i / 3 / width) / 2);
      }),
    );
    const jpeg = await sharp(stripes, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 95 })
      .toBuffer();
    const whole = await decodeImage(jpeg);
    for (const size of [32, 64, 100, 200]) {
      const { pixels, ...sides } = await decodeImage(jpeg, { size });
      const [resized] = [
        await augment([resize(size)])
          .apply([whole], { seed: 0 })
          .data(),
      ];
      let sum = 0;
      for (let c = 0, i = 0; c < 3; c++)
        for (let at = c; at < pixels.length; at += 3, i++)
          sum += Math.abs((pixels[at] as number) - 255 * (resized[i] as number));
      expect(resized.length).toBe(sides.height * sides.width * 3);
      expect(sum / pixels.length, `${size}`).toBeLessThan(8);
    }
  });

  it('sees a file that was replaced, and bytes that were overwritten', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'replaced-'));
    try {
      for (const format of ['webp', 'png', 'jpeg', 'gif', 'tiff', 'avif'] as const) {
        const path = join(folder, `a.${format}`);
        const shades = [0x10, 0xd0];
        const files = await Promise.all(
          shades.map((shade) =>
            sharp({ create: { width: 16, height: 16, channels: 3, background: { r: shade, g: shade, b: shade } } })
              .toFormat(format)
              .toBuffer(),
          ),
        );
        const buffer = Buffer.alloc(Math.max(...files.map(({ length }) => length)));
        for (const [i, shade] of shades.entries()) {
          await writeFile(path, files[i] as Buffer);
          buffer.fill(0);
          (files[i] as Buffer).copy(buffer);
          const bytes = buffer.subarray(0, files[i]?.length);
          for (const { pixels } of [await decodeImage(path), await decodeImage(bytes)])
            expect(Math.abs((pixels[0] as number) - shade), format).toBeLessThanOrEqual(4);
        }
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('lays transparency on another background', async () => {
    const { pixels } = await decodeImage(file('rgba.png'), { background: '#102030' });
    const under = [0x10, 0x20, 0x30];
    const expected = rgb.map((value, i) => (Math.floor(i / 3) % 2 === 1 ? (under[i % 3] as number) : value));
    expect(Array.from(pixels)).toEqual(expected);
  });

  describe('of a TIFF file', () => {
    const field = (tag: number, type: number, count: number, value: number) => ({ tag, type, count, value });
    /** Little-endian, one strip, uncompressed: what sharp cannot write. */
    function tiff(
      data: Buffer,
      { photometric, bits, samples, format }: Record<'photometric' | 'bits' | 'samples' | 'format', number>,
    ) {
      const fields = [
        field(256, 3, 1, 2), // width
        field(257, 3, 1, 2), // height
        field(258, 3, 1, bits),
        field(259, 3, 1, 1),
        field(262, 3, 1, photometric),
        field(273, 4, 1, 8), // where the strip begins
        field(277, 3, 1, samples),
        field(278, 3, 1, 2),
        field(279, 4, 1, data.length),
        field(339, 3, 1, format),
      ];
      const header = Buffer.from('II*\0\0\0\0\0', 'latin1');
      header.writeUInt32LE(8 + data.length, 4);
      const directory = Buffer.alloc(2 + 12 * fields.length + 4);
      directory.writeUInt16LE(fields.length);
      for (const [i, { tag, type, count, value }] of fields.entries()) {
        directory.writeUInt16LE(tag, 2 + 12 * i);
        directory.writeUInt16LE(type, 4 + 12 * i);
        directory.writeUInt32LE(count, 6 + 12 * i);
        directory.writeUInt32LE(value, 10 + 12 * i);
      }
      return Buffer.concat([header, data, directory]);
    }

    it('reads 8 bits a channel', async () => {
      const values = Buffer.from([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120]);
      const { pixels } = await decodeImage(tiff(values, { photometric: 2, bits: 8, samples: 3, format: 1 }));
      expect([...pixels]).toEqual([...values]);
    });

    it.each<[string, number, number, boolean]>([
      ['many pages', 2500, 9, false],
      ['many tags', 1, 300, false],
      ['pages in a circle', 2, 9, true],
    ])('refuses %s, which decoders read through for seconds', async (_, pages, tags, circle) => {
      const length = 2 + 12 * tags + 4;
      const file = Buffer.alloc(8 + pages * length);
      file.write('II*\0', 'latin1');
      file.writeUInt32LE(8, 4);
      for (let page = 0; page < pages; page++) {
        const at = 8 + page * length;
        file.writeUInt16LE(tags, at);
        for (let i = 0; i < tags; i++) file.writeUInt16LE(40_000 + i, at + 2 + 12 * i);
        const next = page + 1 < pages ? at + length : 8;
        file.writeUInt32LE(page + 1 < pages || circle ? next : 0, at + length - 4);
      }
      await expect(decodeImage(file)).rejects.toMatchObject(
        dataError(/a TIFF of so many pages or tags is not supported \(20000 tags in all, 256 a page\)/),
      );
    });

    it('refuses values that lie over each other', async () => {
      const file = tiff(Buffer.alloc(12), { photometric: 2, bits: 8, samples: 3, format: 1 });
      for (let i = 0; i < 2; i++) file.writeUInt32LE(1000, 8 + 12 + 2 + 12 * i + 4);
      await expect(decodeImage(file)).rejects.toMatchObject(dataError(/so many pages or tags/));
    });

    it('reads the first of a few hundred pages', async () => {
      const pages = Buffer.alloc(300 * 12, 70);
      const file = await sharp(pages, { raw: { width: 2, height: 600, channels: 3, pageHeight: 2 } })
        .tiff({ compression: 'none' })
        .toBuffer();
      expect((await sharp(file).metadata()).pages).toBe(300);
      expect(await decodeImage(file)).toMatchObject({ width: 2, height: 2 });
    });

    it('refuses luma and chroma, which would be taken for red, green and blue', async () => {
      const ycbcr = tiff(Buffer.alloc(12, 128), { photometric: 6, bits: 8, samples: 3, format: 1 });
      await expect(decodeImage(ycbcr)).rejects.toMatchObject(
        dataError(/TIFF of YCbCr values without JPEG compression/),
      );
    });

    it('refuses floating-point values, whose range nobody knows', async () => {
      const values = Buffer.alloc(16);
      for (const [i, value] of [0, 0.25, 0.5, 1].entries()) values.writeFloatLE(value, 4 * i);
      const floats = tiff(values, { photometric: 1, bits: 32, samples: 1, format: 3 });
      await expect(decodeImage(floats)).rejects.toMatchObject(dataError(/values of type float have no known range/));
    });
  });

  it.each<[string, RegExp]>([
    ['truncated.jpg', /truncated\.jpg: cannot be decoded: .*premature end/],
    ['not-an-image.png', /not-an-image\.png: cannot be decoded: expected a JPEG, PNG, .* got bytes that begin with "/],
    ['empty.jpg', /empty\.jpg: cannot be decoded: it is empty \(0 bytes\)/],
    ['missing.jpg', /missing\.jpg: cannot be decoded: ENOENT/],
    ['.', /cannot be decoded: it is not a regular file/],
  ])('refuses %s and names it', async (name, message) => {
    await expect(decodeImage(file(name))).rejects.toMatchObject(dataError(message));
  });

  it('holds the bytes of a few images only, however many wait', async () => {
    const bytes = await readFile(file('rgb.png'));
    let [held, most] = [0, 0];
    const read = (): Uint8Array => {
      most = Math.max(most, ++held);
      return bytes;
    };
    const letGo = (): void => void held--;
    const waiting = Array.from({ length: 40 }, (_, i) =>
      decodeFrom({ name: `image ${i}`, read }, { priority: 'bulk' }),
    );
    await Promise.all(waiting.map((image) => image.then(letGo)));
    // One that has ended may be let go a moment after the next one has begun.
    expect(most).toBeLessThanOrEqual(2 * decodeSlots(process.env.UV_THREADPOOL_SIZE, availableParallelism()));
  });

  it('refuses damaged bytes, saying how many', async () => {
    const whole = await readFile(file('rgb.png'));
    const half = whole.subarray(0, whole.length >> 1);
    await expect(decodeImage(half)).rejects.toMatchObject(dataError(/^image of \d+ bytes: cannot be decoded/));
    await expect(decodeImage(Buffer.alloc(0))).rejects.toMatchObject(dataError(/^image of 0 bytes: .*empty/));
  });

  describe('of JPEG', () => {
    const marker = (code: number): Buffer => Buffer.from([0xff, code]);
    const end = marker(0xd9);
    let jpeg: Buffer;
    let progressive: Buffer;
    beforeAll(async () => {
      const noise = Buffer.from(Array.from({ length: 96 * 64 * 3 }, (_, i) => (i * i * 7919) % 251));
      const image = sharp(noise, { raw: { width: 96, height: 64, channels: 3 } });
      jpeg = await image.jpeg().toBuffer();
      progressive = await image.jpeg({ progressive: true }).toBuffer();
    });
    const part = (bytes: Buffer, from: number, to = 1): Buffer =>
      bytes.subarray(Math.floor(from * bytes.length), Math.floor(to * bytes.length));

    it.each<[string, () => Buffer]>([
      ['with an end behind the cut', () => Buffer.concat([part(jpeg, 0, 0.5), end])],
      ['with a hole', () => Buffer.concat([part(jpeg, 0, 0.4), part(jpeg, 0.8)])],
      ['that is progressive, with an end behind the cut', () => Buffer.concat([part(progressive, 0, 0.5), end])],
      ['without its end', () => jpeg.subarray(0, -2)],
    ])('refuses one %s, which would be gray in part', async (_, bytes) => {
      for (const size of [16, undefined])
        await expect(decodeImage(bytes(), { ...(size && { size }) })).rejects.toMatchObject(dataError(/premature end/));
    });

    it('reads whole ones that are odd around their pixels', async () => {
      const whole = Array.from((await decodeImage(jpeg)).pixels);
      const junk = Buffer.alloc(5, 0x11);
      const frame = jpeg.indexOf(marker(0xc0));
      const version7 = Buffer.from('\xff\xe0\x00\x10JFIF\x00\x07\x00\x00\x00\x01\x00\x01\x00\x00', 'latin1'); // there is none
      for (const odd of [
        Buffer.concat([jpeg.subarray(0, frame), junk, jpeg.subarray(frame)]),
        Buffer.concat([jpeg.subarray(0, 2), version7, jpeg.subarray(2)]),
        Buffer.concat([jpeg.subarray(0, -2), junk, end]),
        Buffer.concat([jpeg, junk]),
      ])
        expect(Array.from((await decodeImage(odd)).pixels)).toEqual(whole);
    });
  });

  it('refuses SVG, which can refer to other files', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await expect(decodeImage(svg)).rejects.toMatchObject(
      dataError(/expected a JPEG, .* got bytes that begin with "<svg/),
    );
  });

  it('refuses more pixels than the limit before decoding them', async () => {
    const bomb = await sharp({ create: { width: 9000, height: 9000, channels: 3, background: '#000' } })
      .png()
      .toBuffer();
    await expect(decodeImage(bomb)).rejects.toMatchObject(
      dataError(/has 9000 × 9000 = 81000000 pixels, more than maxPixels = 67108864 allows/),
    );
    await expect(decodeImage(file('rgb.png'), { maxPixels: 24 * 16 - 1 })).rejects.toMatchObject(
      dataError(/has 24 × 16 = 384 pixels, more than maxPixels = 383 allows/),
    );
    await decodeImage(file('rgb.png'), { maxPixels: 24 * 16 });
  });

  it.each<[string, unknown, RegExp]>([
    ['an unknown option', { chanels: 1 }, /unknown option 'chanels'; did you mean 'channels'/],
    ['two channels', { channels: 2 }, /channels must be/],
    ['a size of 0', { size: 0 }, /size must be an integer >= 1/],
    ['no pixels at all', { maxPixels: 0 }, /maxPixels must be/],
    ['a colour that is none', { background: 'white' }, /background must be a colour as '#rrggbb', got 'white'/],
    ['an unknown priority', { priority: 'urgent' }, /priority must be one of/],
  ])('refuses %s', async (_, options, message) => {
    await expect(decodeImage(file('rgb.png'), options as DecodeOptions)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(message),
    });
  });

  it.each([[undefined], [''], [3], [{}]])('refuses %j for an image', async (input) => {
    await expect(decodeImage(input as string)).rejects.toMatchObject(dataError(/image must be a path or a Buffer/));
  });

  it('says what to install when sharp is not there', async () => {
    vi.doMock('sharp', () => {
      throw new Error("Cannot find package 'sharp'");
    });
    vi.resetModules();
    try {
      const { decodeImage: decode } = await import('../../lib/data/decode.ts');
      await expect(decode(file('rgb.png'))).rejects.toMatchObject(
        dataError(/needs the package sharp \(npm install sharp\)/),
      );
    } finally {
      vi.doUnmock('sharp');
      vi.resetModules();
    }
  });
});

describe('decodes beside the host’s own work', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'decode-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The most that were decoded at one time. */
  async function mostAtOnce(work: Promise<unknown>): Promise<number> {
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, sharp.counters().process);
    }, 1);
    await work;
    clearInterval(watch);
    return most;
  }

  it('leave threads of libuv’s pool for others', async () => {
    const large = await sharp({ create: { width: 3000, height: 3000, channels: 3, background: '#555' } })
      .jpeg()
      .toBuffer();
    const most = await mostAtOnce(Promise.all(Array.from({ length: 12 }, () => decodeImage(large, { size: 100 }))));
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(2);
  });

  it('leave memory: a small file that takes 300 MB to decode is not decoded beside another', async () => {
    const bomb = await sharp({ create: { width: 4096, height: 4096, channels: 3, background: '#555' } })
      .avif({ effort: 0 })
      .toBuffer();
    expect(bomb.length).toBeLessThan(2000);
    expect(await mostAtOnce(Promise.all([1, 2].map(() => decodeImage(bomb, { size: 100 }))))).toBe(1);
  });

  it.skipIf(decodeSlots(process.env.UV_THREADPOOL_SIZE, availableParallelism()) < 2)(
    'let an interactive one pass those of bulk that wait for memory',
    async () => {
      const bomb = await sharp({ create: { width: 4096, height: 4096, channels: 3, background: '#555' } })
        .avif({ effort: 0 })
        .toBuffer();
      const ended: string[] = [];
      const decode = async (name: string, input: string | Uint8Array, options: DecodeOptions) => {
        await decodeImage(input, options);
        ended.push(name);
      };
      const bulk = ['first', 'second', 'third'].map((name) => decode(name, bomb, { size: 100, priority: 'bulk' }));
      // Once one decodes, its header has been read, and most likely that of the second.
      await vi.waitUntil(() => sharp.counters().process === 1, { timeout: 10_000, interval: 1 });
      await Promise.all([decode('interactive', file('rgb.png'), {}), ...bulk]);
      expect(ended[0]).toBe('interactive');
      expect(ended.slice(1).sort()).toEqual(['first', 'second', 'third']); // headers are read two at a time, in any order
    },
  );

  it('end in their turn when those before them fail or leave', async () => {
    const leaving = new AbortController();
    const work = Array.from({ length: 20 }, (_, i) =>
      i % 3 === 0
        ? decodeImage(file('missing.png'), { priority: 'bulk' })
        : decodeImage(file('rgb.png'), { priority: 'bulk', ...(i % 3 === 1 && { signal: leaving.signal }) }),
    );
    leaving.abort();
    const codes = (await Promise.allSettled(work)).map((each) =>
      each.status === 'rejected' ? each.reason.code : 'fine',
    );
    expect(codes).toEqual(Array.from({ length: 20 }, (_, i) => ['ERR_DATA', 'ERR_ABORTED', 'fine'][i % 3]));
  });
});
