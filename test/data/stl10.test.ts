import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadDataset } from '../../lib/data/load.ts';
import { stl10Dataset } from '../../lib/data/stl10.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'stl10-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const dataError = (message: RegExp) => ({ code: 'ERR_DATA', message: expect.stringMatching(message) });

/** The value of image n at row y, column x, channel c: every place differs from its neighbours. */
const valueAt = (n: number, y: number, x: number, c: number): number => (n * 50 + y * 3 + x * 7 + c * 101) % 256;

/** `count` images as the format has them: planes, each column by column. */
function images(count: number): Uint8Array {
  const bytes: number[] = [];
  for (let n = 0; n < count; n++)
    for (let c = 0; c < 3; c++)
      for (let x = 0; x < 96; x++) for (let y = 0; y < 96; y++) bytes.push(valueAt(n, y, x, c));
  return Uint8Array.from(bytes);
}

const names = ['airplane', 'bird', 'car', 'cat', 'deer', 'dog', 'horse', 'monkey', 'ship', 'truck'];

async function write(folder: string): Promise<void> {
  await writeFile(join(folder, 'train_X.bin'), images(4));
  await writeFile(join(folder, 'train_y.bin'), Uint8Array.of(10, 1, 3, 1));
  await writeFile(join(folder, 'test_X.bin'), images(2));
  await writeFile(join(folder, 'test_y.bin'), Uint8Array.of(2, 9));
  await writeFile(join(folder, 'unlabeled_X.bin'), images(3));
  await writeFile(join(folder, 'class_names.txt'), `${names.join('\n')}\n`);
  const folds = Array.from({ length: 10 }, (_, fold) => `${fold % 4} ${(fold + 1) % 4} `);
  await writeFile(join(folder, 'fold_indices.txt'), `${folds.join('\n')}\n`);
}

describe('stl10Dataset', () => {
  it('reads images row by row from planes that lie column by column, and labels from 0', async () => {
    await write(root);
    const train = await stl10Dataset({ root, split: 'train' });
    expect([train.name, train.length, train.source, train.classes]).toEqual(['stl10', 4, root, names]);
    expect(Array.from(train.labels ?? [])).toEqual([9, 0, 2, 0]);
    const sample = await train.get(2);
    expect(sample).toMatchObject({ height: 96, width: 96, channels: 3, label: 2 });
    const expected: number[] = [];
    for (let y = 0; y < 96; y++)
      for (let x = 0; x < 96; x++) for (let c = 0; c < 3; c++) expected.push(valueAt(2, y, x, c));
    expect(sample.pixels).toEqual(Uint8Array.from(expected));
    const test = await stl10Dataset({ root, split: 'test' });
    expect([test.length, (await test.get(1)).label]).toEqual([2, 8]);
    await expect(test.get(2)).rejects.toMatchObject(dataError(/index must be an integer from 0 to 1, got 2/));
  });

  it('gives the images without labels, from the archive’s own folder', async () => {
    const folder = join(root, 'stl10_binary');
    await mkdir(folder);
    await write(folder);
    const unlabeled = await loadDataset('stl10', { root, split: 'unlabeled' });
    expect([unlabeled.length, unlabeled.source, unlabeled.labels]).toEqual([3, folder, undefined]);
    const sample = await unlabeled.get(1);
    expect(sample).not.toHaveProperty('label');
    expect(Array.from(sample.pixels.subarray(0, 3))).toEqual([50, 151, 252]);
  });

  it('keeps the first images of a limit, or those of a fold', async () => {
    await write(root);
    const load = (options: object) => loadDataset('stl10', { root, ...options });
    expect(Array.from((await load({ limit: 2 })).labels ?? [])).toEqual([9, 0]);
    const fold = await load({ fold: 3 });
    expect([fold.length, ...Array.from(fold.labels ?? [])]).toEqual([2, 0, 9]);
    expect((await fold.get(0)).pixels).toEqual((await load({}).then((all) => all.get(3))).pixels);
    expect((await load({ fold: 3, limit: 1 })).length).toBe(1);
    expect((await load({ limit: 100 })).length).toBe(4);
    await expect(load({ fold: 10 })).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(load({ fold: 1, split: 'test' })).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(load({ split: 'unlabelled' })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/did you mean 'unlabeled'/),
    });
    await expect(loadDataset('cifar10', { root, split: 'unlabeled' } as never)).rejects.toMatchObject({
      code: 'ERR_OPTION',
    });
    await expect(loadDataset('cifar10', { root, fold: 1 } as never)).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });

  it.each<[string, string, Uint8Array | string, RegExp]>([
    ['no images', 'train_X.bin', new Uint8Array(0), /train_X\.bin: expected images of 27648 bytes, got 0 bytes/],
    ['a cut image', 'train_X.bin', images(1).subarray(1), /expected images of 27648 bytes, got 27647 bytes/],
    ['too few labels', 'train_y.bin', Uint8Array.of(1, 2), /train_y\.bin: expected 4 labels, a byte an image, got 2/],
    ['a label of 0', 'train_y.bin', Uint8Array.of(1, 2, 0, 1), /label 2 must be 1 to 10, got 0/],
    ['a label above the classes', 'train_y.bin', Uint8Array.of(11, 2, 1, 1), /label 0 must be 1 to 10, got 11/],
    ['too few names', 'class_names.txt', 'airplane\n', /expected 10 class names, one a line, got 1/],
    ['too few folds', 'fold_indices.txt', '0 1\n', /expected 10 lines of indices, got 1/],
    ['an index above the images', 'fold_indices.txt', '0 4\n'.repeat(10), /indices from 0 to 3, got '4'/],
    ['an index that is none', 'fold_indices.txt', '0 -1\n'.repeat(10), /indices from 0 to 3, got '-1'/],
    ['a very long line', 'fold_indices.txt', '0 '.repeat(600_000), /at most 1000000 bytes of indices/],
  ])('refuses %s', async (_, file, content, message) => {
    await write(root);
    await writeFile(join(root, file), content);
    await expect(stl10Dataset({ root, split: 'train', fold: 0 })).rejects.toMatchObject(dataError(message));
  });

  it('refuses files that are not there, and one that was cut after loading', async () => {
    await write(root);
    const train = await stl10Dataset({ root, split: 'train' });
    await truncate(join(root, 'train_X.bin'), 3 * 27648 + 100);
    expect((await train.get(2)).label).toBe(2);
    await expect(train.get(3)).rejects.toMatchObject(dataError(/image 3 is cut off: 100 of 27648 bytes/));
    await rm(join(root, 'test_y.bin'));
    await expect(stl10Dataset({ root, split: 'test' })).rejects.toMatchObject(dataError(/test_y\.bin.*got no file/));
    await rm(join(root, 'fold_indices.txt'));
    await writeFile(join(root, 'train_X.bin'), images(4));
    await expect(stl10Dataset({ root, split: 'train', fold: 0 })).rejects.toMatchObject(dataError(/no such file/));
    await rm(join(root, 'unlabeled_X.bin'));
    await expect(stl10Dataset({ root, split: 'unlabeled' })).rejects.toMatchObject(
      dataError(/unlabeled_X\.bin: there is no such file; expected train_X\.bin/),
    );
    await expect(stl10Dataset({ root: join(root, 'none'), split: 'test' })).rejects.toMatchObject(
      dataError(/stl10: there is no folder/),
    );
  });
});
