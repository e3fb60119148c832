/** What ConvNeXt, MobileNetV3 and EfficientNet do beside torchvision's numbers, and what all encoders have in common. */
import { describe, expect, it } from 'vitest';
import { encoderFacts, encoderNames, encoderShapes, makeEncoder } from '../../lib/encoders/all.ts';
import { convnextT } from '../../lib/encoders/convnext.ts';
import { efficientnetB0 } from '../../lib/encoders/efficientnet.ts';
import { inferencePass } from '../../lib/encoders/inference.ts';
import { mobilenetV3Large } from '../../lib/encoders/mobilenet-v3.ts';
import type { Module } from '../../lib/nn/module.ts';
import { compile } from '../../lib/tensor/compile.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import { randn, sum, zeros } from '../../lib/tensor/ops.ts';
import { manualSeed } from '../../lib/tensor/random.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { caught, expectClose, numbers } from './expect-close.ts';

/** Small ones of each kind, for images of 32 pixels. */
const configs = [
  { name: 'wide-resnet50-2', stem: 'cifar', width: 2 },
  { name: 'resnext50-32x4d', stem: 'cifar', width: 16 },
  { name: 'vit-ti-16', size: 32, patch: 8, width: 64, pooling: 'mean' },
  { name: 'convnext-t', patch: 2, width: 8, stochasticDepth: 0 },
  { name: 'mobilenet-v3-large', stem: 'cifar' },
  { name: 'efficientnet-b0', stem: 'cifar', stochasticDepth: 0 },
] as const;

describe.each(configs.map((config) => [config.name, config] as const))('%s', (_, config) => {
  it('is made again from its config, and its seed decides', () => {
    using net = makeEncoder(config);
    using again = makeEncoder(net.config as typeof config);
    using other = makeEncoder({ ...config, seed: 1 });
    expect(again.config).toEqual(net.config);
    const x = randn([2, 3, 32, 32], { seed: 1 });
    const features = [net, again, other].map((each) => numbers(noGrad(() => each.eval().forward(x))));
    expect(features[1]).toEqual(features[0]);
    expect(features[2]).not.toEqual(features[0]);
    expect(features[0]?.length).toBe(2 * net.featureDim);
  });

  it('gives the same features compiled for inference, and the same gradients compiled', async () => {
    using net = makeEncoder(config);
    const x = randn([4, 3, 32, 32], { seed: 2 });
    expect(net.isPure).toBe(true);
    using twin = net.clone();
    const loss = (module: Module) => (input: Tensor) => sum(module.forward(input).square());
    using compiled = compile(loss(twin));
    loss(net)(x).backward();
    compiled(x).backward();
    expectClose(numbers(twin.parameters()[0]?.grad), numbers(net.parameters()[0]?.grad), 1e-4);
    net.eval();
    using pass = inferencePass(net);
    expectClose(numbers(pass(x)), numbers(noGrad(() => net.forward(x))), 1e-4);
  });

  it('takes gray images', () => {
    using net = makeEncoder({ ...config, inChannels: 1 });
    expect(net.eval().forward(zeros([1, 1, 32, 32])).shape).toEqual([1, net.featureDim]);
    expect(caught(() => net.forward(zeros([1, 3, 32, 32])))).toMatchObject({ code: 'ERR_SHAPE' });
  });

  it('tells its shapes without being made, where its width decides them', () => {
    const shapes = encoderShapes(config);
    if (!('width' in config)) return expect(shapes).toBeUndefined();
    using net = makeEncoder(config);
    const own = [...net.stateDict()].map(([name, { shape }]) => [name, [...shape]] as const);
    expect([...(shapes ?? [])]).toEqual(own.filter(([, shape]) => shape.length > 0));
  });
});

describe('every encoder', () => {
  it.each(encoderNames())('%s declares what its config says', (name) => {
    const declared = Object.keys(encoderFacts(name).options ?? {});
    using net = makeEncoder({ name, ...('width' in (encoderFacts(name).options ?? {}) && { width: 64 }) });
    expect(Object.keys(net.config ?? {}).sort()).toEqual(['name', ...declared].sort());
  });

  it('refuses the options of others by name', () => {
    expect(caught(() => mobilenetV3Large({ width: 8 } as object))).toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/mobilenet-v3-large: unknown option 'width'/),
    });
    expect(caught(() => convnextT({ stochasticDepth: 2 }))).toMatchObject({ code: 'ERR_OPTION' });
  });
});

describe('stochastic depth', () => {
  it('rises from the first block to the last, and draws anew at each pass in training', () => {
    manualSeed(1);
    const x = randn([4, 3, 32, 32], { seed: 3 });
    for (const net of [
      convnextT({ patch: 4, width: 8, stochasticDepth: 0.5 }),
      efficientnetB0({ stochasticDepth: 0.5 }),
    ]) {
      const shares = [...net.namedModules()].flatMap(([name, part]) =>
        /depth$/.test(name) ? [(part as { p?: number }).p as number] : [],
      );
      expect(shares[0]).toBe(0);
      expect(shares.at(-1)).toBeCloseTo(net.config.name === 'convnext-t' ? 0.5 : (0.5 * 15) / 16, 9);
      expect(shares).toEqual([...shares].sort((a, b) => a - b));
      net.dispose();
    }
    using net = convnextT({ patch: 4, width: 8, stochasticDepth: 0.5 });
    noGrad(() => {
      for (const [name, value] of net.namedParameters()) if (name.endsWith('layer_scale')) value.fill_(1).dispose();
    });
    expect(numbers(net.forward(x))).not.toEqual(numbers(net.forward(x)));
    net.eval();
    expect(numbers(net.forward(x))).toEqual(numbers(net.forward(x)));
  });
});
