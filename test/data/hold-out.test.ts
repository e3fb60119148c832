import { describe, expect, it } from 'vitest';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import type { Dataset } from '../../lib/data/dataset.ts';
import { holdOut } from '../../lib/data/hold-out.ts';

/** `counts[c]` samples of class c, in a row; each states its index as its id. */
function dataset(counts: readonly number[]): Dataset {
  const labels = counts.flatMap((count, label) => new Array<number>(count).fill(label));
  const whole = arrayDataset(Uint8Array.from(labels), { shape: [labels.length, 1, 1, 1], labels });
  return { ...whole, get: async (index) => ({ ...(await whole.get(index)), id: index }) };
}

const idsOf = (part: Dataset): Promise<number[]> =>
  Promise.all(Array.from({ length: part.length }, async (_, i) => (await part.get(i)).id as number));

const countsOf = ({ labels = [] }: Dataset): number[] => {
  const counts: number[] = [];
  for (const label of Array.from(labels)) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
};

describe('holdOut', () => {
  it('puts a share of each class aside, at least one sample and not the last one', async () => {
    const { train, test } = await holdOut(dataset([15, 40, 2, 1]));
    expect([countsOf(train), countsOf(test)]).toEqual([
      [12, 32, 1, 1],
      [3, 8, 1],
    ]);
  });

  it('parts the whole in two, in its order, as a function of the seed', async () => {
    const whole = dataset([20, 30]);
    const parts = async (seed: number) => {
      const { train, test } = await holdOut(whole, { fraction: 0.3, seed });
      return [await idsOf(train), await idsOf(test)] as const;
    };
    const [train, test] = await parts(3);
    expect([...train, ...test].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    for (const ids of [train, test]) expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect(await parts(3)).toEqual([train, test]);
    expect(await parts(4)).not.toEqual([train, test]);
  });

  it.each([
    [dataset([1, 1]), {}, 'ERR_DATA', 'none of its 2 classes has two samples'],
    [
      {
        ...dataset([2]),
        labels: undefined,
        get: () => ({ pixels: new Uint8Array(1), height: 1, width: 1, channels: 1 }),
      },
      {},
      'ERR_DATA',
      'must have a label',
    ],
    [dataset([5]), { fraction: 0 }, 'ERR_OPTION', 'fraction must be'],
    [dataset([5]), { fraction: 1 }, 'ERR_OPTION', 'fraction must be'],
    [dataset([5]), { seed: -1 }, 'ERR_OPTION', 'seed must be'],
    [dataset([5]), { share: 1 }, 'ERR_OPTION', "unknown option 'share'"],
  ])('refuses what it cannot part %#', async (data, options, code, message) => {
    await expect(holdOut(data as Dataset, options as object)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });
});
