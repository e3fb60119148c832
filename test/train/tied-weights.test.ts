/** Weights that encoder and head share are trained once, and averaged once. */
import { expect, test } from 'vitest';
import { Linear } from '../../lib/nn/linear.ts';
import { Module } from '../../lib/nn/module.ts';
import type { Parameter } from '../../lib/nn/parameter.ts';
import { full } from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { AveragedWeights } from '../../lib/train/averaged-weights.ts';
import { makeMethod, trainedParameters } from '../../lib/train/trained.ts';
import { Trainer } from '../../lib/train/trainer.ts';
import { optionsOf, valuesOf } from './one-step.ts';
import { size, tinyDataset, tinyViews } from './tiny.ts';

class Pixels extends Module {
  readonly linear = new Linear(size * size, 4, { bias: false });
  readonly featureDim = 4;

  override forward(images: Tensor): Tensor {
    return this.linear.forward(images.flatten(1));
  }
}

/** The features' products with the encoder's own weights. */
class Tied extends Module {
  readonly weight: Parameter;
  readonly featureDim = size * size;

  constructor({ linear }: Pixels) {
    super();
    this.weight = linear.weight;
  }

  override forward(features: Tensor): Tensor {
    return features.matmul(this.weight);
  }
}

function tied() {
  const encoder = new Pixels();
  return { encoder, head: new Tied(encoder) };
}

test('they have their first name, and a training takes them', async () => {
  const models = tied();
  const options = optionsOf({ ...models, method: 'simclr' });
  using method = makeMethod(options);
  expect([...trainedParameters(options, method).keys()]).toEqual(['encoder.linear.weight']);
  const before = await valuesOf(models.encoder.parameters());
  const settings = { ...models, augment: tinyViews(), method: 'simclr', batchSize: 8, epochs: 1 } as const;
  await new Trainer({ ...settings, optimizer: { name: 'sgd', lr: 0.1 } }).fit(tinyDataset(8));
  expect(await valuesOf(models.encoder.parameters())).not.toEqual(before);
});

test('two exchanges with their mean leave them as they were', async () => {
  const { encoder, head } = tied();
  const { weight } = encoder.linear;
  weight.detach().fill_(1);
  using average = new AveragedWeights({ encoder, head }, { decay: 0.5 });
  weight.detach().fill_(3);
  average.follow(full([], 0.5, { dtype: 'float64' }), tensor(0n));
  average.swap();
  expect((await weight.data())[0]).toBe(2);
  average.swap();
  expect((await weight.data())[0]).toBe(3);
});
