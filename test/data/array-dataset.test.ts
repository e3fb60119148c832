import { describe, expect, it } from 'vitest';
import { type ArrayDatasetOptions, arrayDataset } from '../../lib/data/array-dataset.ts';

describe('arrayDataset', () => {
  it('gives views of the pixels', async () => {
    const pixels = Uint8Array.from({ length: 12 }, (_, i) => i);
    const dataset = arrayDataset(pixels, {
      shape: [2, 1, 2, 3],
      labels: Int32Array.of(4, 0),
      name: 'mine',
      source: 'here',
    });
    expect([dataset.name, dataset.length, dataset.source, dataset.classes]).toEqual(['mine', 2, 'here', undefined]);
    const sample = await dataset.get(1);
    expect(sample).toEqual({
      pixels: Uint8Array.of(6, 7, 8, 9, 10, 11),
      height: 1,
      width: 2,
      channels: 3,
      label: 0,
    });
    expect(sample.pixels.buffer).toBe(pixels.buffer);
    expect('label' in (await arrayDataset(pixels, { shape: [2, 1, 2, 3] }).get(0))).toBe(false);
  });

  it.each([-1, 2, 0.5, Number.NaN])('refuses index %s', (index) => {
    const dataset = arrayDataset(new Uint8Array(2), { shape: [2, 1, 1, 1] });
    expect(() => dataset.get(index)).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
  });

  const two = { shape: [2, 1, 1, 1] as const };
  it.each<[string, unknown, unknown, string, RegExp]>([
    [
      'floats',
      new Float32Array(2),
      two,
      'ERR_DTYPE',
      /pixels must be a Uint8Array of values 0 to 255, got .*Float32Array/,
    ],
    ['an array', [1, 2], two, 'ERR_DTYPE', /got an array of 2/],
    ['no shape', new Uint8Array(2), {}, 'ERR_SHAPE', /shape must be \[count, height, width, channels\]/],
    ['three sizes', new Uint8Array(2), { shape: [2, 1, 1] }, 'ERR_SHAPE', /shape must be .* got \[2,1,1\]/],
    ['a negative size', new Uint8Array(2), { shape: [-2, -1, 1, 1] }, 'ERR_SHAPE', /shape must be/],
    ['too few pixels', new Uint8Array(1), two, 'ERR_SHAPE', /must hold 2 × 1 × 1 × 1 = 2 values.* got 1/],
    ['images of no pixels', new Uint8Array(0), { shape: [2, 0, 1, 1] }, 'ERR_SHAPE', /at least one an image/],
    ['no images', new Uint8Array(0), { shape: [0, 1, 1, 1] }, 'ERR_DATA', /the data set is empty/],
    [
      'too few labels',
      new Uint8Array(2),
      { ...two, labels: [0] },
      'ERR_SHAPE',
      /labels must have shape \[2\].* got \[1\]/,
    ],
    [
      'a label of -1',
      new Uint8Array(2),
      { ...two, labels: [0, -1] },
      'ERR_DATA',
      /label of sample 1 must be an integer >= 0/,
    ],
    ['a label with a fraction', new Uint8Array(2), { ...two, labels: [0.5, 0] }, 'ERR_DATA', /label of sample 0/],
    [
      'a label without a class',
      new Uint8Array(2),
      { ...two, labels: [0, 1], classes: ['a'] },
      'ERR_DATA',
      /from 0 to 0, got 1/,
    ],
    ['an unknown option', new Uint8Array(2), { ...two, label: [0, 1] }, 'ERR_OPTION', /did you mean 'labels'/],
  ])('refuses %s', (_, pixels, options, code, message) => {
    expect(() => arrayDataset(pixels as Uint8Array, options as ArrayDatasetOptions)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
