import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isTemporary, ReplacementFile, writeFileAtomic, writeFolderAtomic } from '../../lib/files/atomic.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atomic-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('writeFileAtomic', () => {
  it('writes and replaces, and leaves nothing beside', async () => {
    const path = join(folder, 'a.json');
    await writeFileAtomic(path, 'one');
    await writeFileAtomic(path, Uint8Array.of(116, 119, 111));
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await readdir(folder)).toEqual(['a.json']);
  });

  it('keeps the old file and cleans up when the write fails', async () => {
    const path = join(folder, 'a.json');
    await writeFileAtomic(path, 'one');
    await expect(writeFileAtomic(path, 3 as unknown as string)).rejects.toThrow();
    expect([await readFile(path, 'utf8'), await readdir(folder)]).toEqual(['one', ['a.json']]);
  });

  it('rejects without a folder', async () => {
    await expect(writeFileAtomic(join(folder, 'none', 'a'), 'x')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('writeFolderAtomic', () => {
  it('writes all files, and replaces a folder as a whole', async () => {
    const path = join(folder, '7');
    await writeFolderAtomic(path, { a: '1', b: '2' });
    await writeFolderAtomic(path, { a: '3' });
    expect(await readdir(path)).toEqual(['a']);
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('3');
    expect(await readdir(folder)).toEqual(['7']);
  });

  it('keeps the old folder when a file cannot be written', async () => {
    const path = join(folder, '7');
    await writeFolderAtomic(path, { a: '1' });
    await expect(writeFolderAtomic(path, { a: '2', 'no/such/folder': 'x' })).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('1');
    expect(await readdir(folder)).toEqual(['7']);
  });

  it('rejects without a parent', async () => {
    await expect(writeFolderAtomic(join(folder, 'none', '7'), {})).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('ReplacementFile', () => {
  it('deletes what an interrupted write of the same file left, when it is a day old', async () => {
    const left = (name: string, digit: string): string =>
      `.${name}.tmp-${digit.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}`;
    const yesterday = new Date(Date.now() - 25 * 3_600_000);
    for (const name of [left('a', '1'), left('b', '1'), left('a.tmp-x', '1'), '.a.tmp-1']) {
      await writeFile(join(folder, name), '');
      await utimes(join(folder, name), yesterday, yesterday);
    }
    await writeFile(join(folder, left('a', '2')), ''); // of a process that may still be at it
    const file = await ReplacementFile.create(join(folder, 'a'));
    await file.discard();
    expect((await readdir(folder)).sort()).toEqual(
      ['.a.tmp-1', left('a', '2'), left('a.tmp-x', '1'), left('b', '1')].sort(),
    );
  });
});

describe('isTemporary', () => {
  it('knows what an interrupted write leaves, and nothing else', async () => {
    const seen: string[] = [];
    const path = join(folder, '7');
    await mkdir(path);
    await writeFile(join(path, 'x'), '');
    const writing = writeFolderAtomic(path, { a: new Uint8Array(1 << 20) });
    for (let i = 0; i < 50 && seen.length === 0; i++) seen.push(...(await readdir(folder)).filter((n) => n !== '7'));
    await writing;
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.every(isTemporary)).toBe(true);
    expect(['7', 'latest.json', '.hidden', '.tmp-1', 'a.tmp-1'].some(isTemporary)).toBe(false);
  });
});
