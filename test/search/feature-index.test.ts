import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors, typedArrayOf } from '../../lib/files/safetensors.ts';
import { createIndex, openIndex } from '../../lib/search/feature-index.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import { memory, setThreads } from '../../lib/tensor/runtime.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';
import { indexOf, ranked, vectors } from './own-index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'index-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('an index', () => {
  it('finds what a plain loop finds, across the borders of tiles and for many queries at once', async () => {
    const rows = vectors(1500, 12);
    await using index = await indexOf(join(folder, 'many'), rows);
    expect([index.length, index.dim, index.files[3]]).toEqual([1500, 12, { name: 'row 3', size: 0, modified: 0 }]);
    const queries = vectors(150, 12, 0.4);
    const found = await Promise.all(queries.map((query, i) => index.search(query, { k: 1 + (i % 7) })));
    for (const [i, query] of queries.entries()) {
      const wanted = ranked(query, rows).slice(0, 1 + (i % 7));
      const hits = found[i] ?? [];
      expect(hits.length).toBe(wanted.length);
      for (const [place, { cosine }] of wanted.entries()) {
        expect(hits[place]?.cosine).toBeCloseTo(cosine, 5); // which of two as near comes first is rounding's affair
        expect(hits[place]?.name).toBe(`row ${hits[place]?.number}`);
      }
    }
  });

  it('names the argument that is wrong, and shows no picture once it is closed', async () => {
    const index = await indexOf(join(folder, 'wrong'), vectors(3, 2));
    await expect(index.vector('1' as never)).rejects.toThrow(/^number must be from 0 to 2, got '1'/);
    await expect(index.picture(1, { sgnal: 1 } as never)).rejects.toThrow(/^picture: unknown option 'sgnal'/);
    await index.close();
    await expect(index.picture(1)).rejects.toMatchObject({ code: 'ERR_STATE' });
  });

  it('lets the event loop turn while many names are written or read', async () => {
    let turns = 0;
    let on = true;
    const turn = (): void => {
      turns++;
      if (on) setImmediate(turn);
    };
    turn();
    const vector = new Float32Array([1]);
    const path = join(folder, 'names');
    await using _written = await createIndex(
      path,
      Array.from({ length: 40_000 }, (_, i) => ({ name: `row ${i}`, vector })),
    );
    const writing = turns;
    await using index = await openIndex(path);
    on = false;
    expect([writing > 40, turns - writing > 25, index.files.at(-1)?.name]).toEqual([true, true, 'row 39999']);
  });

  it('finds the same with any number of threads', async () => {
    await using index = await indexOf(join(folder, 'threads'), vectors(3000, 9));
    const queries = vectors(12, 9, 0.2);
    const found = async (threads: number) => {
      setThreads(threads);
      const one = await index.search(queries[0] as Float32Array);
      return [one, ...(await Promise.all(queries.map((query) => index.search(query))))];
    };
    expect(await found(3)).toEqual(await found(1));
  });

  it('gives equal rows in their order, and has no more neighbours than rows', async () => {
    const [row] = vectors(1, 5) as [Float32Array];
    await using index = await indexOf(join(folder, 'equal'), new Array(70).fill(row));
    expect((await index.search(row, { k: 3 })).map(({ number }) => number)).toEqual([0, 1, 2]);
    expect((await index.search(row, { k: 1000 })).map(({ number }) => number)).toEqual(
      Array.from({ length: 70 }, (_, i) => i),
    );
    expect((await index.searchLike(1, { k: 2 })).map(({ number }) => number)).toEqual([0, 2]);
  });

  it('finds the same for a vector of any length, which may change as soon as it was given', async () => {
    const rows = vectors(40, 16);
    await using index = await indexOf(join(folder, 'scaled'), rows);
    const [query] = vectors(1, 16, 0.3) as [Float32Array];
    const wanted = ranked(query, rows).slice(0, 3);
    for (const scale of [1, 1e30, 1e-30]) {
      const given = query.map((value) => value * scale);
      const searched = index.search(given, { k: 3 });
      given.fill(0);
      const found = await searched;
      expect(found.map(({ number }) => number)).toEqual(wanted.map(({ number }) => number));
      for (const [i, { cosine }] of found.entries()) expect(cosine).toBeCloseTo(wanted[i]?.cosine as number, 5);
    }
  });

  it('has no cosine beyond 1, whatever rounding does', async () => {
    const rows = vectors(200, 128);
    await using index = await indexOf(join(folder, 'rounded'), rows);
    const found = await Promise.all(rows.map((row) => index.search(row, { k: 1 })));
    expect(found.filter(([nearest]) => (nearest?.cosine as number) > 1)).toEqual([]);
  });

  it('is safetensors that others read, with rows of length 1', async () => {
    const rows = vectors(3, 4);
    const path = join(folder, 'file');
    await using index = await indexOf(path, rows);
    const { tensors, metadata } = decodeSafetensors(await readFile(path), path);
    const features = tensors.get('features');
    expect([features?.shape, metadata.format]).toEqual([[3, 4], 'contrastive index 1']);
    const values = typedArrayOf(features as NonNullable<typeof features>) as Float32Array;
    expect(Math.hypot(...values.subarray(4, 8))).toBeCloseTo(1, 6);
    expect(await index.vector(1)).toEqual(values.slice(4, 8));
    expect(await readdir(folder)).not.toContainEqual(expect.stringContaining('.tmp'));
  });

  it('stops a search, answers those under way when it is closed, and refuses later ones', async () => {
    await collect();
    const before = memory().tensors;
    const index = await indexOf(join(folder, 'closed'), vectors(4, 4));
    const [query] = vectors(1, 4, 3) as [Float32Array];
    await expect(index.search(query, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const underWay = Promise.all([index.search(query), index.searchLike(0), index.vector(0)]);
    await index.close();
    expect(await underWay).toMatchObject([{ length: 4 }, { length: 3 }, { length: 4 }]);
    for (const late of [() => index.search(query), () => index.searchLike(0), () => index.vector(0)])
      await expect(late()).rejects.toMatchObject({ code: 'ERR_STATE', message: 'the index is closed' });
    expect(memory().tensors).toBe(before);
  });

  it('takes its file away only when another is whole', async () => {
    const path = join(folder, 'kept');
    await (await indexOf(path, vectors(4, 4))).close();
    const broken = [
      { name: 'a', vector: Float32Array.of(1, 2) },
      { name: 'b', vector: Float32Array.of(1, 2, 3) },
    ];
    await expect(createIndex(path, broken)).rejects.toMatchObject({ code: 'ERR_SHAPE' });
    await using index = await openIndex(path);
    expect(index.length).toBe(4);
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('refuses vectors of another dim or without a direction, rows that are not there, and wrong options', async () => {
    const path = join(folder, 'refusals');
    await using index = await indexOf(path, vectors(4, 3));
    const search = (values: number[], options = {}) => index.search(Float32Array.from(values), options);
    await expect(search([1, 2])).rejects.toMatchObject({ code: 'ERR_SHAPE' });
    await expect(index.search([1, 2, 3] as unknown as Float32Array)).rejects.toMatchObject({ code: 'ERR_SHAPE' });
    await expect(search([0, 0, 0])).rejects.toMatchObject({ code: 'ERR_DATA' });
    await expect(search([1, Number.NaN, 0])).rejects.toMatchObject({ code: 'ERR_DATA' });
    await expect(search([1, 2, 3], { k: 0 })).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(search([1, 2, 3], { n: 1 })).rejects.toMatchObject({ code: 'ERR_OPTION' });
    for (const number of [-1, 4, 0.5]) await expect(index.vector(number)).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(createIndex(path, [])).rejects.toMatchObject({ code: 'ERR_SHAPE' });
    const zero = [{ name: 'a', vector: new Float32Array(3) }];
    await expect(createIndex(path, zero)).rejects.toMatchObject({ code: 'ERR_DATA' });
    const good = { name: 'a', vector: Float32Array.of(1, 2) };
    await expect(createIndex(join(folder, 'no/folder'), [good])).rejects.toThrow(/no.folder: cannot be written/);
    for (const [wrong, code] of [
      [{ name: undefined }, 'ERR_OPTION'],
      [{ size: Number.NaN }, 'ERR_OPTION'],
      [{ modified: '1' }, 'ERR_OPTION'],
      [{ vector: [1, 2] }, 'ERR_SHAPE'],
      [{ vector: undefined }, 'ERR_SHAPE'],
      [{ vector: new Float32Array() }, 'ERR_DATA'],
    ] as const)
      await expect(createIndex(path, [{ ...good, ...wrong } as never])).rejects.toMatchObject({ code });
    await using same = await openIndex(path);
    expect(same.length).toBe(4); // no refusal took its place
  });
});

it('takes entries as they come, with names of any kind', async () => {
  async function* entries() {
    for (const [i, vector] of vectors(300, 1500).entries()) yield { name: `../${i}\n"é"`, vector };
  }
  await using index = await createIndex(join(folder, 'streamed'), entries()); // more rows than are written at once
  const [query] = vectors(1, 1500, 0.1) as [Float32Array];
  const [wanted] = ranked(query, vectors(300, 1500));
  expect((await index.search(query, { k: 1 }))[0]?.name).toBe(`../${wanted?.number}\n"é"`);
});

it('a bank with rows that are not finite yields rows of the bank', () => {
  const bank = tensor([
    [Number.NaN, 1],
    [1, 0],
    [0, Number.NaN],
    [0, 1],
  ]);
  const [indices] = internal.nearestNeighbours(tensor([[1, 0.5]]), bank, { k: 4, unit: true });
  const found = Array.from(indices.dataSync() as BigInt64Array, Number);
  expect([found.slice(0, 2), found.slice(2).sort()]).toEqual([
    [1, 3],
    [0, 2],
  ]);
});

describe('a file that is no index', () => {
  it.each<[string, (path: string) => Promise<unknown>]>([
    ['is missing', (path) => rm(path)],
    ['is empty', (path) => writeFile(path, '')],
    ['is something else', (path) => writeFile(path, 'an image, say, or a letter')],
    ['is cut', (path) => truncate(path, 200)],
    ['has rows of another length than 1', async (path) => writeFile(path, await changed(path, 'scale'))],
    ['has rows that are not finite', async (path) => writeFile(path, await changed(path, 'nan'))],
  ])('%s', async (_, spoil) => {
    const path = join(folder, 'spoilt');
    await (await indexOf(path, vectors(9, 4))).close();
    await spoil(path);
    await expect(openIndex(path)).rejects.toMatchObject({ code: 'ERR_DATA', message: expect.stringContaining(path) });
  });

  it('never does more than fail, whatever its bytes', { timeout: 60_000 }, async () => {
    const path = join(folder, 'fuzzed');
    await (
      await createIndex(
        path,
        vectors(5, 3).map((vector, i) => ({ name: `${i}.jpg`, vector, size: 7 })),
      )
    ).close();
    const good = await readFile(path);
    let state = 12345;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let opened = 0;
    for (let i = 0; i < 1500; i++) {
      const bytes = Buffer.from(good);
      for (let n = 1 + random(3); n > 0; n--) bytes[random(random(2) ? bytes.length : 330)] = random(256);
      await writeFile(path, random(8) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes);
      const index = await openIndex(path).catch((error) => {
        expect(['ERR_DATA', 'ERR_SHAPE', 'ERR_OPTION']).toContain(error.code);
        return undefined;
      });
      if (index === undefined) continue;
      opened++;
      const hits = await index.search(new Float32Array(index.dim).fill(1), { k: 3 });
      expect(hits.every(({ number, cosine }) => number < index.length && Number.isFinite(cosine))).toBe(true);
      await index.close();
    }
    expect(opened).toBeGreaterThan(20); // in letters of a name, or low bits of a value
  });
});

/** The bytes of an index with its fifth value made wrong. */
async function changed(path: string, how: 'scale' | 'nan'): Promise<Buffer> {
  const bytes = await readFile(path);
  const at = 8 + Number(bytes.readBigUInt64LE(0)) + 16;
  bytes.writeFloatLE(how === 'nan' ? Number.NaN : bytes.readFloatLE(at) + 0.5, at);
  return bytes;
}
