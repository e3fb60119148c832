import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cifarDataset } from '../../lib/data/cifar.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cifar-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const dataError = (message: RegExp) => ({ code: 'ERR_DATA', message: expect.stringMatching(message) });

/** A record whose red plane counts up, green is `green` and blue 255. */
const record = (labels: number[], green: number): Uint8Array => {
  const red = Array.from({ length: 1024 }, (_, i) => i % 256);
  return Uint8Array.from([...labels, ...red, ...Array(1024).fill(green), ...Array(1024).fill(255)]);
};

const write10 = async (folder: string, perFile = 2): Promise<void> => {
  for (let file = 1; file <= 5; file++) {
    const records = Array.from({ length: perFile }, (_, i) => record([(file + i) % 10], 10 * file + i));
    await writeFile(join(folder, `data_batch_${file}.bin`), Buffer.concat(records));
  }
  await writeFile(join(folder, 'test_batch.bin'), record([9], 77));
};

describe('cifarDataset', () => {
  it('reads CIFAR-10 from its files in order, planes interleaved', async () => {
    await write10(root);
    const train = await cifarDataset('cifar10', { root, split: 'train' });
    expect([train.name, train.length, train.source, train.classes]).toEqual(['cifar10', 10, root, undefined]);
    const sample = await train.get(7); // second record of the fourth file
    expect(sample).toMatchObject({ height: 32, width: 32, channels: 3, label: 5 });
    expect(Array.from(sample.pixels.subarray(0, 9))).toEqual([0, 41, 255, 1, 41, 255, 2, 41, 255]);
    expect(sample.pixels[3 * 1023]).toBe(255);
    const test = await cifarDataset('cifar10', { root, split: 'test' });
    expect([test.length, (await test.get(0)).label]).toEqual([1, 9]);
    expect(() => test.get(1)).toThrow(
      expect.objectContaining(dataError(/index must be an integer from 0 to 0, got 1/)),
    );
  });

  it('looks in the archive’s own folder, and reads class names', async () => {
    const folder = join(root, 'cifar-10-batches-bin');
    await mkdir(folder);
    await write10(folder);
    const names = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];
    await writeFile(join(folder, 'batches.meta.txt'), `${names.join('\n')}\n\n`);
    const { source, classes } = await cifarDataset('cifar10', { root, split: 'train' });
    expect([source, classes]).toEqual([folder, names]);
    await writeFile(join(folder, 'batches.meta.txt'), 'airplane\n');
    await expect(cifarDataset('cifar10', { root, split: 'train' })).rejects.toMatchObject(
      dataError(/batches\.meta\.txt: expected 10 class names, one a line, got 1/),
    );
  });

  it('reads no more files than a limit needs', async () => {
    await write10(root);
    await rm(join(root, 'data_batch_3.bin'));
    expect((await cifarDataset('cifar10', { root, split: 'train', limit: 3 })).length).toBe(3);
    await expect(cifarDataset('cifar10', { root, split: 'train' })).rejects.toMatchObject(
      dataError(/data_batch_3\.bin/),
    );
  });

  it('gives the fine labels of CIFAR-100', async () => {
    await writeFile(join(root, 'train.bin'), Buffer.concat([record([19, 99], 1), record([0, 42], 2)]));
    const dataset = await cifarDataset('cifar100', { root, split: 'train' });
    const labels = await Promise.all([0, 1].map(async (i) => (await dataset.get(i)).label));
    expect(labels).toEqual([99, 42]);
    expect(Array.from((await dataset.get(1)).pixels.subarray(0, 3))).toEqual([0, 2, 255]);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(0), /test_batch\.bin: expected records of 3073 bytes, got 0 bytes/],
    ['a cut file', record([1], 1).subarray(1), /expected records of 3073 bytes, got 3072 bytes/],
    ['a label out of range', record([10], 1), /label of record 0 must be 0 to 9, got 10/],
  ])('refuses %s', async (_, bytes, message) => {
    await writeFile(join(root, 'test_batch.bin'), bytes);
    await expect(cifarDataset('cifar10', { root, split: 'test' })).rejects.toMatchObject(dataError(message));
  });

  it('says which files it looks for, or that they are of the Python version', async () => {
    const load = () => cifarDataset('cifar10', { root, split: 'test' });
    await expect(load()).rejects.toMatchObject(dataError(/test_batch\.bin: cannot be read: ENOENT.*data_batch_1\.bin/));
    await mkdir(join(root, 'cifar-10-batches-py'));
    await writeFile(join(root, 'cifar-10-batches-py', 'data_batch_1'), '');
    await expect(load()).rejects.toMatchObject(dataError(/belongs to the Python version; download the binary version/));
    await expect(cifarDataset('cifar10', { root: join(root, 'none'), split: 'test' })).rejects.toMatchObject(
      dataError(/cifar10: there is no folder/),
    );
  });
});
