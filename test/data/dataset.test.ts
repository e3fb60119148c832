import { describe, expect, it } from 'vitest';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { checkDataset, checkSample, type Dataset, describeDataset, subset } from '../../lib/data/dataset.ts';
import { DataLoader } from '../../lib/data/loader.ts';

const sample = { pixels: new Uint8Array(12), height: 2, width: 2, channels: 3, id: 0 };
const dataset: Dataset = { name: 'mine', length: 3, get: (id) => ({ ...sample, id }) };

describe('checkDataset', () => {
  it('accepts what a user writes, also as a class', () => {
    class Mine implements Dataset {
      readonly name = 'mine';
      readonly length = 1;
      get(id: number) {
        return { ...sample, id };
      }
    }
    const mine = new Mine();
    expect(checkDataset(mine)).toBe(mine);
    expect(checkDataset(dataset)).toBe(dataset);
  });

  it.each<[unknown, RegExp]>([
    [undefined, /dataset must be an object with name, length and get\(index\), got undefined/],
    ['fashion-mnist', /dataset must be an object .* got 'fashion-mnist' \(string\)/],
    [{ ...dataset, name: '' }, /dataset\.name must be a non-empty string/],
    [{ ...dataset, get: undefined }, /mine: dataset\.get must be a function \(index\) => Sample, got undefined/],
    [{ ...dataset, length: undefined }, /mine: dataset\.length must be a non-negative integer, got undefined/],
    [{ ...dataset, length: 1.5 }, /dataset\.length must be a non-negative integer, got 1\.5/],
    [{ ...dataset, length: 0 }, /mine: the data set is empty/],
    [{ ...dataset, classes: 10 }, /dataset\.classes must be an array of strings, got 10/],
    [{ ...dataset, classes: [1] }, /dataset\.classes must be an array of strings/],
  ])('refuses %j', (value, message) => {
    expect(() => checkDataset(value)).toThrow(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(message) }),
    );
  });
});

describe('checkSample', () => {
  it('accepts a sample, with a label or without', () => {
    expect(checkSample(sample, 'x')).toBe(sample);
    checkSample({ ...sample, label: 0, id: 2 ** 40 }, 'x');
    checkSample({ ...sample, label: undefined }, 'x');
  });

  it.each<[string, unknown, string, RegExp]>([
    ['null', null, 'ERR_DATA', /mine: sample 4 must be \{ pixels, .* got null/],
    ['no pixels', { ...sample, pixels: undefined }, 'ERR_DATA', /pixels must be a Uint8Array.* got undefined/],
    ['float pixels', { ...sample, pixels: new Float32Array(12) }, 'ERR_DATA', /got an object of type Float32Array/],
    ['no height', { ...sample, height: 0 }, 'ERR_DATA', /height must be an integer >= 1, got 0/],
    ['half a width', { ...sample, width: 0.5 }, 'ERR_DATA', /width must be an integer/],
    ['no channels', { ...sample, channels: undefined }, 'ERR_DATA', /channels must be an integer/],
    ['other pixels', { ...sample, pixels: new Uint8Array(4) }, 'ERR_SHAPE', /must hold 2 × 2 × 3 = 12 values, got 4/],
    ['half an id', { ...sample, id: 0.5 }, 'ERR_DATA', /id must be an integer >= 0 or undefined, got 0.5/],
    ['a label of -1', { ...sample, label: -1 }, 'ERR_DATA', /label must be an integer >= 0 or undefined, got -1/],
    ['a label in words', { ...sample, label: 'cat' }, 'ERR_DATA', /label must be/],
  ])('refuses %s', (_, value, code, message) => {
    expect(() => checkSample(value, 'mine: sample 4')).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});

describe('subset', () => {
  const whole = arrayDataset(Uint8Array.of(0, 1, 2, 3), {
    shape: [4, 1, 1, 1],
    labels: [0, 1, 0, 1],
    classes: ['a', 'b'],
  });

  it('takes samples in the order asked for, with their labels and class names', async () => {
    const part = subset(whole, [3, 1, 1]);
    expect([part.name, part.length, part.classes, part.source]).toEqual(['array', 3, ['a', 'b'], 'memory']);
    expect(await part.get(0)).toMatchObject({ label: 1, pixels: Uint8Array.of(3) });
    expect((await subset(part, Uint32Array.of(1)).get(0)).pixels).toEqual(Uint8Array.of(1));
  });

  it('keeps ids that samples state, but for copies, which are samples of their own', async () => {
    expect((await subset(dataset, [2, 0]).get(0)).id).toBe(2);
    const copies = subset(dataset, [2, 0, 2]);
    for await (const { samples } of new DataLoader(copies, { batchSize: 3 }).epoch(0))
      expect(samples.map(({ id }) => id)).toEqual([0, 1, 2]);
  });

  it('refuses no indices, and ones outside', () => {
    const error = (message: RegExp) =>
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(message) });
    expect(() => subset(whole, [])).toThrow(error(/the subset is empty/));
    for (const index of [-1, 4, 0.5, Number.NaN])
      expect(() => subset(whole, [index])).toThrow(error(/subset index must be an integer from 0 to 3/));
    expect(() => subset(whole, [0]).get(1)).toThrow(error(/index must be an integer from 0 to 0, got 1/));
  });
});

describe('describeDataset', () => {
  it('says what the first sample shows', async () => {
    const classes = ['a', 'b'];
    const described = await describeDataset(
      arrayDataset(new Uint8Array(24), { shape: [2, 2, 2, 3], labels: [0, 1], classes }),
    );
    expect(described).toEqual({
      name: 'array',
      length: 2,
      source: 'memory',
      classes,
      labelled: true,
      image: { height: 2, width: 2, channels: 3 },
      text: 'array: 2 images, the first 2×2×3, 2 classes (a 1, b 1), from memory',
    });
    const some = {
      ...dataset,
      labels: [0, 3, 0],
      classes: ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
      leftOut: ['3 .bmp files', "'x' without images"],
    };
    expect((await describeDataset(some)).text).toBe(
      "mine: 3 images, the first 2×2×3, 2 of 7 classes (a 2, b 0, c 0, d 1, e 0, f 0, …); left out: 3 .bmp files, 'x' without images",
    );
    expect((await describeDataset(subset(some, [0]))).leftOut).toEqual(some.leftOut);
    expect((await describeDataset(dataset)).text).toBe('mine: 3 images, the first 2×2×3, no labels');
    const labelled: Dataset = { ...dataset, get: (id) => ({ ...sample, id, label: 1 }) };
    expect((await describeDataset(labelled)).text).toMatch(/, labelled$/);
  });

  it('rejects a sample that is not one', async () => {
    const wrong = { ...dataset, get: () => ({ ...sample, pixels: new Uint8Array(1) }) };
    await expect(describeDataset(wrong)).rejects.toMatchObject({ code: 'ERR_SHAPE' });
  });
});
