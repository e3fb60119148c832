import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findIdxFiles, idxDataset, parseIdx, readIdx } from '../../lib/data/idx.ts';
import { DataError } from '../../lib/errors.ts';
import { encodeIdx } from './encode-idx.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'idx-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let files = 0;
async function fileOf(bytes: Uint8Array, ending = ''): Promise<string> {
  const path = join(folder, `file${files++}${ending}`);
  await writeFile(path, bytes);
  return path;
}

const dataError = (message: RegExp) => ({ code: 'ERR_DATA', message: expect.stringMatching(message) });

const header = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

describe('parseIdx', () => {
  it('reads what the format’s description says', () => {
    const bytes = encodeIdx({ shape: [2, 258], data: new Uint8Array(516).fill(9) });
    expect(Array.from(bytes.subarray(0, 13))).toEqual([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 1, 2, 9]);
    expect(bytes.length).toBe(12 + 516);
    expect(parseIdx(bytes)).toMatchObject({ shape: [2, 258], data: { length: 516, 0: 9 } });
  });

  it('gives what was written', () => {
    const array = fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }).chain((shape) => {
      const length = shape.reduce((product, size) => product * size, 1);
      return fc.uint8Array({ minLength: length, maxLength: length }).map((data) => ({ shape, data }));
    });
    fc.assert(
      fc.property(array, (value) => {
        const { shape, data } = parseIdx(encodeIdx(value));
        expect([shape, Array.from(data)]).toEqual([value.shape, Array.from(value.data)]);
      }),
    );
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', header(), /not an IDX file/],
    ['too little', header(0, 0, 8), /not an IDX file/],
    ['gzip', gzipSync('x'), /not an IDX file: expected two zero bytes/],
    ['floats', header(0, 0, 13, 1, 0, 0, 0, 0), /IDX type must be 0x08 \(unsigned byte\), got 0x0d/],
    ['no dimensions', header(0, 0, 8, 0), /must have 1 to 4 dimensions, got 0/],
    ['255 dimensions', header(0, 0, 8, 255), /must have 1 to 4 dimensions, got 255/],
    ['half a header', header(0, 0, 8, 2, 0, 0, 0, 1), /header must have 12 bytes, got 8/],
    ['too few values', header(0, 0, 8, 1, 0, 0, 0, 3, 1, 2), /shape \[3\] needs 11 bytes, got 10/],
    ['values left over', header(0, 0, 8, 1, 0, 0, 0, 1, 1, 2), /shape \[1\] needs 9 bytes, got 10/],
    ['sizes whose product overflows', header(0, 0, 8, 4, ...Array(16).fill(255)), /more than the file can hold/],
  ])('refuse %s', (_, bytes, message) => {
    expect(() => parseIdx(bytes, 'evil')).toThrow(expect.objectContaining(dataError(message)));
    expect(() => parseIdx(bytes, 'evil')).toThrow(/^evil: /);
  });

  it('throw nothing but DataError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, magic) => {
        if (magic) bytes.set([0, 0, 8].slice(0, bytes.length));
        try {
          parseIdx(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
    );
  });
});

describe('readIdx', () => {
  const image = encodeIdx({ shape: [2, 2, 3], data: Uint8Array.from({ length: 12 }, (_, i) => i) });

  it('reads a file, packed or not, and one whose header comes in pieces', async () => {
    for (const path of [await fileOf(image), await fileOf(gzipSync(image), '.gz')]) {
      const { shape, data } = await readIdx(path, 3);
      expect([shape, Array.from(data)]).toEqual([[2, 2, 3], Array.from({ length: 12 }, (_, i) => i)]);
    }
    const members = Buffer.concat([...image].map((byte) => gzipSync(Uint8Array.of(byte))));
    expect((await readIdx(await fileOf(members, '.gz'), 3)).shape).toEqual([2, 2, 3]);
  });

  it('stops a gzip bomb at the length that its header gives', async () => {
    const bomb = gzipSync(Buffer.concat([image, Buffer.alloc(1 << 26)]));
    const path = await fileOf(bomb, '.gz');
    const before = process.memoryUsage().arrayBuffers;
    await expect(readIdx(path, 3)).rejects.toMatchObject(dataError(/expected 28 bytes as its header says, got more/));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 25);
  });

  it('does not believe a header that promises more than the file can inflate to', async () => {
    const liar = header(0, 0, 8, 3, 0x00, 0xff, 0xff, 0xff, 0, 0, 0, 28, 0, 0, 0, 1);
    await expect(readIdx(await fileOf(gzipSync(liar), '.gz'), 3)).rejects.toMatchObject(
      dataError(/more than the file/),
    );
    await expect(readIdx(await fileOf(liar), 3)).rejects.toMatchObject(dataError(/more than the file can hold/));
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ['a missing file', async () => join(folder, 'missing'), /missing: there is no such file/],
    ['a folder', async () => folder, /there is no such file/],
    ['an empty file', () => fileOf(new Uint8Array(0)), /expected a header of 16 bytes, got 0 bytes/],
    ['half a header', () => fileOf(image.subarray(0, 10)), /expected a header of 16 bytes, got 10 bytes/],
    [
      'a short file',
      () => fileOf(gzipSync(image.subarray(0, 20)), '.gz'),
      /expected 28 bytes as its header says, got 20/,
    ],
    [
      'a cut gzip stream',
      () => fileOf(gzipSync(image).subarray(0, 25), '.gz'),
      /cannot be read: unexpected end of file/,
    ],
    ['what is not gzip', () => fileOf(image, '.gz'), /cannot be read: incorrect header check/],
    [
      'labels for images',
      () => fileOf(encodeIdx({ shape: [20], data: new Uint8Array(20) })),
      /must have 3 dim.* got 1/,
    ],
  ])('refuses %s', async (_, make, message) => {
    await expect(readIdx(await make(), 3)).rejects.toMatchObject(dataError(message));
  });
});

describe('idxDataset', () => {
  const options = { name: 'digits', classes: ['a', 'b'], source: 'test' };
  const write = async (count: number, labels: number[], size = 2): Promise<{ images: string; labels: string }> => ({
    images: await fileOf(
      encodeIdx({ shape: [count, size, size], data: new Uint8Array(count * size * size).map((_, i) => i) }),
    ),
    labels: await fileOf(encodeIdx({ shape: [labels.length], data: Uint8Array.from(labels) })),
  });

  it('gives images with labels and ids', async () => {
    const dataset = await idxDataset(await write(3, [1, 0, 1]), options);
    expect([dataset.name, dataset.length, dataset.classes, dataset.source]).toEqual(['digits', 3, ['a', 'b'], 'test']);
    expect(await dataset.get(2)).toEqual({
      pixels: Uint8Array.of(8, 9, 10, 11),
      height: 2,
      width: 2,
      channels: 1,
      label: 1,
    });
  });

  it('keeps the first ones under a limit', async () => {
    expect((await idxDataset(await write(3, [1, 0, 1]), { ...options, limit: 2 })).length).toBe(2);
    expect((await idxDataset(await write(3, [1, 0, 1]), { ...options, limit: 9 })).length).toBe(3);
  });

  it('refuses labels that do not fit, and no images', async () => {
    await expect(idxDataset(await write(3, [1, 0]), options)).rejects.toMatchObject(
      dataError(/expected 3 labels.* got 2/),
    );
    await expect(idxDataset(await write(2, [1, 2]), options)).rejects.toMatchObject(
      dataError(/label 1 must be 0 to 1, got 2/),
    );
    await expect(idxDataset(await write(0, []), options)).rejects.toMatchObject(
      dataError(/empty, its shape is \[0,2,2\]/),
    );
    await expect(idxDataset(await write(1, [0], 0), options)).rejects.toMatchObject(dataError(/empty/));
  });
});

describe('findIdxFiles', () => {
  it('takes the first folder that has both files, packed or not', async () => {
    const half = await mkdtemp(join(folder, 'half-'));
    const whole = await mkdtemp(join(folder, 'whole-'));
    await writeFile(join(half, 'train-images-idx3-ubyte'), '');
    await writeFile(join(whole, 'train-images-idx3-ubyte'), '');
    await writeFile(join(whole, 'train-labels-idx1-ubyte.gz'), '');
    expect(await findIdxFiles([half, whole], 'train')).toEqual({
      images: join(whole, 'train-images-idx3-ubyte'),
      labels: join(whole, 'train-labels-idx1-ubyte.gz'),
    });
    expect(await findIdxFiles([half, whole], 'test')).toBeUndefined();
  });
});
