/** Names, shapes, features, gradients and running statistics of torchvision's networks (test/fixtures/make_encoders.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encoderNames, makeEncoder } from '../../lib/encoders/all.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import { mul, sum } from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { expectClose, expectCloseOverall, numbers } from './expect-close.ts';
import { filledState, images, uniform } from './formula.ts';

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/encoders/${name}.json`, import.meta.url), 'utf8');
const shapes = JSON.parse(fixture('shapes')) as Record<string, Record<string, number[]>>;

interface FeatureCase {
  readonly name: string;
  readonly options: Readonly<Record<string, number | string>>;
  readonly size: number;
  readonly eval: readonly number[];
  readonly train: readonly number[];
  readonly gradients: Readonly<Record<string, readonly number[]>>;
  readonly statistics: Readonly<Record<string, readonly number[]>>;
}

/** 'wide-resnet50-2' is wide_resnet50_2 there. */
const torchvisionName = (name: string): string => name.replaceAll('-', '_');
const ourName = (name: string): string => encoderNames().find((own) => torchvisionName(own) === name) as string;

const shapesOf = (state: ReadonlyMap<string, Tensor>): Record<string, readonly number[]> =>
  Object.fromEntries([...state].map(([name, value]) => [name, value.shape]));

/** 64 features of each sample, evenly spaced, as the fixture holds them. */
const sampled = (features: Tensor): number[] => {
  const [n, dim] = features.shape as [number, number];
  const values = features.dataSync();
  return Array.from({ length: n * 64 }, (_, i) => Number(values[Math.floor(i / 64) * dim + (i % 64) * (dim / 64)]));
};

/**
 * Behind many layers a unit near 0 may switch by rounding, where there is ReLU; torchvision's own float32 gradients of
 * ResNet-50's first layers are 3 % from its float64 ones.
 */
function gradientTolerance(name: string): number {
  if (/50/.test(name)) return 0.1;
  return /resnet|mobilenet/.test(name) ? 0.02 : 1e-3;
}

const firstEight = (value: Tensor | undefined): number[] => numbers(value).slice(0, 8);

describe('names and shapes', () => {
  it.each(encoderNames())('%s: the same, none missing and none left over', (name) => {
    using net = makeEncoder({ name });
    expect(shapesOf(net.stateDict())).toEqual(shapes[torchvisionName(name)]);
  });
});

describe('features, gradients and running statistics', () => {
  const cases = JSON.parse(fixture('features')) as FeatureCase[];
  it.each(cases.map((each) => [`${each.name} ${JSON.stringify(each.options)}`, each] as const))('%s', (_, each) => {
    const drops = /convnext|efficientnet/.test(each.name);
    using net = makeEncoder({ name: ourName(each.name), ...each.options, ...(drops && { stochasticDepth: 0 }) });
    const own = net.stateDict();
    // The fixture numbers its tensors in torchvision's order.
    const inOrder = Object.keys(shapes[each.name] as object).map((key) => [key, own.get(key)?.shape ?? []]);
    const state = filledState(Object.fromEntries(inOrder));
    expect(net.loadStateDict(state)).toEqual({ missing: [], unexpected: [] });
    using x = images(each.size);

    net.eval();
    expectClose(sampled(noGrad(() => net.forward(x))), each.eval, 1e-4);
    expectClose(sampled(net.forward(x)), each.eval, 1e-4); // with gradients: not the folded path
    net.train();
    const features = net.forward(x);
    // Normalising 16 values a channel amplifies float32 rounding: torchvision's own float32 features are up to 3e-4
    // from its float64 ones, which are the reference here.
    expectCloseOverall(sampled(features), each.train, 1e-4);

    const weights = tensor(uniform(999, features.shape), { shape: features.shape });
    sum(mul(features, weights)).backward();
    const last = Object.keys(each.gradients).at(-1);
    for (const [key, values] of Object.entries(each.gradients)) {
      if (Math.hypot(...values) < 1e-6) continue; // of a bias that the next normalisation takes away again
      const gradient = firstEight(net.namedParameters().get(key)?.grad ?? undefined);
      expectCloseOverall(gradient, values, key === last ? 1e-5 : gradientTolerance(each.name));
    }
    for (const [key, values] of Object.entries(each.statistics))
      expectClose(firstEight(net.namedBuffers().get(key)), values, 1e-5);
  });
});
