/** Archives as WebDataset writes them, as a data set. */
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeDataset } from '../../lib/data/dataset.ts';
import { decodeImage } from '../../lib/data/decode.ts';
import { holdOut } from '../../lib/data/hold-out.ts';
import { loadDataset } from '../../lib/data/load.ts';
import { expandBraces, splitOfShard } from '../../lib/data/shard-names.ts';
import { archive, type Entry } from './tar-archive.ts';

const image = await readFile(fileURLToPath(new URL('../fixtures/data/images/rgb.png', import.meta.url)));
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'shards-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, ...entries: readonly Entry[]): Promise<string> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), archive(...entries));
  return join(root, path);
}

const png = (key: string): Entry => ({ name: `${key}.png`, content: image });
const cls = (key: string, label: number | string): Entry => ({ name: `${key}.cls`, content: String(label) });
const json = (key: string, value: unknown): Entry => ({ name: `${key}.json`, content: JSON.stringify(value) });
const dataError = (message: RegExp) => ({ code: 'ERR_DATA', message: expect.stringMatching(message) });
const optionError = (message: RegExp) => ({ code: 'ERR_OPTION', message: expect.stringMatching(message) });
const load = (options: object = {}) => loadDataset('tar', { root, ...options });

describe("loadDataset('tar')", () => {
  it('reads images with their classes, in the order of the archives', async () => {
    await put('train-10.tar', cls('d/x', 5), png('d/x'), json('d/x', { label: 3 }));
    await put('train-9.tar', png('a'), cls('a', ' 1\n'), png('b'), json('b', { label: 0 }), json('c', 1));
    await put('val-0.tar', png('v'), cls('v', 2));
    const train = await load();
    expect([train.name, train.length, Array.from(train.labels ?? [])]).toEqual(['tar', 3, [1, 0, 5]]);
    const { pixels } = await decodeImage(image);
    for (const index of [2, 0, 1])
      expect(await train.get(index)).toEqual({
        pixels,
        height: 16,
        width: 24,
        channels: 3,
        label: train.labels?.[index],
      });
    expect((await load({ split: 'test' })).labels).toEqual(Int32Array.of(2));
    expect((await describeDataset(train)).text).toBe(
      `tar: 3 images, the first 16×24×3, labelled, from 2 archives of ${root}; left out: 1 sample without an image`,
    );
  });

  it('takes an ending up to the first dot for the kind, and leaves out what is none of it', async () => {
    await put(
      'a.tar',
      ...['.hidden.png', 'README', 'k.txt', 'k.seg.png', 'k/.x.png'].map((name) => ({ name, content: image })),
      { name: 'dir.d/k.PNG', content: image },
    );
    const dataset = await load();
    expect([dataset.length, dataset.labels, dataset.source]).toEqual([1, undefined, join(root, 'a.tar')]);
    expect(dataset.leftOut).toEqual([
      '3 .png files',
      '1 file without an ending',
      '1 .txt file',
      '1 sample without an image',
    ]);
    expect('label' in (await dataset.get(0))).toBe(false);
  });

  it('scales while decoding, and keeps so many, evenly', async () => {
    await put('a.tar', ...Array.from({ length: 6 }, (_, i) => [png(`${i}`), cls(`${i}`, i)]).flat());
    const dataset = await load({ size: 8, limit: 3, channels: 1 });
    expect(Array.from(dataset.labels ?? [])).toEqual([0, 2, 4]);
    expect(await dataset.get(1)).toMatchObject({ height: 8, width: 12, channels: 1, label: 2 });
    const { train, test } = await holdOut(
      await load({ root: await put('b.tar', ...'pqrs'.split('').flatMap((key) => [png(key), cls(key, 0)])) }),
    );
    expect([train.length, test.length]).toEqual([3, 1]);
  });

  it.each<[string, readonly Entry[], RegExp]>([
    ['two images', [png('a'), { name: 'a.jpg' }], /"a.jpg": its sample has an image already, "a.png"/],
    ['two classes', [cls('a', 1), cls('a', 1)], /"a.cls": its sample has a file of that ending already/],
    ['a class that is a word', [png('a'), cls('a', 'cat')], /"a.cls": a class must be an integer .*, got "cat"/],
    ['a class below 0', [png('a'), cls('a', -1)], /a class must be an integer/],
    ['a class that is too large', [png('a'), cls('a', 2 ** 31)], /a class must be an integer/],
    ['a class of a page', [png('a'), cls('a', '1'.repeat(65))], /"a.cls" must have 64 bytes at most, got 65/],
    [
      'what is no JSON',
      [png('a'), { name: 'a.json', content: '{"label":1,"label":2}' }],
      /"a.json": is not valid JSON/,
    ],
    [
      'classes for some',
      [png('a'), cls('a', 1), png('b')],
      /a.tar: "b.png" has no class \(.cls\), and others have one/,
    ],
    ['no images', [cls('a', 1)], /tar: the data set is empty: no images in the archives of/],
  ])('refuses %s', async (_, entries, message) => {
    await put('a.tar', ...entries);
    await expect(load()).rejects.toMatchObject(dataError(message));
  });

  it('names what cannot be decoded, and an archive that was cut off since', async () => {
    const path = await put('a.tar', png('a'), { name: 'b\u001b[2J.png', content: 'no image' }, png('c'));
    const dataset = await load();
    await expect(dataset.get(1)).rejects.toMatchObject(dataError(/a\.tar: "b\\u001b\[2J\.png": cannot be decoded/));
    const { length, skipped, leftOut } = await load({ onError: 'skip' });
    expect([length, leftOut, skipped]).toEqual([
      2,
      ['1 damaged image'],
      [{ file: path, reason: expect.stringMatching(/b\\u001b/) }],
    ]);
    await truncate(path, 2000);
    await expect(dataset.get(2)).rejects.toMatchObject(
      dataError(/a\.tar: "[a-z]\.png": cannot be decoded: the archive has become shorter/),
    );
    await truncate(path, 0);
    await expect(dataset.get(0)).rejects.toMatchObject(
      dataError(/a\.tar: "a\.png": cannot be decoded: the archive has become shorter/),
    );
    await put('a.tar', { name: 'a.png', content: 'no image' });
    await expect(load({ onError: 'skip' })).rejects.toMatchObject(
      dataError(/is empty: no images .* can be decoded: .*"a.png"/),
    );
    await expect(dataset.get(3)).rejects.toMatchObject(dataError(/index must be an integer from 0 to 2/));
  });

  it('stops when its signal fires', async () => {
    await put('a.tar', png('a'));
    await expect(load({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });
});

describe('archives', () => {
  const sourceOf = async (options: object) => (await load(options)).labels;

  it('are those of a pattern', async () => {
    for (let i = 0; i < 12; i++) await put(`of/part-${String(i).padStart(2, '0')}.tar`, png('a'), cls('a', i));
    const of = (pattern: string) => sourceOf({ root: join(root, 'of', pattern) });
    expect(await of('part-{08..11}.tar')).toEqual(Int32Array.of(8, 9, 10, 11));
    expect(await of('part-{00,1?}.tar')).toEqual(Int32Array.of(0, 10, 11));
    expect(await of('part-0[1].tar').catch(({ code }) => code)).toBe('ERR_DATA');
    expect((await of('*.tar'))?.length).toBe(12);
    await expect(of('part-{08..12}.tar')).rejects.toMatchObject(dataError(/there is no file '.*part-12\.tar'/));
    await expect(of('x*.tar')).rejects.toMatchObject(dataError(/there are no files '.*x\*\.tar'/));
    await expect(of('*/part.tar')).rejects.toMatchObject(optionError(/may stand in the name of files only/));
    await expect(of('none/*.tar')).rejects.toMatchObject(dataError(/none' cannot be read/));
    await expect(sourceOf({ root: join(root, 'of'), split: 'test' })).rejects.toMatchObject(
      dataError(/has no archives of the split 'test'/),
    );
  });

  it('say of which split they are', async () => {
    const names = [
      'imagenet-train-000001.tar',
      'imagenet1k-validation-00.tar',
      'test.tar',
      'restraint-1.tar',
      'x_val2.tar',
    ];
    expect(names.map(splitOfShard)).toEqual(['train', 'val', 'test', undefined, 'val']);
    await put('a-train-0.tar', png('a'), cls('a', 1));
    await put('b.tar', png('b'), cls('b', 2));
    const dataset = await load();
    expect([dataset.length, dataset.leftOut]).toEqual([1, ['1 .tar file']]);
  });

  it('are written as a shell writes them', () => {
    expect(expandBraces('a')).toEqual(['a']);
    expect(expandBraces('{a,b}-{1..2}')).toEqual(['a-1', 'a-2', 'b-1', 'b-2']);
    expect(expandBraces('{009..011}')).toEqual(['009', '010', '011']);
    expect(expandBraces('{9..11}{')).toEqual(['9{', '10{', '11{']);
    expect(expandBraces('{x}{,y}')).toEqual(['{x}', '{x}y']);
    for (const [pattern, message] of [
      ['{2..1}', /the numbers of \{2\.\.1\} must rise/],
      ['{1..9999999}', /more than 1000000 files/],
      ['{1..2000}{1..2000}', /more than 1000000 files/],
    ] as const)
      expect(() => expandBraces(pattern)).toThrow(expect.objectContaining(optionError(message)));
  });
});
