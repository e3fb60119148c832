import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bundledFashionMnist, fashionMnistDataset } from '../../lib/data/fashion-mnist.ts';
import { statOrUndefined } from '../../lib/data/files.ts';
import { load, loadDataset } from '../../lib/data/load.ts';
import { encodeIdx } from './encode-idx.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'load-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

const dataError = (message: RegExp) => ({ code: 'ERR_DATA', message: expect.stringMatching(message) });
const optionError = (message: RegExp) => ({ code: 'ERR_OPTION', message: expect.stringMatching(message) });

async function writeIdx(folder: string, stem: 'train' | 't10k', count = 3): Promise<void> {
  await mkdir(folder, { recursive: true });
  const pixels = new Uint8Array(count * 4).map((_, i) => i);
  await writeFile(join(folder, `${stem}-images-idx3-ubyte`), encodeIdx({ shape: [count, 2, 2], data: pixels }));
  await writeFile(
    join(folder, `${stem}-labels-idx1-ubyte`),
    encodeIdx({ shape: [count], data: new Uint8Array(count) }),
  );
}

describe("loadDataset('fashion-mnist')", () => {
  it('reads the bundled subset: 10 000 and 2 000 images, balanced, in the published order', async () => {
    const train = await loadDataset('fashion-mnist', { subset: 'bundled' });
    const test = await loadDataset('fashion-mnist', { subset: 'bundled', split: 'test' });
    expect([train.length, test.length, train.classes?.length]).toEqual([10_000, 2_000, 10]);
    expect(train.source).toBe(`the bundled subset in ${bundledFashionMnist()}`);
    const first = await train.get(0);
    expect(first).toMatchObject({ height: 28, width: 28, channels: 1, label: 9 });
    const labels = await Promise.all(Array.from({ length: 10_000 }, async (_, i) => (await train.get(i)).label ?? -1));
    expect(labels.slice(0, 10)).toEqual([9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
    const counts = Array.from({ length: 10 }, (_, label) => labels.filter((other) => other === label).length);
    expect(Math.min(...counts)).toBeGreaterThan(900);
    const mean = Array.from({ length: 100 }, (_, i) => train.get(i) as { pixels: Uint8Array })
      .flatMap(({ pixels }) => Array.from(pixels))
      .reduce((sum, value) => sum + value / 255 / 78_400, 0);
    expect(mean).toBeCloseTo(0.286, 1);
  });

  it('has the bundled files that its README lists', async () => {
    const folder = bundledFashionMnist();
    const sums = (await readFile(join(folder, 'README.md'), 'utf8')).match(/^[0-9a-f]{64} {2}\S+$/gm) ?? [];
    expect(sums).toHaveLength(4);
    for (const line of sums) {
      const [sum, name] = line.split('  ') as [string, string];
      const bytes = await readFile(join(folder, name));
      expect([name, createHash('sha256').update(bytes).digest('hex')]).toEqual([name, sum]);
    }
  });

  it('takes the first samples under a limit', async () => {
    const dataset = await loadDataset('fashion-mnist', { subset: 'bundled', limit: 5 });
    expect([dataset.length, (await dataset.get(4)).label]).toEqual([5, 0]);
  });

  it('prefers a root, then the full set, then the subset', async () => {
    await writeIdx(join(root, 'FashionMNIST', 'raw'), 'train');
    const own = await loadDataset('fashion-mnist', { root });
    expect([own.length, own.source]).toEqual([3, root]);
    vi.stubEnv('CONTRASTIVE_CACHE', root);
    await writeIdx(join(root, 'data', 'fashion-mnist'), 'train');
    const found = await loadDataset('fashion-mnist');
    const system = '/usr/share/datasets/fashion-mnist';
    const hasSystem = (await statOrUndefined(system))?.isDirectory() ?? false;
    expect([found.length, found.source]).toEqual(
      hasSystem ? [60_000, `the full set in ${system}`] : [3, `the full set in ${join(root, 'data', 'fashion-mnist')}`],
    );
  });

  it('refuses a root without the files, and a root beside a subset', async () => {
    await expect(loadDataset('fashion-mnist', { root })).rejects.toMatchObject(
      dataError(/must hold the IDX files train-/),
    );
    await expect(loadDataset('fashion-mnist', { root: join(root, 'x') })).rejects.toMatchObject(dataError(/no folder/));
    await expect(loadDataset('fashion-mnist', { root, subset: 'bundled' })).rejects.toMatchObject(
      optionError(/exclude/),
    );
    await expect(fashionMnistDataset({ root, split: 'test' })).rejects.toMatchObject(dataError(/t10k-/));
  });
});

describe("loadDataset('mnist')", () => {
  it.each(['.', 'raw', join('MNIST', 'raw')])('finds the files in %s', async (inside) => {
    await writeIdx(join(root, inside), 't10k');
    const dataset = await loadDataset('mnist', { root, split: 'test', limit: 2 });
    expect([dataset.name, dataset.length, dataset.classes?.[7]]).toEqual(['mnist', 2, '7']);
  });

  it('says what it looks for', async () => {
    await expect(loadDataset('mnist', { root })).rejects.toMatchObject(dataError(/must hold train-images-idx3-ubyte/));
    await expect(loadDataset('mnist', { root: join(root, 'x') })).rejects.toMatchObject(
      dataError(/mnist: there is no/),
    );
  });
});

describe('loadDataset', () => {
  it('reads CIFAR and folders', async () => {
    await writeFile(join(root, 'test.bin'), new Uint8Array(3074));
    expect((await loadDataset('cifar100', { root, split: 'test' })).length).toBe(1);
    const image = fileURLToPath(new URL('../fixtures/data/images/rgb.png', import.meta.url));
    await copyFile(image, join(root, 'a.png'));
    const folder = await loadDataset('folder', {
      root,
      layout: 'flat',
      size: 4,
      channels: 1,
      onError: 'skip',
      limit: 1,
    });
    expect([folder.files, folder.skipped]).toEqual([[join(root, 'a.png')], []]);
  });

  it.each<[string, object | undefined, RegExp]>([
    ['fashion', {}, /dataset must be one of 'fashion-mnist', .* got 'fashion'/],
    ['cifar-10', {}, /did you mean 'cifar10'/],
    ['mnist', {}, /loadDataset\('mnist'\): root must be the folder/],
    ['folder', undefined, /root must be the folder/],
    ['folder', { root: '' }, /root must be a non-empty string/],
    ['folder', { root: 'x', spilt: 'test' }, /unknown option 'spilt'; did you mean 'split'/],
    ['folder', { root: 'x', subset: 'bundled' }, /unknown option 'subset'/],
    ['cifar10', { root: 'x', size: 32 }, /unknown option 'size'/],
    ['fashion-mnist', { split: 'val' }, /split must be one of 'train', 'test', got 'val'/],
    ['fashion-mnist', { limit: 0 }, /limit must be an integer >= 1, got 0/],
    ['fashion-mnist', { subset: 'all' }, /subset must be one of 'bundled'/],
    ['folder', { root: 'x', layout: 'tree' }, /layout must be one of/],
    ['folder', { root: 'x', size: 1.5 }, /size must be an integer/],
    ['folder', { root: 'x', channels: 4 }, /channels must be 1 or 3, got 4/],
    ['folder', { root: '.', maxPixels: 0.5 }, /maxPixels must be an integer >= 1/],
    ['folder', { root: '.', background: 'red' }, /background must be a colour as '#rrggbb', got 'red'/],
    ['folder', { root: 'x', onError: 'ignore' }, /onError must be one of/],
  ])('refuses %s with %j', async (name, options, message) => {
    await expect(load(name, options ?? {})).rejects.toMatchObject(optionError(message));
  });
});
