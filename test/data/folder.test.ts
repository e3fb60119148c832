import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadDataset } from '../../lib/data/load.ts';

const images = fileURLToPath(new URL('../fixtures/data/images/', import.meta.url));
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'folder-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, image = 'rgb.png'): Promise<void> {
  await mkdir(join(root, path, '..'), { recursive: true });
  await copyFile(join(images, image), join(root, path));
}

const names = (files: readonly string[]): string[] => files.map((file) => relative(root, file));
const dataError = (message: RegExp) => ({ code: 'ERR_DATA', message: expect.stringMatching(message) });

describe('folderDataset', () => {
  it('takes sub-folders for classes, numbered by sorted name', async () => {
    for (const path of ['dog/2.png', 'dog/10.png', 'cat/a.png', 'cat/deep/b.png', 'Ape/x.png']) await put(path);
    const dataset = await loadDataset('folder', { root, split: 'train' });
    expect(dataset.classes).toEqual(['Ape', 'cat', 'dog']);
    expect(dataset.leftOut).toBeUndefined();
    expect(names(dataset.files)).toEqual(['Ape/x.png', 'cat/a.png', 'cat/deep/b.png', 'dog/2.png', 'dog/10.png']);
    const samples = await Promise.all(dataset.files.map((_, i) => dataset.get(i)));
    expect(samples.map(({ label }) => label)).toEqual([0, 1, 1, 2, 2]);
    expect(samples[0]).toMatchObject({ height: 16, width: 24, channels: 3 });
    expect([dataset.name, dataset.source, dataset.skipped]).toEqual(['folder', root, []]);
    await expect(dataset.get(5)).rejects.toMatchObject(dataError(/index must be an integer from 0 to 4/));
  });

  it('gives no labels without sub-folders, or when told that it is flat', async () => {
    for (const path of ['2.png', '10.png']) await put(path);
    const flat = await loadDataset('folder', { root, split: 'train' });
    expect([names(flat.files), flat.classes, 'label' in (await flat.get(0))]).toEqual([
      ['2.png', '10.png'],
      undefined,
      false,
    ]);
    await put('sub/1.png');
    const all = await loadDataset('folder', { root, split: 'train', layout: 'flat' });
    expect([names(all.files), all.classes]).toEqual([['2.png', '10.png', 'sub/1.png'], undefined]);
  });

  it('asks when images lie beside sub-folders of images', async () => {
    await put('a/1.png');
    await put('stray.png');
    await expect(loadDataset('folder', { root, split: 'train' })).rejects.toMatchObject(
      dataError(/'.*stray\.png'.*choose layout/),
    );
    const dataset = await loadDataset('folder', { root, split: 'train', layout: 'classes' });
    expect([names(dataset.files), dataset.classes]).toEqual([['a/1.png'], ['a']]);
  });

  it('finds splits, and numbers the classes of both alike', async () => {
    for (const path of ['train/b/1.png', 'train/c/1.png', 'val/a/1.png', 'val/c/2.png']) await put(path);
    const train = await loadDataset('folder', { root, split: 'train' });
    const test = await loadDataset('folder', { root, split: 'test' });
    expect([train.classes, test.classes]).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
    expect([names(train.files), names(test.files)]).toEqual([
      ['train/b/1.png', 'train/c/1.png'],
      ['val/a/1.png', 'val/c/2.png'],
    ]);
    expect([(await test.get(0)).label, (await test.get(1)).label]).toEqual([0, 2]);
  });

  it('prefers test to val', async () => {
    for (const path of ['train/1.png', 'val/2.png', 'test/3.png']) await put(path);
    expect(names((await loadDataset('folder', { root, split: 'test' })).files)).toEqual(['test/3.png']);
    expect((await loadDataset('folder', { root, split: 'train' })).classes).toBeUndefined();
  });

  it.each([
    ['Train', 'Val'],
    ['training', 'testing'],
    ['train', 'dev'],
    ['TRAIN', 'validation'],
    ['training_set', 'test_set'],
    ['train2017', 'val2017'],
    ['trainval', 'test1'],
    ['seg_train', 'seg_test'],
    ['Cats and dogs - training', 'Cats and dogs - validation set'],
  ])('knows %s and %s for splits', async (train, test) => {
    for (const path of [`${train}/a/1.png`, `${train}/b/2.png`, `${test}/b/3.png`]) await put(path);
    expect(names((await loadDataset('folder', { root, split: 'train' })).files)).toEqual([
      `${train}/a/1.png`,
      `${train}/b/2.png`,
    ]);
    const held = await loadDataset('folder', { root, split: 'test' });
    expect([names(held.files), held.classes, held.labels]).toEqual([[`${test}/b/3.png`], ['a', 'b'], [1]]);
  });

  it('knows splits beside what programs leave behind, and counts that', async () => {
    for (const path of ['train/a/1.png', 'test/a/2.png', '__MACOSX/train/a/._1.png', '.git/x.png', 'labels.csv'])
      await put(path);
    await mkdir(join(root, 'logs'));
    const dataset = await loadDataset('folder', { root, split: 'train' });
    expect([names(dataset.files), dataset.classes]).toEqual([['train/a/1.png'], ['a']]);
    expect(dataset.leftOut).toEqual(['1 __MACOSX folder', '1 .csv file']);
  });

  it('reaches val beside test', async () => {
    for (const path of ['train/a/1.png', 'val/b/2.png', 'test/c/3.png']) await put(path);
    for (const [split, file, label] of [
      ['train', 'train/a/1.png', 0],
      ['val', 'val/b/2.png', 1],
      ['test', 'test/c/3.png', 2],
    ] as const) {
      const dataset = await loadDataset('folder', { root, split });
      expect([names(dataset.files), dataset.labels, dataset.classes]).toEqual([[file], [label], ['a', 'b', 'c']]);
    }
    await rm(join(root, 'val'), { recursive: true });
    await expect(loadDataset('folder', { root, split: 'val' })).rejects.toMatchObject(
      dataError(/no split 'val'.*it has test, train/),
    );
  });

  it('looks for splits inside a folder that is alone', async () => {
    for (const path of ['archive/train/a/1.png', 'archive/test/a/2.png', '__MACOSX/x.png']) await put(path);
    expect(names((await loadDataset('folder', { root, split: 'test' })).files)).toEqual(['archive/test/a/2.png']);
  });

  it('asks where it cannot be said what are splits', async () => {
    for (const path of ['train/a/1.png', 'test/a/2.png', 'cats/3.png']) await put(path);
    const options = { root, split: 'train' } as const;
    await expect(loadDataset('folder', options)).rejects.toMatchObject(
      dataError(/splits \(test, train\).*'cats' with images/),
    );
    expect((await loadDataset('folder', { ...options, layout: 'classes' })).classes).toEqual(['cats', 'test', 'train']);
    await rm(join(root, 'cats'), { recursive: true });
    await put('testing/a/1.png');
    await expect(loadDataset('folder', options)).rejects.toMatchObject(dataError(/several folders for one split/));
  });

  it('takes all that is there for flat images, unless it is told which are for training', async () => {
    for (const path of ['test/1.png', 'val/2.png']) await put(path);
    const options = { root, split: 'train' } as const;
    await expect(loadDataset('folder', options)).rejects.toMatchObject(dataError(/no split 'train'.*it has test, val/));
    expect((await loadDataset('folder', { ...options, layout: 'flat' })).length).toBe(2);
    await put('train/3.png');
    expect(names((await loadDataset('folder', { ...options, layout: 'flat' })).files)).toEqual(['train/3.png']);
  });

  it('asks where splits are inside the classes', async () => {
    for (const name of ['cats', 'dogs']) for (const part of ['train', 'test']) await put(`${name}/${part}/1.png`);
    await expect(loadDataset('folder', { root, split: 'train' })).rejects.toMatchObject(
      dataError(/'.*cats' holds splits \(test, train\) inside a class/),
    );
    expect((await loadDataset('folder', { root, split: 'train', layout: 'classes' })).labels).toEqual([0, 0, 1, 1]);
  });

  it('counts neither empty nor foreign folders as classes, and says so', async () => {
    for (const path of ['b/1.png', 'c/2.png', 'c/@eaDir/2.png', '@eaDir/b/1.png', 'c/3.bmp', 'c/4.BMP'])
      await put(path);
    await mkdir(join(root, 'a', 'deep'), { recursive: true });
    const dataset = await loadDataset('folder', { root, split: 'train' });
    expect([dataset.classes, dataset.labels]).toEqual([
      ['b', 'c'],
      [0, 1],
    ]);
    expect(dataset.leftOut).toEqual(['2 @eaDir folders', '2 .bmp files', "'a' without images"]);
  });

  it('takes one name in two forms of Unicode for one class', async () => {
    await put('train/caf\u00e9/1.png');
    await put('test/cafe\u0301/2.png');
    await put('train/tea/1.png');
    const test = await loadDataset('folder', { root, split: 'test' });
    expect([test.classes, test.labels, test.length]).toEqual([['caf\u00e9', 'tea'], [0], 1]);
  });

  it('takes a class called train for a class', async () => {
    for (const path of ['train/1.png', 'bus/1.png']) await put(path);
    expect((await loadDataset('folder', { root, split: 'train' })).classes).toEqual(['bus', 'train']);
    for (const path of ['steam train/1.png', 'goods train/1.png', 'crash test/1.png']) await put(path);
    await rm(join(root, 'train'), { recursive: true });
    expect((await loadDataset('folder', { root, split: 'train' })).classes).toEqual([
      ...['bus', 'crash test', 'goods train', 'steam train'],
    ]);
  });

  it('never passes training images off as test images', async () => {
    await put('a/1.png');
    await expect(loadDataset('folder', { root, split: 'test' })).rejects.toMatchObject(
      dataError(/has no split 'test'/),
    );
    await put('only/train/1.png');
    await expect(loadDataset('folder', { root: join(root, 'only'), split: 'test' })).rejects.toMatchObject(
      dataError(/has no split/),
    );
  });

  it('keeps every class under a limit', async () => {
    for (let i = 0; i < 4; i++) for (const name of ['a', 'b', 'c']) await put(`${name}/${i}.png`);
    const dataset = await loadDataset('folder', { root, split: 'train', limit: 6 });
    expect(names(dataset.files)).toEqual(['a/0.png', 'a/2.png', 'b/0.png', 'b/2.png', 'c/0.png', 'c/2.png']);
    expect(dataset.labels).toEqual([0, 0, 1, 1, 2, 2]);
    expect((await loadDataset('folder', { root, split: 'train', limit: 100 })).length).toBe(12);
  });

  it('bounds the decoded size and chooses the channels', async () => {
    await put('1.png');
    const dataset = await loadDataset('folder', { root, split: 'train', size: 8, channels: 1 });
    expect(await dataset.get(0)).toMatchObject({ height: 8, width: 12, channels: 1 });
  });

  it('reads all the kinds of image that people have', async () => {
    for (const name of ['rgb.jpg', 'gray.png', 'gray16.png', 'palette.gif', 'cmyk.jpg', 'rgba.png', 'orientation6.jpg'])
      await put(name, name);
    const dataset = await loadDataset('folder', { root, split: 'train' });
    for (let i = 0; i < dataset.length; i++) {
      const { pixels, height, width, channels } = await dataset.get(i);
      expect([channels, pixels.length]).toEqual([3, height * width * 3]);
    }
  });

  it('names a corrupt file when it is read', async () => {
    await put('a.png');
    await put('b.jpg', 'truncated.jpg');
    const dataset = await loadDataset('folder', { root, split: 'train' });
    await dataset.get(0);
    await expect(dataset.get(1)).rejects.toMatchObject(
      dataError(/b\.jpg: cannot be decoded: .*; onError: 'skip' \(--skip-damaged\)/),
    );
  });

  it('leaves corrupt files out when asked, and says which and why', async () => {
    for (let i = 0; i < 20; i++) await put(`good${i}.png`);
    await put('good3b.jpg', 'truncated.jpg');
    await put('z.png', 'not-an-image.png');
    await put('e.jpg', 'empty.jpg');
    await symlink(join(root, 'nowhere'), join(root, 'link.jpg'));
    const dataset = await loadDataset('folder', { root, split: 'train', onError: 'skip' });
    expect(dataset.length).toBe(20);
    expect(names(dataset.skipped.map(({ file }) => file))).toEqual(['e.jpg', 'good3b.jpg', 'link.jpg', 'z.png']);
    expect(dataset.skipped[1]?.reason).toMatch(/good3b\.jpg: cannot be decoded: .*JPEG/i); // in libvips' words, of which it has several
    expect([dataset.source, dataset.leftOut]).toEqual([
      root,
      [expect.stringMatching(/^4 damaged files \(\S+, \S+, \S+, …\)$/)],
    ]);
  });

  it('stops reading when the signal fires', async () => {
    for (let i = 0; i < 40; i++) await put(`${i}.png`);
    const controller = new AbortController();
    const loading = loadDataset('folder', { root, split: 'train', onError: 'skip', signal: controller.signal });
    controller.abort();
    await expect(loading).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  it('refuses a folder without images, one without a good one, and none', async () => {
    await writeFile(join(root, 'notes.txt'), '');
    await expect(loadDataset('folder', { root, split: 'train' })).rejects.toMatchObject(
      dataError(/is empty: no \.jpg, .* files below .*, found 1 \.txt file/),
    );
    await put('a.png', 'not-an-image.png');
    await expect(loadDataset('folder', { root, split: 'train', onError: 'skip' })).rejects.toMatchObject(
      dataError(/is empty: none of 1 files .* can be decoded: .*a\.png/),
    );
    await expect(loadDataset('folder', { root: join(root, 'none'), split: 'train' })).rejects.toMatchObject(
      dataError(/folder: there is no folder '.*none'/),
    );
    await expect(loadDataset('folder', { root: join(root, 'a.png'), split: 'train' })).rejects.toMatchObject(
      dataError(/is not a folder/),
    );
  });
});
