import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../lib/data/decode.ts';
import { filePixels, type ImageInput, imagePixels, type RawImage } from '../../lib/serve/image-input.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/data/images/${name}`, import.meta.url));
const files = { maxPixels: 2 ** 26, background: '#ffffff' } as const;
const options = { channels: 3, size: 8, priority: 'interactive', ...files } as const;

describe('imagePixels', () => {
  it('decodes a path and its bytes alike, scaled down to the wanted shorter side', async () => {
    const bytes = await sharp({ create: { width: 40, height: 20, channels: 3, background: '#336699' } })
      .png()
      .toBuffer();
    const image = await imagePixels(bytes, options);
    expect([image.height, image.width, image.channels]).toEqual([8, 16, 3]);
    expect([...image.pixels.subarray(0, 3)]).toEqual([0x33, 0x66, 0x99]);
    const fromPath = await filePixels(fixture('rgb.png'), options);
    expect(fromPath).toEqual(await decodeImage(fixture('rgb.png'), options));
  });

  it('takes bytes as a Buffer, a Uint8Array, an ArrayBuffer and a Blob alike', async () => {
    const bytes = await readFile(fixture('rgb.png'));
    const copy = new Uint8Array(bytes);
    const expected = await imagePixels(bytes, options);
    for (const input of [copy, copy.buffer, new Blob([copy]), new File([copy], 'a.png')])
      expect(await imagePixels(input, options)).toEqual(expected);
  });

  it('passes raw pixels of the right channels on without a copy', async () => {
    const data = Uint8Array.from({ length: 2 * 3 * 3 }, (_, i) => i);
    const image = await imagePixels({ data, width: 3, height: 2, channels: 3 }, options);
    expect(image).toMatchObject({ height: 2, width: 3, channels: 3 });
    expect(image.pixels.buffer).toBe(data.buffer);
    const gray = await imagePixels({ data: data.subarray(0, 6), width: 3, height: 2, channels: 1 }, options);
    expect(gray.channels).toBe(1); // the augmentation replicates it
  });

  it('turns colour into the gray of a decoded file, for an encoder of one channel', async () => {
    const data = Uint8Array.of(10, 200, 30, 255, 255, 255, 0, 0, 255, 77, 77, 77);
    const file = await sharp(data, { raw: { width: 2, height: 2, channels: 3 } })
      .png()
      .toBuffer();
    const gray = { ...options, channels: 1, size: 2 } as const;
    const raw = await imagePixels({ data, width: 2, height: 2, channels: 3 }, gray);
    expect(raw).toEqual(await imagePixels(file, gray));
  });

  it('composites alpha onto another background, as for a decoded file', async () => {
    const data = Uint8ClampedArray.of(255, 0, 0, 255, 10, 20, 30, 0, 100, 50, 200, 128, 0, 0, 0, 51);
    const over = { ...options, size: 2, background: '#204060' };
    const { pixels } = await imagePixels({ data, width: 2, height: 2, channels: 4 }, over);
    const exact = [255, 0, 0, 32, 64, 96, 66, 57, 148, 26, 51, 77];
    for (const [i, value] of exact.entries()) expect(Math.abs(value - (pixels[i] as number))).toBeLessThan(2);
    const file = await sharp(Buffer.from(data), { raw: { width: 2, height: 2, channels: 4 } })
      .png()
      .toBuffer();
    const decoded = await imagePixels(file, over);
    expect([...pixels]).toEqual([...decoded.pixels]);
  });

  it('composites alpha onto white, as for a decoded file', async () => {
    const data = Uint8ClampedArray.of(255, 0, 0, 255, 10, 20, 30, 0, 100, 50, 200, 128, 0, 0, 0, 51);
    const { pixels } = await imagePixels({ data, width: 2, height: 2, channels: 4 }, options);
    const exact = [255, 0, 0, 255, 255, 255, 177, 152, 227, 204, 204, 204];
    for (const [i, value] of exact.entries()) expect(Math.abs(value - (pixels[i] as number))).toBeLessThan(2);
    const file = await sharp(Buffer.from(data), { raw: { width: 2, height: 2, channels: 4 } })
      .png()
      .toBuffer();
    const decoded = await imagePixels(file, { ...options, size: 2 });
    expect([...pixels]).toEqual([...decoded.pixels]);
  });

  it('takes bytes and pixels of another realm, which stay where they are', async () => {
    const bytes = await readFile(fixture('rgb.png'));
    const foreign = (of: Uint8Array): Uint8Array =>
      runInNewContext('(b) => new Uint8Array(b)')(new Uint8Array(of).buffer);
    expect(foreign(bytes)).not.toBeInstanceOf(Uint8Array);
    expect(await imagePixels(foreign(bytes), options)).toEqual(await imagePixels(bytes, options));
    const data = foreign(Uint8Array.of(1, 2, 3, 4, 5, 6));
    const { pixels } = await imagePixels({ data, width: 2, height: 1, channels: 3 }, options);
    expect(pixels).toBeInstanceOf(Uint8Array);
    expect(pixels.buffer).toBe(data.buffer);
  });

  it.each([
    ['transparent', 4, 3],
    ['coloured, for an encoder of gray,', 3, 1],
  ] as const)('converts large %s pixels off the event loop, scaled down as a file is', async (_, channels, wanted) => {
    const [width, height] = [3000, 2000];
    const data = new Uint8Array(width * height * channels).fill(120);
    await imagePixels({ data: data.subarray(0, channels), width: 1, height: 1, channels }, options); // loads sharp
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const image = await imagePixels({ data, width, height, channels }, { ...options, channels: wanted, size: 20 });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(2); // none while a loop over the pixels runs
    expect([image.height, image.width, image.channels]).toEqual([20, 30, wanted]);
    expect(image.pixels).toHaveLength(20 * 30 * wanted);
  });

  it('refuses raw pixels of more than maxPixels', async () => {
    await expect(imagePixels(raw({}), { ...options, maxPixels: 3 })).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: 'image has 2 × 2 = 4 pixels, more than maxPixels = 3 allows',
    });
  });

  it('says what is wrong in a few words, whatever it gets', async () => {
    const base64 = 'A'.repeat(1_000_000) as unknown as ImageInput;
    const error = (await imagePixels(base64, options).catch((thrown) => thrown)) as Error;
    expect(error.message).toMatch(/^image must be .* got 'A+\.\.\.A+' \(string\)/);
    expect(error.message.length).toBeLessThan(300);
    const path = (await filePixels('A'.repeat(1_000_000), options).catch((thrown) => thrown)) as Error;
    expect(path).toMatchObject({ code: 'ERR_DATA', message: expect.stringMatching(/ENAMETOOLONG/) });
    expect(path.message.length).toBeLessThan(1000);
  });

  it.each([
    ['a file that is not an image', fixture('not-an-image.png'), /cannot be decoded/],
    ['a missing file', '/nowhere/a.png', /nowhere/],
    ['an empty path', '', /path must be the path of an image file, got '' \(string\)/],
    ['bytes', new Uint8Array(3) as unknown as string, /path must be .* got an object of type Uint8Array/],
  ])('refuses %s as a path', async (_, path, message) => {
    await expect(filePixels(path, options)).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(message),
    });
  });

  it.each([
    ['no bytes', new Uint8Array(0), 'ERR_DATA', /it is empty \(0 bytes\)/],
    [
      'a path',
      fixture('rgb.png') as unknown as ImageInput,
      'ERR_DATA',
      /got '.*rgb\.png' \(string\); paths .* embedFile/,
    ],
    ['a file URL', new URL('file:///a.png') as unknown as ImageInput, 'ERR_DATA', /an object of type URL; fetch it/],
    ['a stream', Readable.from([]) as unknown as ImageInput, 'ERR_DATA', /type Readable; read a stream to its end/],
    ['a number', 3 as unknown as ImageInput, 'ERR_DATA', /image must be the bytes .*got 3 \(number\)/],
    ['null', null as unknown as ImageInput, 'ERR_DATA', /got null/],
    ['a float array', new Float32Array(4) as unknown as ImageInput, 'ERR_DATA', /Float32Array/],
    ['too few values', raw({ data: new Uint8Array(5) }), 'ERR_SHAPE', /2 × 2 × 3 = 12 values, got 5/],
    ['no width', raw({ width: 0 }), 'ERR_SHAPE', /image\.width must be an integer >= 1, got 0/],
    ['two channels', raw({ channels: 2 as 1 }), 'ERR_SHAPE', /channels must be 1, 3 or 4/],
    ['floating values', raw({ data: new Float32Array(12) as unknown as Uint8Array }), 'ERR_DTYPE', /Float32Array/],
    ['a missing field', raw({ height: undefined } as object), 'ERR_SHAPE', /height must be .* got undefined/],
    [
      'a thread',
      raw({ data: new Uint8Array(10_001), width: 1, height: 10_001, channels: 1 }),
      'ERR_DATA',
      /too elongated/,
    ],
  ])('refuses %s', async (_, input, code, message) => {
    await expect(imagePixels(input, options)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

function raw(over: Partial<RawImage>): RawImage {
  return { data: new Uint8Array(12), width: 2, height: 2, channels: 3, ...over };
}
