import { describe, expect, it } from 'vitest';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { balancedSubset } from '../../lib/data/balanced-subset.ts';
import { checkDataset, type Dataset, subset } from '../../lib/data/dataset.ts';
import { readLabels } from '../../lib/data/labels.ts';

/** `counts[c]` samples of class c, in a row. */
function dataset(counts: readonly number[], classes?: readonly string[]): Dataset {
  const labels = counts.flatMap((count, label) => new Array<number>(count).fill(label));
  const shape = [labels.length, 1, 1, 1] as const;
  const whole = arrayDataset(Uint8Array.from(labels), { shape, labels, ...(classes && { classes }) });
  return { ...whole, get: async (index) => ({ ...(await whole.get(index)), id: index }) };
}

/** The same without `labels`, which then have to be read with the samples. */
const unlisted = ({ name, length, get }: Dataset): Dataset => ({ name, length, get: async (index) => get(index) });

/** Which samples of the whole a part holds: each states its index. */
const idsOf = (part: Dataset): Promise<number[]> =>
  Promise.all(Array.from({ length: part.length }, async (_, i) => (await part.get(i)).id as number));

const countsOf = async (part: Dataset): Promise<number[]> => {
  const counts: number[] = [];
  for (const label of await readLabels(part)) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
};

describe('balancedSubset', () => {
  it('takes a share of every class, at least one sample', async () => {
    const part = await balancedSubset(dataset([100, 40, 3, 1000]), { fraction: 0.1 });
    expect(await countsOf(part)).toEqual([10, 4, 1, 100]);
    expect(part.length).toBe(115);
  });

  it('takes equally many of every class', async () => {
    const part = await balancedSubset(dataset([30, 5, 12], ['a', 'b', 'c']), { perClass: 5 });
    expect([await countsOf(part), part.classes]).toEqual([
      [5, 5, 5],
      ['a', 'b', 'c'],
    ]);
  });

  it('keeps the order, and is a function of the seed; a smaller part lies inside a larger one', async () => {
    const whole = dataset([200, 200]);
    const ids = async (fraction: number, seed: number) => idsOf(await balancedSubset(whole, { fraction, seed }));
    const [few, more] = [await ids(0.02, 7), await ids(0.2, 7)];
    expect(more).toEqual(more.toSorted((a, b) => a - b));
    expect(few.every((id) => more.includes(id))).toBe(true);
    expect(await ids(0.2, 7)).toEqual(more);
    expect(await ids(0.2, 8)).not.toEqual(more);
    expect(await ids(1, 3)).toEqual(Array.from({ length: 400 }, (_, i) => i));
  });

  it('draws every sample of a class alike', async () => {
    const whole = dataset([40]);
    const drawn = new Array<number>(40).fill(0);
    for (let seed = 0; seed < 2000; seed++)
      for (const id of await idsOf(await balancedSubset(whole, { perClass: 4, seed }))) (drawn[id] as number)++;
    // 200 expected of each; five standard deviations of the binomial distribution are 67.
    for (const count of drawn) expect(Math.abs(count - 200)).toBeLessThan(67);
  });

  it('reads labels that the data set does not list', async () => {
    const whole = dataset([10, 30]);
    const options = { fraction: 0.3, seed: 2 };
    expect(await idsOf(await balancedSubset(unlisted(whole), options))).toEqual(
      await idsOf(await balancedSubset(whole, options)),
    );
    await expect(balancedSubset(unlisted(whole), { ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });

  it('refuses what makes no part', async () => {
    const whole = dataset([4, 2], ['cat', 'dog']);
    const failing = (options: object, code: string, message: RegExp, data = whole) =>
      expect(balancedSubset(data, options)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await failing({}, 'ERR_OPTION', /fraction or perClass, and not both/);
    await failing({ fraction: 0.5, perClass: 1 }, 'ERR_OPTION', /not both/);
    await failing({ fraction: 0 }, 'ERR_OPTION', /fraction must be/);
    await failing({ fraction: 1.5 }, 'ERR_OPTION', /fraction must be/);
    await failing({ perClass: 0.5 }, 'ERR_OPTION', /perClass must be/);
    await failing({ perClas: 1 }, 'ERR_OPTION', /did you mean 'perClass'/);
    await failing({ perClass: 3 }, 'ERR_DATA', /at most the 2 samples of class 'dog', got 3/);
    const unlabelled = arrayDataset(new Uint8Array(3), { shape: [3, 1, 1, 1] });
    await failing({ fraction: 0.5 }, 'ERR_DATA', /sample 0 must have a label/, unlabelled);
  });
});

describe('labels of a data set', () => {
  it('go with a subset', async () => {
    const part = subset(dataset([2, 3]), [4, 0]);
    expect(Array.from(part.labels ?? [])).toEqual([1, 0]);
    expect(Array.from(await readLabels(part))).toEqual([1, 0]);
  });

  it('must be one a sample, integers from 0', async () => {
    const whole = dataset([2, 3]);
    expect(() => checkDataset({ ...whole, labels: [1] })).toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(/labels must hold 5 labels.*got 1/) }),
    );
    await expect(readLabels({ ...whole, labels: [0, 1, 0, -1, 0] })).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/sample 3 must have a label, an integer >= 0, got -1/),
    });
  });
});
