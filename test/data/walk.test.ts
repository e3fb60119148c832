import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareNatural, listFolder, summarise, walkFolder } from '../../lib/data/walk.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'walk-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const touch = async (...paths: string[]): Promise<void> => {
  for (const path of paths) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), '');
  }
};

describe('compareNatural', () => {
  it('orders runs of digits by value', () => {
    const names = [
      'img10',
      'img2',
      'img1',
      'a',
      'img',
      'img2b',
      'B',
      '10',
      '9',
      'img02',
      'é',
      '9007199254740993',
      '9007199254740992',
    ];
    expect(names.sort(compareNatural)).toEqual([
      '9',
      '10',
      '9007199254740992',
      '9007199254740993',
      'B',
      'a',
      'img',
      'img1',
      'img02',
      'img2',
      'img2b',
      'img10',
      'é',
    ]);
  });

  it('is a total order', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'B', '0', '1', '9', '-'), maxLength: 6 });
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        expect(Math.sign(compareNatural(a, b))).toBe(-Math.sign(compareNatural(b, a)) + 0);
        expect(compareNatural(a, b) === 0).toBe(a === b);
        if (compareNatural(a, b) <= 0 && compareNatural(b, c) <= 0) expect(compareNatural(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

describe('listFolder', () => {
  it('leaves out hidden names and what is no image', async () => {
    await touch('b.PNG', 'a.jpeg', 'notes.txt', '.hidden.png', '._a.jpg', '.git/x.png', 'sub/y.webp');
    await mkdir(join(root, 'folder.jpg'));
    await touch('@eaDir/c.jpg', '__MACOSX/a.jpeg', 'c.jfif', 'd.JPE');
    const { images, folders, others } = await listFolder(root);
    expect(images.map((path) => relative(root, path))).toEqual(['a.jpeg', 'b.PNG', 'c.jfif', 'd.JPE']);
    expect(folders).toEqual(['folder.jpg', 'sub']);
    expect(others.map((path) => relative(root, path))).toEqual(['@eaDir', '__MACOSX', 'notes.txt']);
  });

  it('keeps a link that leads nowhere, so that it is reported', async () => {
    await touch('a.jpg');
    await symlink(join(root, 'a.jpg'), join(root, 'b.jpg'));
    await symlink(join(root, 'none'), join(root, 'c.jpg'));
    await symlink(join(root, 'none'), join(root, 'd'));
    expect((await listFolder(root)).images).toHaveLength(3);
  });

  it('names a folder that cannot be read', async () => {
    await expect(listFolder(join(root, 'none'))).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringContaining('none: cannot be read'),
    });
  });
});

describe('walkFolder', () => {
  it('gives the images of a folder, then those of its sub-folders', async () => {
    await touch('z.png', 'b/2.png', 'b/10.png', 'a/x/1.png', 'a/1.png');
    const { images } = await walkFolder(root);
    expect(images.map((path) => relative(root, path))).toEqual([
      'z.png',
      'a/1.png',
      'a/x/1.png',
      'b/2.png',
      'b/10.png',
    ]);
  });

  it('follows links, enters each folder once and ends on loops', async () => {
    await touch('a/1.png', 'b/2.png');
    await symlink(root, join(root, 'a', 'up'));
    await symlink(join(root, 'b'), join(root, 'a', 'other'));
    await symlink(join(root, 'a'), join(root, 'b', 'back'));
    const { images } = await walkFolder(join(root, 'a'));
    expect(images.map((path) => relative(root, path)).sort()).toEqual(['a/1.png', 'a/other/2.png']);
  });

  it('gives what is no image too, and summarise counts it by its kind', async () => {
    await touch('a/1.bmp', 'a/2.BMP', 'a/README', 'b/1.png', 'b/@eaDir/1.png', 'x.csv', 'LICENSE');
    const { images, others } = await walkFolder(root);
    expect(images.map((path) => relative(root, path))).toEqual(['b/1.png']);
    expect(summarise(others).sort()).toEqual([
      '1 .csv file',
      '1 @eaDir folder',
      '2 .bmp files',
      '2 files without an ending',
    ]);
  });
});
