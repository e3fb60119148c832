/** Training steps of a method against PyTorch, number by number; test/fixtures/methods/ has the scripts that wrote them. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type ProjectionHeadOptions, projectionHead } from '../../lib/encoders/projection-head.ts';
import type { MethodSpec } from '../../lib/methods/registry.ts';
import { GELU } from '../../lib/nn/activations.ts';
import { Sequential } from '../../lib/nn/containers.ts';
import { Conv2d } from '../../lib/nn/conv2d.ts';
import { BatchNorm2d } from '../../lib/nn/normalization.ts';
import { AdaptiveAvgPool2d, Flatten } from '../../lib/nn/pooling.ts';
import { makeOptimizer } from '../../lib/optim/optimizer.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { makeStep } from '../../lib/train/step.ts';
import { makeMethod, trainedParameters } from '../../lib/train/trained.ts';
import { uniform } from '../encoders/formula.ts';
import { optionsOf } from '../train/one-step.ts';
import { tinyViews } from '../train/tiny.ts';

/** What common.py writes. */
interface Stored {
  readonly seed: number;
  readonly batch: number;
  /** Of each view. */
  readonly sides: readonly number[];
  readonly labels?: readonly number[];
  /** Of what the method keeps, what is filled by its name beside the trained parameters. */
  readonly filled: readonly string[];
  readonly losses: readonly number[];
  /** All numbers of each tensor after the last step, by the names of a checkpoint. */
  readonly state: Readonly<Record<string, readonly number[]>>;
}

const features = 6;

const encoderOf = (): Sequential =>
  new Sequential([
    new Conv2d(1, 4, 3, { stride: 2, padding: 1 }),
    new BatchNorm2d(4),
    new GELU(),
    new Conv2d(4, features, 3, { stride: 2, padding: 1 }),
    new GELU(),
    new AdaptiveAvgPool2d(1),
    new Flatten(),
  ]);

const saltOf = (name: string): number =>
  [...name].reduce((h, letter) => (Math.imul(31, h) + letter.charCodeAt(0)) >>> 0, 0);

/** As fill() of common.py. */
function fill(target: Tensor, name: string): void {
  const { shape } = target;
  const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
  const isScale = shape.length === 1 && name.endsWith('weight');
  const scale = shape.length > 1 ? Math.sqrt(3 / inputs) : isScale ? 0.2 : 0.1;
  target.detach().copy_(tensor(uniform(saltOf(name), shape, scale, isScale ? 1 : 0), { shape }));
}

/** One tensor a side. */
function imagesOf({ seed, batch, sides }: Stored, step: number) {
  const sizes = [...new Set(sides)];
  const images = sizes.map((side, i) => {
    const shape = [sides.filter((each) => each === side).length * batch, 1, side, side];
    return tensor(uniform(seed + 100 * step + i, shape), { shape });
  });
  const bySize = sizes.flatMap((size) => [...sides.keys()].filter((view) => sides[view] === size));
  return { images, viewOrder: [...sides.keys()].map((view) => bySize.indexOf(view)) };
}

/**
 * Takes the steps of test/fixtures/methods/`name`.json, and compares the losses and every tensor of the state with them.
 * @param head its `inFeatures` are the encoder's.
 */
export async function expectSteps(
  name: string,
  method: MethodSpec,
  head: Omit<ProjectionHeadOptions, 'inFeatures'>,
  tolerance = 1e-5,
): Promise<void> {
  const stored: Stored = JSON.parse(readFileSync(new URL(`../fixtures/methods/${name}.json`, import.meta.url), 'utf8'));
  const { batch, sides } = stored;
  const labels = stored.labels && Int32Array.from(stored.labels);
  const models = { encoder: encoderOf(), head: projectionHead({ ...head, inFeatures: features }) };
  for (const [part, module] of Object.entries(models))
    for (const [parameter, value] of module.namedParameters()) fill(value, `${part}.${parameter}`);
  const augment = sides.every((side) => side === sides[0]) ? tinyViews() : sides.map(() => tinyViews());
  const options = optionsOf({ ...models, augment, views: sides.length, batchSize: batch, method });
  const made = makeMethod(options);
  const trained = trainedParameters(options, made);
  for (const [parameter, value] of trained) if (parameter.startsWith('method.')) fill(value, parameter);
  const kept = made.stateDict();
  for (const each of stored.filled) fill(kept.get(each.slice('method.'.length)) as Tensor, each);

  const lr = 0.05;
  const step = makeStep(options, makeOptimizer({ name: 'sgd', lr, momentum: 0.9, weightDecay: 1e-3 }, trained), made);
  const losses: number[] = [];
  for (let n = 0; n < stored.losses.length; n++) {
    const ids = BigInt64Array.from({ length: batch }, (_, i) => BigInt(n * batch + i));
    const progress = n / stored.losses.length;
    const { loss } = await step.run({ ...imagesOf(stored, n), labels, ids }, { step: n, learningRate: lr, progress });
    losses.push(loss);
  }

  const state = Object.entries({ ...models, method: made }).flatMap(([part, module]) =>
    [...module.stateDict()].map(([key, value]) => [`${part}.${key}`, Array.from(value.dataSync(), Number)] as const),
  );
  expect(state.map(([key]) => key).sort()).toEqual(Object.keys(stored.state).sort());
  expectNear(losses, stored.losses, tolerance, 'losses');
  for (const [key, values] of state) expectNear(values, stored.state[key] as readonly number[], tolerance, key);
}

function expectNear(values: readonly number[], expected: readonly number[], tolerance: number, what: string): void {
  expect(values).toHaveLength(expected.length);
  const farthest = Math.max(...expected.map((number, i) => Math.abs(number - (values[i] as number))));
  expect(farthest, what).toBeLessThan(tolerance);
}
