import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findDuplicates } from '../../lib/search/duplicates.ts';
import { openIndex } from '../../lib/search/feature-index.ts';
import { IndexWriter } from '../../lib/search/index-file.ts';
import { findOutliers } from '../../lib/search/outliers.ts';
import { cosine, indexOf, ranked, vectors } from './own-index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'groups-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A point on the unit circle. */
const at = (degrees: number): Float32Array =>
  Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));

/** An index of equal rows, of files of four bytes. */
async function writeIndex(path: string, names: readonly string[]): Promise<void> {
  const writer = await IndexWriter.create(path, 2, { root: folder });
  for (const name of names) await writer.append(at(30), { name, size: 4, modified: 0 });
  await writer.finish();
  await writer.publish();
}

describe('duplicates', () => {
  it('are chained, largest group first, with the cosine of the nearest', async () => {
    await using index = await indexOf(join(folder, 'chain'), [0, 90, 10, 200, 91, 20, 0].map(at));
    const groups = await findDuplicates(index, { threshold: 0.98 });
    expect(groups.map((group) => group.map(({ number }) => number))).toEqual([
      [0, 2, 5, 6],
      [1, 4],
    ]);
    const [first, second] = groups;
    expect(first?.map((member) => member.cosine)).toEqual(
      [1, Math.cos(Math.PI / 18), Math.cos(Math.PI / 18), 1].map((value) => expect.closeTo(value, 5)),
    );
    expect(second?.[0]).toEqual({ number: 1, name: 'row 1', cosine: expect.closeTo(0.99985, 4), identical: false });
  });

  it('are those of all pairs, over the borders of blocks', async () => {
    const rows = vectors(2100, 3);
    await using index = await indexOf(join(folder, 'blocks'), rows);
    const alike: { i: number; j: number; value: number }[] = [];
    for (const [i, row] of rows.entries())
      for (let j = i + 1; j < rows.length; j++) {
        const value = cosine(row, rows[j] as Float32Array);
        if (value > 0.9999) alike.push({ i, j, value });
      }
    alike.sort((x, y) => x.value - y.value);
    const above = (at: number): number => alike[at]?.value ?? 1;
    const widest = alike.reduce((best, { value }, at) => {
      return above(at + 1) - value > above(best + 1) - above(best) ? at : best;
    }, 0);
    const threshold = (above(widest) + above(widest + 1)) / 2; // no pair is near it, where rounding would decide
    const parent = rows.map((_, i) => i);
    const rootOf = (i: number): number => (parent[i] === i ? i : rootOf(parent[i] as number));
    for (const { i, j } of alike.slice(widest + 1)) parent[rootOf(j)] = rootOf(i);
    const counts = new Map<number, number>();
    for (const i of parent.keys()) counts.set(rootOf(i), (counts.get(rootOf(i)) ?? 0) + 1);
    const sizes = [...counts.values()].filter((size) => size > 1);
    const seen: number[][] = [];
    const groups = await findDuplicates(index, { threshold, onProgress: (done, total) => seen.push([done, total]) });
    expect(groups.map(({ length }) => length)).toEqual(sizes.sort((a, b) => b - a));
    expect(seen.at(-1)).toEqual([3, 3]);
  });

  it('of equal bytes are told from those that only look alike', async () => {
    const path = join(folder, 'bytes.index');
    const contents = { 'a.jpg': 'same', 'b.jpg': 'same', 'c.jpg': 'like', 'gone.jpg': undefined };
    await writeIndex(path, Object.keys(contents));
    for (const [name, content] of Object.entries(contents))
      if (content !== undefined) await writeFile(join(folder, name), content);
    await using index = await openIndex(path);
    const [group] = await findDuplicates(index);
    expect(group?.map(({ identical }) => identical)).toEqual([true, true, false, false]);
  });

  it.skipIf(process.platform === 'win32')('read nothing but files, and none that has changed since', async () => {
    const path = join(folder, 'pipes.index');
    await writeIndex(path, ['pipe1', 'pipe2', 'longer1', 'longer2']);
    for (const name of ['pipe1', 'pipe2']) execFileSync('mkfifo', [join(folder, name)]);
    for (const name of ['longer1', 'longer2']) await writeFile(join(folder, name), 'the same, and longer');
    await using index = await openIndex(path);
    const [group] = await findDuplicates(index);
    expect(group?.map(({ identical }) => identical)).toEqual([false, false, false, false]);
  });

  it('stop while files are read', async () => {
    const path = join(folder, 'aborted.index');
    await writeIndex(path, ['a.jpg', 'b.jpg']);
    const controller = new AbortController();
    await using index = await openIndex(path);
    const size = (): number => {
      controller.abort();
      return 4;
    };
    Object.defineProperty(index.files[1], 'size', { get: size }); // it is asked for when the pairs are compared
    await expect(findDuplicates(index, { signal: controller.signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  it('stop, and refuse wrong options', async () => {
    await using index = await indexOf(join(folder, 'stop'), vectors(5, 3));
    for (const threshold of [0, 1.1, Number.NaN])
      await expect(findDuplicates(index, { threshold })).rejects.toMatchObject({ code: 'ERR_OPTION' });
    const signal = AbortSignal.abort();
    await expect(findDuplicates(index, { signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await expect(findOutliers(index, { signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });
});

describe('outliers', () => {
  it('have the lowest mean cosine to their neighbours', async () => {
    const rows = vectors(40, 5);
    await using index = await indexOf(join(folder, 'strange'), rows);
    const wanted = rows
      .map((row, number) => {
        const others = ranked(row, rows).filter((other) => other.number !== number);
        return { number, cosine: others.slice(0, 3).reduce((sum, other) => sum + other.cosine, 0) / 3 };
      })
      .sort((a, b) => a.cosine - b.cosine);
    const found = await findOutliers(index, { k: 3 });
    expect(found.map(({ cosine: value }) => value)).toEqual(wanted.map((each) => expect.closeTo(each.cosine, 5)));
    expect(found[0]).toMatchObject({ number: wanted[0]?.number, name: `row ${wanted[0]?.number}` });
  });

  it('take what neighbours there are; one row alone has none', async () => {
    await using two = await indexOf(join(folder, 'two'), [at(0), at(60)]);
    expect((await findOutliers(two)).map((each) => each.cosine)).toEqual([0.5, 0.5].map((v) => expect.closeTo(v, 5)));
    await using one = await indexOf(join(folder, 'one'), [at(0)]);
    await expect(findOutliers(one)).rejects.toMatchObject({ code: 'ERR_SHAPE' });
  });
});
