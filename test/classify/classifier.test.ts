import { describe, expect, test } from 'vitest';
import { presets } from '../../lib/augment/presets.ts';
import { Classifier } from '../../lib/classify/classifier.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import { Sequential } from '../../lib/nn/containers.ts';
import { Dropout } from '../../lib/nn/dropout.ts';
import { Linear } from '../../lib/nn/linear.ts';
import { BatchNorm1d } from '../../lib/nn/normalization.ts';
import { size, tinyDataset } from '../train/tiny.ts';

describe('a head of several layers', () => {
  test('classifies in evaluation, and keeps its mode and its running statistics', async () => {
    const encoder = resnet18({ stem: 'cifar', width: 4, inChannels: 1 });
    const norm = new BatchNorm1d(encoder.featureDim);
    const linear = new Linear(encoder.featureDim, 3);
    const head = new Sequential([norm, new Dropout(0.5), linear]);
    using classifier = new Classifier({
      encoder,
      head,
      evaluation: presets.evaluation({ size, mean: 0.4, std: 0.25 }),
    });
    const { probabilities } = await classifier.predict(tinyDataset(8));
    expect((await classifier.predict(tinyDataset(8))).probabilities).toEqual(probabilities);
    expect(head.training).toBe(true);
    expect(norm.numBatchesTracked?.itemSync()).toBe(0);
    expect(norm.runningMean?.dataSync()).toEqual(new Float32Array(encoder.featureDim));
    using plain = new Classifier({ encoder: encoder.clone(), head: linear.clone(), evaluation: classifier.evaluation });
    const expected = await plain.predict(tinyDataset(8)); // a fresh normalisation divides by √(1 + 1e-5)
    for (const [i, value] of expected.probabilities.entries()) expect(probabilities[i]).toBeCloseTo(value, 4);
  });
});
