import { expect, it } from 'vitest';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { concat } from '../../lib/data/concat.ts';
import { type Dataset, subset } from '../../lib/data/dataset.ts';
import { DataLoader } from '../../lib/data/loader.ts';

const grays = (values: readonly number[], labels?: readonly number[], classes?: readonly string[]): Dataset =>
  arrayDataset(Uint8Array.from(values), {
    shape: [values.length, 1, 1, 1],
    ...(labels && { labels }),
    ...(classes && { classes }),
  });

async function samplesOf(dataset: Dataset) {
  for await (const { samples } of new DataLoader(dataset, { batchSize: dataset.length }).epoch(0))
    return samples.map(({ pixels, label, id }) => [pixels[0], label, id]);
  return [];
}

it('puts one behind the other, with ids of their own, and matches classes by name', async () => {
  const first = grays([10, 11], [1, 0], ['cat', 'dog']);
  const second = grays([20, 21, 22], [0, 1, 2], ['fox', 'dog', 'ant']);
  const all = concat([first, second]);
  expect([all.name, all.length, all.classes, all.labels]).toEqual([
    'array',
    5,
    ['cat', 'dog', 'fox', 'ant'],
    [1, 0, 2, 1, 3],
  ]);
  expect(await samplesOf(all)).toEqual([
    [10, 1, 0],
    [11, 0, 1],
    [20, 2, 2],
    [21, 1, 3],
    [22, 3, 4],
  ]);
  await expect(Promise.resolve().then(() => all.get(5))).rejects.toMatchObject({ code: 'ERR_DATA' });
});

it('leaves out ids that were stated: those of two sources would meet', async () => {
  const stated: Dataset = {
    name: 'stated',
    length: 2,
    get: async (i) => ({ ...(await grays([1, 2]).get(i)), id: 7 + i }),
  };
  expect((await samplesOf(concat([stated, stated]))).map(([, , id]) => id)).toEqual([0, 1, 2, 3]);
});

it('keeps numbers as labels where no set has names, and none where some have', async () => {
  const numbered = grays([1], [4]);
  const whole = concat([numbered, grays([2], [6])]);
  expect([whole.labels, whole.classes, (await whole.get(1)).label]).toEqual([[4, 6], undefined, 6]);
  const mixed = concat([grays([1], [0], ['cat']), numbered]);
  expect([mixed.labels, mixed.classes, (await mixed.get(0)).label, (await mixed.get(1)).label]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect(concat([numbered, grays([3])]).labels).toBeUndefined();
});

it('says where it came from, and goes with subset', async () => {
  const left: Dataset = { ...grays([1]), leftOut: ['2 .bmp files'] };
  const all = concat([left, { ...grays([2]), name: 'other', source: 'disk' }]);
  expect([all.name, all.source, all.leftOut]).toEqual(['array + other', 'memory and disk', ['2 .bmp files']]);
  expect((await subset(all, [1]).get(0)).pixels[0]).toBe(2);
});

it('refuses none', () => {
  for (const wrong of [[], undefined, grays([1])])
    expect(() => concat(wrong as never)).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
  expect(() => concat([{} as never])).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
});
