import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadClassifier } from '../../lib/classify/load-classifier.ts';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { classificationOf, createClassifier } from '../../lib/serve/image-classifier.ts';
import { memory, sync } from '../../lib/tensor/runtime.ts';
import { collect } from '../collect.ts';
import { writeTinyRun } from './tiny-run.ts';

const fixture = (name: string): Promise<Buffer> =>
  readFile(fileURLToPath(new URL(`../fixtures/data/images/${name}`, import.meta.url)));

const classes = ['rose', 'tulip', 'daisy'];
let folder: string;
let checkpoint: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-classifier-'));
  checkpoint = await writeTinyRun(folder, { classes });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The k-th image: 16 × 16 RGB. */
const raw = (k: number) => ({
  data: Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * i * (k + 3) + i * 7) % 256),
  width: 16,
  height: 16,
  channels: 3 as const,
});

describe('a classifier of a run', () => {
  test('names images as the classifier of the run predicts them on a data set', async () => {
    await using classifier = await createClassifier({ checkpoint });
    expect(classifier.classes).toEqual(classes);
    const images = [raw(0), raw(1), raw(2)];
    using oracle = await loadClassifier({ checkpoint });
    const pixels = Uint8Array.from(images.flatMap(({ data }) => [...data]));
    const expected = await oracle.predict(arrayDataset(pixels, { shape: [3, 16, 16, 3] }));
    const named = await classifier.classify(images);
    for (const [i, { label, confidence, runnerUp, probabilities, ...rest }] of named.entries()) {
      expect([label, rest.class]).toEqual([expected.predictions[i], classes[label]]);
      expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      probabilities.forEach((value, c) => {
        expect(value).toBeCloseTo(expected.probabilities[3 * i + c] as number, 5);
      });
      const [most, next] = [...probabilities].sort((a, b) => b - a);
      expect([confidence, runnerUp?.confidence]).toEqual([most, next]);
    }
  });

  test('takes bytes and paths, and embeds too, to the features before its own head', async () => {
    await using classifier = await createClassifier({ checkpoint, normalize: true });
    const bytes = await fixture('rgb.png');
    const file = join(folder, 'image.png');
    await writeFile(file, bytes);
    const named = await classifier.classify(bytes);
    expect(await classifier.classifyFile(file)).toEqual(named);
    expect(await classifier.classifyFile([file])).toEqual([named]);
    const [vector, again] = await Promise.all([classifier.embed(bytes), classifier.classify(bytes)]);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    expect(vector).toHaveLength(classifier.dim);
    expect(again.label).toBe(named.label);
    await using plain = await createClassifier({ checkpoint }); // the scale of the vectors is nothing to the classes
    expect(await plain.classify(bytes)).toEqual(named);
  });

  test('refuses one image without harm to others, and stops by a signal', async () => {
    await using classifier = await createClassifier({ checkpoint });
    const [bad, good] = await Promise.allSettled([
      classifier.classify(await fixture('not-an-image.png')),
      classifier.classify(raw(0)),
    ]);
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'ERR_DATA' } });
    expect(good).toMatchObject({ status: 'fulfilled' });
    await expect(classifier.classify([raw(0), new Uint8Array(9)])).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/^inputs\[1\]: /),
    });
    await expect(classifier.classify('cat.jpg' as never)).rejects.toMatchObject({
      message: expect.stringContaining('paths of files go to embedFile() or classifyFile()'),
    });
    const signal = AbortSignal.abort();
    await expect(classifier.classify(raw(0), { signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await expect(classifier.classify(raw(0), { top: 5 } as never)).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });

  test('opens no run without a classifier, nor one whose names do not fit', async () => {
    const bare = await writeTinyRun(join(folder, 'bare'));
    await expect(createClassifier({ checkpoint: bare })).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/holds no classifier \(its method is "supcon"\)/),
    });
    const odd = await writeTinyRun(join(folder, 'odd'), { classes });
    const config = JSON.parse(await readFile(join(odd, 'config.json'), 'utf8'));
    await writeFile(join(odd, 'config.json'), JSON.stringify({ ...config, classes: ['rose'] }));
    await expect(createClassifier({ checkpoint: odd })).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringContaining('must name the 3 classes, got 1 names'),
    });
    await expect(createClassifier({} as never)).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(createClassifier({ checkpoint, weights: 'x.pth' } as never)).rejects.toMatchObject({
      code: 'ERR_OPTION',
    });
  });

  test('frees what it holds', async () => {
    await sync();
    await collect();
    const before = memory().tensors;
    const classifier = await createClassifier({ checkpoint });
    await classifier.classify(raw(0));
    await classifier.close();
    await sync();
    expect(memory().tensors).toBe(before);
    await expect(classifier.classify(raw(0))).rejects.toMatchObject({ code: 'ERR_STATE' });
  });
});

describe('the most probable classes', () => {
  const named = (...values: number[]) => classificationOf(Float32Array.from(values), ['a', 'b', 'c']);

  test('are the largest and the next, of equals the first', () => {
    expect(named(0.25, 0.5, 0.25)).toMatchObject({ class: 'b', label: 1, confidence: 0.5, runnerUp: { class: 'a' } });
    expect(named(0.5, 0.5, 0)).toMatchObject({ class: 'a', runnerUp: { class: 'b', label: 1, confidence: 0.5 } });
    expect(named(0, 0.25, 0.75)).toMatchObject({ class: 'c', runnerUp: { class: 'b' } });
  });

  test('have no runner-up where there is one class', () => {
    expect(classificationOf(Float32Array.of(1), ['only'])).toEqual({
      ...{ class: 'only', label: 0, confidence: 1 },
      probabilities: Float32Array.of(1),
    });
  });
});
