import { describe, expect, test } from 'vitest';
import { presets } from '../../lib/augment/presets.ts';
import { arrayDataset } from '../../lib/data/array-dataset.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { extractFeatures } from '../../lib/evaluate/features.ts';
import * as nn from '../../lib/nn/index.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import { collect } from '../collect.ts';

const count = 7;
const pixels = Uint8Array.from({ length: count * 8 * 8 * 3 }, (_, i) => (i * i * 7 + i) % 256);
const labels = [0, 1, 2, 0, 1, 2, 0];
const dataset = arrayDataset(pixels, { shape: [count, 8, 8, 3], labels });
const evaluation = presets.evaluation({ size: 8, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] });
const encoder = resnet18({ stem: 'cifar', width: 4, seed: 1 });

describe('extractFeatures', () => {
  test('is the encoder in evaluation mode, whatever the batch size, in order', async () => {
    encoder.train(true);
    const { features, labels: found } = await extractFeatures(encoder, dataset, { evaluation, batchSize: 3 });
    expect(encoder.training).toBe(true);
    expect([features.shape, features.dtype, features.requiresGrad]).toEqual([[count, 32], 'float32', false]);
    expect(Array.from(found ?? [])).toEqual(labels);
    const samples = await Promise.all(Array.from({ length: count }, (_, i) => dataset.get(i)));
    encoder.train(false);
    const whole = noGrad(() => encoder.forward(evaluation.apply(samples, { seed: 0 })));
    const expected = whole.dataSync() as Float32Array;
    (features.dataSync() as Float32Array).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i] as number, 4);
    });
  });

  test('leaves the mode of each part, and running statistics, when two run at once', async () => {
    const own = encoder.clone().train();
    own.bn1.eval();
    const state = () => [...own.buffers()].map((buffer) => Array.from(buffer.dataSync(), Number));
    const before = state();
    const alone = await extractFeatures(own, dataset, { evaluation, batchSize: 1 });
    const one = arrayDataset(pixels.slice(0, 192), { shape: [1, 8, 8, 3] });
    const [, beside] = await Promise.all([
      extractFeatures(own, one, { evaluation }),
      extractFeatures(own, dataset, { evaluation, batchSize: 1 }),
    ]);
    expect(beside?.features.dataSync()).toEqual(alone.features.dataSync());
    expect(state()).toEqual(before);
    const modes = [...own.namedModules()].filter(([, { training }]) => !training).map(([name]) => name);
    expect(modes).toEqual(['bn1']);
    own.dispose();
  });

  test('refuses what is no row of features an image, and leaves nothing behind', async () => {
    const maps = new nn.Conv2d(3, 2, 3);
    await collect();
    const before = memory().tensors;
    await expect(extractFeatures(maps, dataset, { evaluation })).rejects.toMatchObject({
      code: 'ERR_SHAPE',
      message: expect.stringMatching(
        /^the encoder Conv2d: forward must give features .* got \[7, 2, 6, 6\]; is a pooling/,
      ),
    });
    await collect();
    expect(memory().tensors).toBe(before);
    maps.dispose();
  });

  test('in bfloat16 they are near, and float32', async () => {
    const exact = await extractFeatures(encoder, dataset, { evaluation });
    const near = await extractFeatures(encoder, dataset, { evaluation, precision: 'bfloat16' });
    expect(near.features.dtype).toBe('float32');
    const values = exact.features.dataSync() as Float32Array;
    const scale = Math.max(...values.map(Math.abs));
    (near.features.dataSync() as Float32Array).forEach((value, i) => {
      expect(Math.abs(value - (values[i] as number))).toBeLessThan(0.05 * scale);
    });
  });

  test('without labels there are none; progress is told; only the features are left', async () => {
    const unlabelled = arrayDataset(pixels, { shape: [count, 8, 8, 3] });
    await collect();
    const before = memory().tensors;
    const seen: number[][] = [];
    const { features, labels: found } = await extractFeatures(encoder, unlabelled, {
      evaluation,
      batchSize: 4,
      onProgress: (done, total) => seen.push([done, total]),
    });
    expect(found).toBeUndefined();
    expect(seen).toEqual([
      [4, 7],
      [7, 7],
    ]);
    expect(memory().tensors).toBeLessThanOrEqual(before + 1);
    features.dispose();
  });

  test('errors, and an encoder that is left as it was', async () => {
    encoder.train(true);
    const failing = async (options: object, code: string) =>
      expect(extractFeatures(encoder, dataset, { evaluation, ...options })).rejects.toThrow(
        expect.objectContaining({ code }),
      );
    await failing({ batch: 3 }, 'ERR_OPTION');
    await failing({ evaluation: [] }, 'ERR_OPTION');
    await expect(extractFeatures(encoder, dataset, { evaluation: presets.simclr({ size: 8 }) })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: 'evaluation must be without randomness, as what presets.evaluation() returns, got randomResizedCrop',
    });
    await failing({ batchSize: 0 }, 'ERR_OPTION');
    await failing({ precision: 'int8' }, 'ERR_OPTION');
    await failing({ signal: AbortSignal.abort() }, 'ERR_ABORTED');
    expect(encoder.training).toBe(true);
  });

  test('that are not finite are refused, with the first sample that has such', async () => {
    using wild = resnet18({ stem: 'cifar', width: 4, seed: 1 });
    const fill = (name: string, value: number) => noGrad(() => wild.stateDict().get(name)?.fill_(value));
    fill('layer4.1.conv2.weight', 1e38); // what it makes of anything but black overflows
    const onlyScaled = presets.evaluation({ size: 8, mean: 0, std: 1 });
    const dark = arrayDataset(new Uint8Array(pixels.length).fill(255, 192 * 3, 192 * 4), { shape: [count, 8, 8, 3] });
    await collect();
    const before = memory().tensors;
    await expect(extractFeatures(wild, dark, { evaluation: onlyScaled, batchSize: 2 })).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/^array: sample 3: its features are not finite/),
    });
    expect(memory().tensors).toBe(before);
    fill('layer4.1.bn1.running_mean', Number.NaN); // of which a ReLU inside a kernel would make 0
    await expect(extractFeatures(wild, dark, { evaluation: onlyScaled })).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      message: expect.stringMatching(/must be finite for inference/),
    });
  });
});
