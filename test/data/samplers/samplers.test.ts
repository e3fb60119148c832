import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataLoader } from '../../../lib/data/loader.ts';
import type { SamplerFunction } from '../../../lib/data/samplers/custom.ts';
import { makeSampler, type SamplerSpec } from '../../../lib/data/samplers/samplers.ts';
import { tensor } from '../../../lib/tensor/tensor.ts';
import { batchesOf, countsOf, mixedLabels, withLabels } from './labelled.ts';

const labels = mixedLabels([9, 6, 12, 8, 15]);
const dataset = withLabels(labels);
const labelOf = (index: number): number => labels[index] as number;

/** One of each, of batches of 6. */
const each: [SamplerSpec | SamplerFunction][] = [
  [{ name: 'class-balanced', classes: 3, perClass: 2 }],
  [{ name: 'weighted' }],
  [{ name: 'weighted', weights: labels.map((label) => label) }],
  [{ name: 'subset', indices: labels.flatMap((label, i) => (label === 4 ? [i] : [])) }],
  [{ name: 'distinct', by: labels.map((_, i) => Math.floor(i / 2)) }],
  [{ name: 'hard-negatives', features: tensor(labels.map((label, i) => [label, 1 + i])), neighbours: 2 }],
  [({ epoch, random }) => labels.map(() => Math.floor(random() * labels.length * ((epoch % 2) + 1)) % labels.length)],
];

describe('every sampler', () => {
  it.each(each)('gives batches of the size, of indices into the data set: %j', async (spec) => {
    const sampler = await makeSampler(spec, dataset, { batchSize: 6, seed: 2 });
    for (const epoch of [0, 1, 7]) {
      const batches = await batchesOf(sampler, epoch);
      expect(batches).toHaveLength(sampler.length);
      for (const batch of batches) {
        expect(batch).toHaveLength(6);
        for (const index of batch) expect(index).toBeLessThan(labels.length);
      }
    }
  });

  it.each(each)('is a function of seed and epoch: %j', async (spec) => {
    const [one, same, other] = await Promise.all(
      [2, 2, 3].map((seed) => makeSampler(spec, dataset, { batchSize: 6, seed })),
    );
    if (!one || !same || !other) throw new Error('unreachable');
    await batchesOf(one, 5); // what was asked for before does not matter
    expect(await batchesOf(one, 1)).toEqual(await batchesOf(same, 1));
    expect(await batchesOf(one, 1)).not.toEqual(await batchesOf(one, 2));
    expect(await batchesOf(one, 1)).not.toEqual(await batchesOf(other, 1));
  });

  it.each(each)('goes on in the middle of an epoch with the rest of it: %j', async (spec) => {
    const loader = new DataLoader(dataset, { sampler: await makeSampler(spec, dataset, { batchSize: 6 }) });
    const idsFrom = async (startStep: number): Promise<number[][]> => {
      const all: number[][] = [];
      for await (const { samples } of loader.epoch(3, { startStep })) all.push(samples.map(({ id }) => id));
      return all;
    };
    const whole = await idsFrom(0);
    expect(whole).toHaveLength(loader.length);
    expect(await idsFrom(1)).toEqual(whole.slice(1));
  });

  it('says what it was made of', async () => {
    const configOf = async (spec: SamplerSpec | SamplerFunction): Promise<unknown> =>
      JSON.parse(JSON.stringify((await makeSampler(spec, dataset, { batchSize: 6 })).config));
    const balanced = { name: 'class-balanced', classes: 3, perClass: 2 } as const;
    expect(await configOf(balanced)).toEqual(balanced);
    expect(await configOf({ name: 'weighted' })).toEqual({ name: 'weighted' });
    expect(await configOf({ name: 'distinct', by: labels.map((_, i) => i) })).toMatchObject({ name: 'distinct' });
    expect(await configOf(() => labels.map((_, i) => i))).toEqual({ name: 'custom' });
  });

  it('makes errors that name what is wrong', async () => {
    const failing = async (spec: object | SamplerFunction, code: string, message: RegExp, batchSize = 6) =>
      expect(makeSampler(spec as SamplerSpec, dataset, { batchSize })).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    await failing({ name: 'balanced' }, 'ERR_OPTION', /sampler.name must be one of 'class-balanced'/);
    await failing({ name: 'weighted', weigths: [] }, 'ERR_OPTION', /did you mean 'weights'/);
    await failing({ name: 'class-balanced', classes: 3 }, 'ERR_OPTION', /sampler.perClass must be an integer >= 1/);
    await failing({ name: 'class-balanced', classes: 3, perClass: 3 }, 'ERR_OPTION', /the 3 · 3 samples.*got 6/);
    await failing({ name: 'class-balanced', classes: 6, perClass: 1 }, 'ERR_DATA', /at most its 5 classes, got 6/);
    await failing(
      { name: 'class-balanced', classes: 1, perClass: 7 },
      'ERR_DATA',
      /the 6 samples of class '1', got 7/,
      7,
    );
    await failing({ name: 'weighted', weights: [1] }, 'ERR_DATA', /must hold 50 weights, one a sample, got 1/);
    await failing(
      { name: 'weighted', weights: [-1] },
      'ERR_OPTION',
      /sampler.weights\[0\] must be a finite number >= 0/,
    );
    await failing({ name: 'weighted', weights: labels.map((_, i) => +(i < 5)) }, 'ERR_DATA', /the 6 samples.*got 5/);
    await failing({ name: 'subset' }, 'ERR_OPTION', /sampler.indices must be an array of numbers, got undefined/);
    await failing({ name: 'subset', indices: [1, 1] }, 'ERR_OPTION', /must not hold an index twice/);
    await failing({ name: 'subset', indices: [50] }, 'ERR_DATA', /must be below 50, got 50/);
    await failing({ name: 'subset', indices: [1, 2] }, 'ERR_DATA', /at least the 6 samples of a batch, got 2/);
    await failing({ name: 'distinct', by: 'name' }, 'ERR_OPTION', /must be 'label', 'id' or an array.*'name'/);
    await failing({ name: 'distinct', by: [1] }, 'ERR_DATA', /must hold 50 numbers, one a sample, got 1/);
    await failing({ name: 'distinct' }, 'ERR_DATA', /needs as many groups, and there are 5/);
    await failing(() => [50], 'ERR_DATA', /integers from 0 to 49, got 50/);
    await failing(() => [0.5], 'ERR_DATA', /integers from 0 to 49, got 0.5/);
    await failing(() => [1, 2, 3], 'ERR_DATA', /gave no full batch of 6/);
    await failing(() => [[1, 2, 3]], 'ERR_DATA', /batches of 6, got 3 in batch 0/);
    await failing(() => 5 as never, 'ERR_DATA', /array of indices or of batches, got 5/);
    await failing({ name: 'weighted' }, 'ERR_OPTION', /batchSize must be an integer >= 1, got 0/, 0);
    const unlabelled = { ...dataset, labels: undefined, get: () => ({ ...dataset.get(0), label: undefined }) };
    await expect(makeSampler({ name: 'weighted' }, unlabelled as never, { batchSize: 2 })).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/must have a label/),
    });
  });
});

describe('a class-balanced sampler', () => {
  it('gives P classes and K different samples of each', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 4, max: 20 }), { minLength: 3, maxLength: 8 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(),
        async (counts, classes, perClass, epoch) => {
          const all = mixedLabels(counts);
          const sampler = await makeSampler({ name: 'class-balanced', classes, perClass }, withLabels(all));
          expect(sampler.length).toBe(Math.floor(all.length / (classes * perClass)));
          for (const batch of await batchesOf(sampler, epoch)) {
            expect(new Set(batch).size).toBe(classes * perClass);
            const counted = countsOf(batch.map((index) => all[index] as number));
            expect([...counted.values()]).toEqual(new Array(classes).fill(perClass));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('takes classes, and the samples of a class, equally often', async () => {
    const sampler = await makeSampler({ name: 'class-balanced', classes: 2, perClass: 3 }, dataset);
    const drawn = (await batchesOf(sampler, 0)).flat();
    const ofClasses = [...countsOf(drawn.map(labelOf)).values()];
    expect(Math.max(...ofClasses) - Math.min(...ofClasses)).toBeLessThanOrEqual(3); // one deal
    const perSample = countsOf(drawn);
    for (let label = 0; label < 5; label++) {
      const own = labels.flatMap((of, i) => (of === label ? [perSample.get(i) ?? 0] : []));
      expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(1);
    }
  });

  it('decides the batch size', async () => {
    const [batch] = await batchesOf(await makeSampler({ name: 'class-balanced', classes: 4, perClass: 3 }, dataset), 0);
    expect(batch).toHaveLength(12);
  });
});

describe('a weighted sampler', () => {
  it('draws in proportion, none twice in a batch, and never a weight of 0', async () => {
    const weights = [1, 2, 3, 4, 0, 10];
    const data = withLabels(weights.map(() => 0));
    // Two of a batch without putting back: sample i is there with p_i + Σ_{j≠i} p_j · p_i / (1 − p_j).
    const p = weights.map((weight) => weight / 20);
    const expected = p.map((own, i) =>
      p.reduce((sum, other, j) => (j === i ? sum : sum + (other * own) / (1 - other)), own),
    );
    const sampler = await makeSampler({ name: 'weighted', weights }, data, { batchSize: 2, seed: 4 });
    const epochs = 3000;
    const counts = new Array(6).fill(0);
    for (let epoch = 0; epoch < epochs; epoch++)
      for (const batch of await batchesOf(sampler, epoch)) {
        expect(new Set(batch).size).toBe(2);
        for (const index of batch) counts[index]++;
      }
    const batches = epochs * sampler.length;
    for (const [i, share] of expected.entries()) {
      const deviation = Math.sqrt((share * (1 - share)) / batches);
      expect(Math.abs(counts[i] / batches - share)).toBeLessThanOrEqual(4 * deviation);
    }
  });

  it('draws classes equally often by default', async () => {
    const sampler = await makeSampler({ name: 'weighted' }, dataset, { batchSize: 1 });
    const drawn: number[] = [];
    for (let epoch = 0; epoch < 200; epoch++) drawn.push(...(await batchesOf(sampler, epoch)).flat());
    for (const count of countsOf(drawn.map(labelOf)).values())
      expect(Math.abs(count - 2000)).toBeLessThan(4 * Math.sqrt(10_000 * 0.2 * 0.8));
  });

  it('survives weights of any size', async () => {
    const weights = [1e300, 1e-300, 5e-324, 1, 0];
    const sampler = await makeSampler({ name: 'weighted', weights }, withLabels([0, 0, 0, 0, 0]), { batchSize: 4 });
    expect((await batchesOf(sampler, 0))[0]?.sort()).toEqual([0, 1, 2, 3]);
  });
});

describe('a distinct sampler', () => {
  it('never puts two of a group into a batch, nor a sample into two, and fills as many batches as can be', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 4, maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(),
        async (counts, batchSize, epoch) => {
          const all = mixedLabels(counts);
          const sampler = await makeSampler({ name: 'distinct' }, withLabels(all), { batchSize });
          const batches = await batchesOf(sampler, epoch);
          for (const batch of batches) expect(new Set(batch.map((index) => all[index])).size).toBe(batchSize);
          expect(new Set(batches.flat()).size).toBe(sampler.length * batchSize);
          // One batch more would need more samples than the groups can give it.
          const more = sampler.length + 1;
          expect(counts.reduce((sum, count) => sum + Math.min(count, more), 0)).toBeLessThan(more * batchSize);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('tells groups by ids, and by numbers', async () => {
    const twice = [0, 1, 2, 3, 0, 1, 2, 3];
    const ofIds = {
      ...withLabels(twice),
      get: (index: number) => ({ ...sampleAt(index), id: twice[index] as number }),
    };
    const sampleAt = (index: number) => ({ pixels: Uint8Array.of(index), height: 1, width: 1, channels: 1 });
    for (const by of ['id', twice] as const) {
      const sampler = await makeSampler({ name: 'distinct', by }, ofIds, { batchSize: 4 });
      for (const batch of await batchesOf(sampler, 0))
        expect(batch.map((index) => twice[index]).sort()).toEqual([0, 1, 2, 3]);
    }
  });

  it('with as many groups as samples takes each sample once', async () => {
    const sampler = await makeSampler({ name: 'distinct', by: labels.map((_, i) => i) }, dataset, { batchSize: 5 });
    expect(new Set((await batchesOf(sampler, 0)).flat()).size).toBe(50);
  });
});

describe('a subset sampler', () => {
  it('takes the samples that it is told', async () => {
    const indices = [3, 8, 5, 40];
    const sampler = await makeSampler({ name: 'subset', indices }, dataset, { batchSize: 2 });
    expect((await batchesOf(sampler, 0)).flat().sort((a, b) => a - b)).toEqual([3, 5, 8, 40]);
  });
});

describe('a sampler function', () => {
  it('gives indices in one row, or batches, now or later', async () => {
    const row = [5, 4, 3, 2, 1, 0];
    for (const given of [
      row,
      [
        [5, 4],
        [3, 2],
        [1, 0],
      ],
      [Uint32Array.of(5, 4), [3, 2], [1, 0]],
    ] as never[])
      for (const sample of [() => given, async () => given]) {
        const sampler = await makeSampler(sample, dataset, { batchSize: 2 });
        expect(await batchesOf(sampler, 0)).toEqual([
          [5, 4],
          [3, 2],
          [1, 0],
        ]);
      }
  });

  it('is told the epoch, the seed, the size, the data and random numbers', async () => {
    const seen: unknown[] = [];
    const sample: SamplerFunction = ({ random, ...rest }) => {
      seen.push({ ...rest, numbers: [random(), random()] });
      return [0, 1];
    };
    const sampler = await makeSampler(sample, dataset, { batchSize: 2, seed: 9 });
    await sampler.batches(4);
    expect(seen).toEqual(
      [0, 4].map((epoch) => ({ epoch, seed: 9, batchSize: 2, dataset, numbers: expect.any(Array) })),
    );
    const numbers = seen.flatMap((call) => (call as { numbers: number[] }).numbers);
    expect(new Set(numbers).size).toBe(4);
    for (const number of numbers) expect(number >= 0 && number < 1).toBe(true);
  });

  it('has to give as many batches for each epoch', async () => {
    const sampler = await makeSampler(({ epoch }) => new Array(6 - 2 * epoch).fill(0), dataset, { batchSize: 2 });
    await expect(sampler.batches(1)).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/3 batches as for epoch 0, got 2 for epoch 1/),
    });
  });
});
