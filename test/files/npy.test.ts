import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NpyWriter, readNpy } from '../../lib/files/npy.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npy-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(path: string, dim: number, rows: number[][]): Promise<void> {
  const writer = await NpyWriter.create(path, dim);
  for (const row of rows) await writer.append(Float32Array.from(row));
  expect(writer.rows).toBe(rows.length);
  await writer.finish();
  await writer.publish();
  await writer.discard();
}

describe('NpyWriter', () => {
  it('writes the bytes that numpy.save writes', async () => {
    const path = join(folder, 'a.npy');
    await write(path, 3, [
      [1, 2, 3],
      [-0.5, 0, 1e30],
    ]);
    // numpy.save(f, numpy.array([[1, 2, 3], [-0.5, 0, 1e30]], numpy.float32)), numpy 2
    const numpy =
      "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".padEnd(127, ' ') +
      '\n\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40\x00\x00\x00\xbf\x00\x00\x00\x00\xca\xf2\x49\x71';
    expect((await readFile(path)).toString('latin1')).toBe(numpy);
    expect(await readdir(folder)).toEqual(['a.npy']);
  });

  it('writes a view of a larger buffer, and no rows at all', async () => {
    const writer = await NpyWriter.create(join(folder, 'b.npy'), 2);
    await writer.append(Float32Array.from([0, 1, 2, 3]).subarray(1, 3));
    await writer.finish();
    await writer.publish();
    const bytes = await readFile(join(folder, 'b.npy'));
    expect([bytes.readFloatLE(128), bytes.readFloatLE(132), bytes.length]).toEqual([1, 2, 136]);
    await write(join(folder, 'c.npy'), 512, []);
    expect((await readFile(join(folder, 'c.npy'))).toString('latin1')).toContain("'shape': (0, 512), }");
  });

  it('leaves the old file alone until it is published', async () => {
    const path = join(folder, 'd.npy');
    await writeFile(path, 'old');
    const writer = await NpyWriter.create(path, 1);
    await writer.append(Float32Array.of(1));
    expect(await readFile(path, 'utf8')).toBe('old');
    await writer.discard();
    expect(await readdir(folder)).toEqual(['d.npy']);
    expect(await readFile(path, 'utf8')).toBe('old');
  });

  it('refuses a row of another length', async () => {
    const writer = await NpyWriter.create(join(folder, 'e.npy'), 2);
    await expect(writer.append(Float32Array.of(1))).rejects.toMatchObject({
      code: 'ERR_SHAPE',
      message: 'row must have 2 values, got 1',
    });
    await writer.discard();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('readNpy', () => {
  it('reads what NpyWriter and numpy.save write', async () => {
    const path = join(folder, 'r.npy');
    const values = [
      [1, 2, 3],
      [-0.5, 0, 1e30],
    ];
    await write(path, 3, values);
    expect(await readNpy(path)).toEqual({ values: Float32Array.from(values.flat()), rows: 2, dim: 3 });
    // Version 2, as numpy writes long headers: the length has four bytes.
    const bytes = await readFile(path);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.readUInt16LE(8));
    await writeFile(path, Buffer.concat([bytes.subarray(0, 6), Buffer.from([2, 0]), length, bytes.subarray(10)]));
    expect((await readNpy(path)).values).toEqual(Float32Array.from(values.flat()));
  });

  it('refuses other files', async () => {
    const path = join(folder, 'o.npy');
    const failing = async (bytes: Uint8Array, message: RegExp): Promise<void> => {
      await writeFile(path, bytes);
      await expect(readNpy(path)).rejects.toMatchObject({ code: 'ERR_DATA', message: expect.stringMatching(message) });
    };
    await write(path, 2, [[1, 2]]);
    const good = await readFile(path);
    await failing(Buffer.alloc(0), /o.npy: is not a .npy file/);
    await failing(Buffer.from('PK34567890123'), /is not a .npy file/);
    await failing(good.subarray(0, 11), /is not a .npy file/);
    await failing(good.subarray(0, -1), /must hold float32 \(rows, dim\).*and 7 bytes/);
    for (const [from, to] of [
      ['<f4', '<f8'],
      ['False', 'True '],
      ['(1, 2)', '(2,)  '],
    ] as const)
      await failing(Buffer.from(good.toString('latin1').replace(from, to), 'latin1'), /must hold float32/);
    await expect(readNpy(join(folder, 'none.npy'))).rejects.toMatchObject({ code: 'ERR_DATA' });
  });
});
