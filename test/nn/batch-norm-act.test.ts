import { describe, expect, it } from 'vitest';
import { resnet18, resnet50 } from '../../lib/encoders/resnet.ts';
import type { Module } from '../../lib/nn/module.ts';
import { batchNormAct } from '../../lib/tensor/internal-ops.ts';
import { autocast } from '../../lib/tensor/modes.ts';
import { add, batchNorm, conv2d, mean, mul, ones, randn, relu, sum, zeros } from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const numbers = (value: Tensor | null | undefined): number[] => Array.from((value as Tensor).dataSync(), Number);

interface Weights {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly buffers: ReadonlyMap<string, Tensor>;
}

/** Leaves of their own with a module's values. */
function copyOf(net: Module): Weights {
  const copy = (state: ReadonlyMap<string, Tensor>, requiresGrad: boolean) =>
    new Map([...state].map(([name, value]) => [name, tensor(value.dataSync(), { shape: value.shape, requiresGrad })]));
  return { parameters: copy(net.namedParameters(), true), buffers: copy(net.namedBuffers(), false) };
}

/** A ResNet with the 'cifar' stem, of libtorch's separate operators. */
function reference(
  { parameters, buffers }: Weights,
  x: Tensor,
  blocks: readonly number[],
  convolutions: number,
): Tensor {
  const get = (name: string): Tensor => (parameters.get(name) ?? buffers.get(name)) as Tensor;
  const conv = (name: string, input: Tensor, stride: number): Tensor => {
    const weight = get(`${name}.weight`);
    return conv2d(input, weight, { stride: [stride, stride], padding: [weight.shape[2] === 3 ? 1 : 0] });
  };
  const normalized = (name: string, input: Tensor): Tensor =>
    batchNorm(input, {
      weight: get(`${name}.weight`),
      bias: get(`${name}.bias`),
      runningMean: get(`${name}.running_mean`),
      runningVar: get(`${name}.running_var`),
      training: true,
      momentum: 0.1,
      eps: 1e-5,
    });
  let y = relu(normalized('bn1', conv('conv1', x, 1)));
  blocks.forEach((count, stage) => {
    for (let i = 0; i < count; i++) {
      const block = `layer${stage + 1}.${i}`;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const shortcut = parameters.has(`${block}.downsample.0.weight`)
        ? normalized(`${block}.downsample.1`, conv(`${block}.downsample.0`, y, stride))
        : y;
      for (let k = 1; k <= convolutions; k++) {
        const strided = convolutions === 3 ? k === 2 : k === 1;
        const z = normalized(`${block}.bn${k}`, conv(`${block}.conv${k}`, y, strided ? stride : 1));
        y = relu(k === convolutions ? add(z, shortcut) : z);
      }
    }
  });
  return mean(y, [2, 3]);
}

const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((total, v) => total + v * v, 0));

/** Root mean square of the error over that of the values. */
const difference = (actual: readonly number[], expected: readonly number[]): number =>
  norm(expected.map((value, i) => value - (actual[i] as number))) / Math.max(1e-12, norm(expected));

const cases = [
  { name: 'channels side by side in a vector', make: resnet18, width: 8, blocks: [2, 2, 2, 2], convolutions: 2 },
  { name: 'whole vectors of channels', make: resnet18, width: 64, blocks: [2, 2, 2, 2], convolutions: 2 },
  { name: 'bottlenecks', make: resnet50, width: 4, blocks: [3, 4, 6, 3], convolutions: 3 },
  {
    name: 'channels of which several pixels fill a vector',
    make: resnet18,
    width: 6,
    blocks: [2, 2, 2, 2],
    convolutions: 2,
  },
] as const;

describe('training passes', () => {
  const images = (): Tensor => randn([16, 3, 16, 16], { seed: 4 });

  for (const { name, make, width, blocks, convolutions } of cases)
    it(`agree with libtorch's separate operators: ${name}`, () => {
      using net = make({ stem: 'cifar', width, seed: 2 });
      const weights = copyOf(net);
      const x = images();
      const features = net.forward(x);
      const expected = reference(weights, x, blocks, convolutions);
      expect(difference(numbers(features), numbers(expected))).toBeLessThan(5e-5);
      const target = randn(features.shape, { seed: 5 });
      sum(mul(features, target)).backward();
      sum(mul(expected, target)).backward();
      for (const [key, value] of net.namedBuffers())
        if (!key.endsWith('tracked'))
          expect(difference(numbers(value), numbers(weights.buffers.get(key))), key).toBeLessThan(5e-5);
      // Behind many layers a unit near 0 may switch by rounding.
      for (const [key, value] of net.namedParameters()) {
        const tolerance = key.startsWith('layer4.1') || key.startsWith('layer4.2') ? 1e-3 : 0.1;
        expect(difference(numbers(value.grad), numbers(weights.parameters.get(key)?.grad)), key).toBeLessThan(
          tolerance,
        );
      }
    });

  it('agree in bfloat16, to its precision', () => {
    using net = resnet18({ stem: 'cifar', width: 16, seed: 2 });
    const weights = copyOf(net);
    const x = images();
    const [features, expected] = autocast('bfloat16', () => [net.forward(x), reference(weights, x, [2, 2, 2, 2], 2)]);
    expect(difference(numbers(features), numbers(expected))).toBeLessThan(0.02);
    sum(features as Tensor).backward();
    sum(expected as Tensor).backward();
    const key = 'layer4.1.bn2.weight';
    const gradients = [net.namedParameters(), weights.parameters].map((map) => numbers(map.get(key)?.grad));
    expect(difference(gradients[0] as number[], gradients[1] as number[])).toBeLessThan(0.05);
  });

  it('keep a mean far from 0 apart from the variance', () => {
    using net = resnet18({ stem: 'cifar', width: 8 });
    const weights = copyOf(net);
    const x = add(images(), tensor(1000));
    expect(difference(numbers(net.forward(x)), numbers(reference(weights, x, [2, 2, 2, 2], 2)))).toBeLessThan(5e-2);
  });

  it('let a NaN through', () => {
    using net = resnet18({ stem: 'cifar', width: 8 });
    const pixels = new Float32Array(2 * 3 * 8 * 8).fill(1);
    pixels[5] = Number.NaN;
    const x = tensor(pixels, { shape: [2, 3, 8, 8] });
    for (const run of [() => net.forward(x), () => autocast('bfloat16', () => net.forward(x))])
      expect(numbers(run()).every(Number.isNaN)).toBe(true);
  });

  it('give the same bits again', () => {
    const run = (): number[] => {
      using net = resnet18({ stem: 'cifar', width: 16, seed: 1 });
      const features = autocast('bfloat16', () => net.forward(images()));
      sum(features).backward();
      return [...numbers(features), ...numbers(net.namedParameters().get('bn1.weight')?.grad)];
    };
    expect(run()).toEqual(run());
  });
});

it('needs a count of batches where there is no momentum', () => {
  const statistics = { runningMean: zeros([8]), runningVar: ones([8]) };
  const forward = () => batchNormAct(randn([4, 8, 2, 2]), { ...statistics, training: true });
  expect(forward).toThrow(
    expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(/num_batches_tracked/) }),
  );
});
