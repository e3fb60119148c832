import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sampler } from '../../../lib/data/sampler.ts';
import { makeSampler, type SamplerSpec } from '../../../lib/data/samplers/samplers.ts';
import { NpyWriter } from '../../../lib/files/npy.ts';
import { tensor } from '../../../lib/tensor/tensor.ts';
import { batchesOf, withLabels } from './labelled.ts';

const [rows, dim] = [30, 3];
const values = Array.from({ length: rows }, (_, i) =>
  Array.from({ length: dim }, (_, j) => Math.sin(1 + 5 * i + 3 * j)),
);
const dataset = withLabels(values.map(() => 0));
const features = tensor(values);

const cosine = (a: readonly number[], b: readonly number[]): number => {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, k) => sum + value * (y[k] as number), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

/** The k nearest other rows, by a plain loop. */
const nearest = (row: number, k: number): number[] =>
  values
    .map((other, i) => ({ i, similarity: cosine(values[row] as number[], other) }))
    .filter(({ i }) => i !== row)
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, k)
    .map(({ i }) => i);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'negatives-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const make = (options: object): Promise<Sampler> =>
  makeSampler({ name: 'hard-negatives', ...options } as SamplerSpec, dataset, { batchSize: 8, seed: 1 });

describe('hard negatives', () => {
  it('follow a sample into its batch, nearest first, each once an epoch', async () => {
    for (const neighbours of [1, 3, 40]) {
      const sampler = await make({ features, neighbours });
      expect(sampler.length).toBe(3);
      for (const epoch of [0, 1]) {
        const used = new Set<number>();
        for (const batch of await batchesOf(sampler, epoch)) {
          let place = 0;
          while (place < 8) {
            const drawn = batch[place++] as number;
            expect(used.has(drawn)).toBe(false);
            used.add(drawn);
            for (const near of nearest(drawn, neighbours)) {
              if (place === 8 || used.has(near)) continue;
              expect(batch[place++]).toBe(near);
              used.add(near);
            }
          }
        }
        expect(used.size).toBe(24);
      }
    }
  });

  it('are nearer than the samples of a batch at random', async () => {
    const similarity = async (sampler: Sampler): Promise<number> => {
      const pairs = (await batchesOf(sampler, 0)).flatMap((batch) =>
        batch.flatMap((a, i) => batch.slice(i + 1).map((b) => cosine(values[a] as number[], values[b] as number[]))),
      );
      return pairs.reduce((sum, value) => sum + value, 0) / pairs.length;
    };
    const random = await makeSampler({ name: 'distinct', by: values.map((_, i) => i) }, dataset, { batchSize: 8 });
    expect(await similarity(await make({ features }))).toBeGreaterThan((await similarity(random)) + 0.1);
  });

  it('are the same from a file, which the config names with what is in it', async () => {
    const file = join(folder, 'features.npy');
    const writer = await NpyWriter.create(file, dim);
    for (const row of values) await writer.append(Float32Array.from(row));
    await writer.finish();
    await writer.publish();
    const [ofFile, ofTensor] = [await make({ file }), await make({ features })];
    expect(await batchesOf(ofFile, 2)).toEqual(await batchesOf(ofTensor, 2));
    const { sha256 } = ofTensor.config as { sha256: string };
    expect(ofFile.config).toEqual({ name: 'hard-negatives', neighbours: 7, file, sha256 });
    expect(ofTensor.config).toEqual({ name: 'hard-negatives', neighbours: 7, sha256 });
    expect(await batchesOf(await make(ofFile.config as object), 2)).toEqual(await batchesOf(ofFile, 2));
    await expect(make({ file, sha256: 'ab' })).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/features.npy: must be the features with sha256 ab, got [0-9a-f]{64}/),
    });
  });

  it('with equal rows are any of them, and never the sample itself', async () => {
    const sampler = await make({ features: tensor(values.map(() => [1, 2])), neighbours: 2 });
    expect(new Set((await batchesOf(sampler, 0)).flat()).size).toBe(24);
  });

  it('need a row of finite features for each sample', async () => {
    const failing = (options: object, code: string, message: RegExp) =>
      expect(make(options)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await failing({}, 'ERR_OPTION', /needs features or file, and not both/);
    await failing({ features, file: 'a.npy' }, 'ERR_OPTION', /not both/);
    await failing({ features: [[1]] }, 'ERR_OPTION', /sampler.features must be a Tensor, got an array of 1/);
    await failing({ features: tensor([1, 2]) }, 'ERR_SHAPE', /shape \(samples, dim\), got \[2\]/);
    await failing({ features: tensor([[1, 2]]) }, 'ERR_DATA', /30 rows, one a sample, got 1/);
    await failing({ file: join(folder, 'none.npy') }, 'ERR_DATA', /none.npy: cannot be read/);
    await failing({ features: tensor(values.map(() => [Number.NaN])) }, 'ERR_DATA', /finite/);
    await expect(
      makeSampler({ name: 'hard-negatives', features }, dataset, { batchSize: 8, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });
});
