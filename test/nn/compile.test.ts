import { describe, expect, it } from 'vitest';
import { ResNet, resnet18 } from '../../lib/encoders/resnet.ts';
import { ReLU } from '../../lib/nn/activations.ts';
import { Conv2d } from '../../lib/nn/conv2d.ts';
import { Dropout } from '../../lib/nn/dropout.ts';
import * as init from '../../lib/nn/init.ts';
import { Linear } from '../../lib/nn/linear.ts';
import { Module } from '../../lib/nn/module.ts';
import { BatchNorm2d } from '../../lib/nn/normalization.ts';
import { Parameter } from '../../lib/nn/parameter.ts';
import { compile } from '../../lib/tensor/compile.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';

class Net extends Module {
  readonly conv = new Conv2d(3, 64, 3, { padding: 1, bias: false });
  readonly norm = new BatchNorm2d(64);

  override forward(x: Tensor): Tensor {
    return this.norm.forward(this.conv.forward(x), { activation: 'relu' }).mean([2, 3]);
  }
}

const images = (seed: number) => ops.randn([2, 3, 8, 8], { seed });
const numbers = async (x: Tensor) => Array.from((await x.data()) as Float32Array);

describe('compile of a module', () => {
  it('is its forward, and its parameters have their names', async () => {
    using net = new Net();
    using compiled = compile(net);
    const expected = await net.clone().forward(images(1)).data();
    expect(await compiled(images(1)).data()).toEqual(expected);
    expect(compiled.inspect()).toMatch(/aten::conv2d\(%0, conv\.weight/);
    expect(compiled.inspect()).toMatch(/batch_norm_act\(%\d+, norm\.weight, norm\.bias, norm\.running_mean/);
  });

  it('moves running statistics at each call, and follows the modes of its parts', async () => {
    using net = new Net();
    using twin = net.clone();
    using compiled = compile(net);
    for (const seed of [1, 2, 3])
      expect(await numbers(compiled(images(seed)))).toEqual(await numbers(twin.forward(images(seed))));
    expect(await numbers(net.norm.runningMean as Tensor)).toEqual(await numbers(twin.norm.runningMean as Tensor));
    expect(compiled.recordings()).toHaveLength(1);
    for (const each of [net, twin]) each.norm.eval();
    expect(await numbers(compiled(images(4)))).toEqual(await numbers(twin.forward(images(4))));
    expect(compiled.recordings()).toHaveLength(2);
  });

  it('is recorded again when a parameter is frozen: results say rightly whether they have a gradient', () => {
    using net = new Net();
    using compiled = compile(net);
    expect(compiled(images(1)).requiresGrad).toBe(true);
    for (const parameter of net.parameters()) parameter.requiresGrad = false;
    expect(compiled(images(1)).requiresGrad).toBe(false);
    for (const parameter of net.parameters()) parameter.requiresGrad = true;
    const loss = compiled(images(1)).sum();
    loss.backward();
    expect(net.conv.weight.grad).not.toBeNull();
  });

  it('is run as it is while a part has a forward hook', () => {
    using net = new Net();
    using compiled = compile(net);
    let calls = 0;
    compiled(images(1));
    const remove = net.conv.registerForwardHook(() => {
      calls++;
      return undefined;
    });
    compiled(images(1));
    compiled(images(1));
    expect(calls).toBe(2);
    remove();
    compiled(images(1));
    expect(calls).toBe(2);
  });

  it('sees a part and a parameter that were replaced', async () => {
    class Scale extends Module {
      fc = new Linear(2, 1, { bias: false });

      override forward(x: Tensor): Tensor {
        return this.fc.forward(x);
      }
    }
    for (const options of [{}, { inference: true }]) {
      using net = new Scale().eval();
      using compiled = compile(net, options);
      const x = ops.ones([1, 2]);
      init.ones(net.fc.weight);
      expect(await compiled(x).item()).toBe(2);
      net.fc = new Linear(2, 1, { bias: false }).eval();
      init.constant(net.fc.weight, 10);
      expect(await compiled(x).item()).toBe(20);
      Object.assign(net.fc, { weight: new Parameter(ops.ones([1, 2]).mul(3)) });
      expect(await compiled(x).item()).toBe(6);
      expect(await compiled(x).item()).toBe(6);
      expect(compiled.recordings()).toHaveLength(3);
    }
  });

  it('knows one of two equal parts from the other: what stands in another field is another forward pass', () => {
    class Two extends Module {
      first: Module | null = new Linear(2, 2);
      second: Module | null = null;

      override forward(x: Tensor): Tensor {
        return (this.first?.forward(x) ?? x).mul(this.second === null ? 1 : 2);
      }
    }
    using net = new Two();
    const before = net.modeKey;
    [net.first, net.second] = [net.second, net.first];
    expect(net.modeKey).not.toBe(before);
    [net.first, net.second] = [net.second, net.first];
    expect(net.modeKey).toBe(before);
    net.first?.eval();
    expect(net.modeKey).not.toBe(before);
    Object.assign(net, { second: net });
    expect(() => net.modeKey).toThrow(expect.objectContaining({ code: 'ERR_STATE' }));
    net.second = null;
  });

  it('throws for what was disposed, as forward does', () => {
    for (const dispose of [
      (net: Net) => net.dispose(),
      (net: Net) => net.norm.dispose(),
      (net: Net) => net.conv.weight.dispose(),
      (net: Net) => net.norm.runningMean?.dispose(),
    ]) {
      const net = new Net();
      using compiled = compile(net);
      compiled(images(1));
      dispose(net);
      for (const call of [() => net.forward(images(1)), () => compiled(images(1))])
        expect(call).toThrow(
          expect.objectContaining({ code: 'ERR_STATE', message: expect.stringMatching(/was disposed/) }),
        );
    }
  });

  it.each(['cifar', 'imagenet'] as const)("gives a ResNet's features for inference, folded: %s", async (stem) => {
    using encoder = resnet18({ stem, width: 16 });
    noGrad(() => encoder.forward(ops.randn([4, 3, 32, 32], { seed: 9 }))); // statistics other than 0 and 1
    encoder.eval();
    using compiled = compile(encoder, { inference: true });
    for (const batch of [1, 3]) {
      const x = ops.randn([batch, 3, 32, 32], { seed: batch });
      const [actual, expected] = [await numbers(compiled(x)), await numbers(noGrad(() => encoder.forward(x)))];
      const largest = Math.max(...expected.map(Math.abs));
      for (const [i, value] of actual.entries())
        expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-5 * largest);
    }
    const folded = compiled.recordings()[0]?.operations.filter(({ name }) => name === 'inference_convolution');
    expect(folded).toHaveLength(20);
  });
});

it("takes a class that extends a network of this package for one of the user's: it may do more than operations", () => {
  class Counting extends ResNet {
    calls = 0;

    override forward(x: Tensor): Tensor {
      this.calls++;
      return super.forward(x);
    }
  }
  using own = new ResNet('resnet18', { stem: 'cifar', width: 2 });
  using other = new Counting('resnet18', { stem: 'cifar', width: 2 });
  expect([own.isPure, other.isPure]).toEqual([true, false]);
});

describe('compile of a function that calls modules', () => {
  it('follows their modes', async () => {
    const dropout = new Dropout(0.5);
    using compiled = compile((x: Tensor) => dropout.forward(x));
    const x = ops.ones([256]);
    const zeros = async () => (await numbers(compiled(x))).filter((value) => value === 0).length;
    expect(await zeros()).toBeGreaterThan(64);
    dropout.eval();
    expect(await zeros()).toBe(0);
    dropout.train();
    expect(await zeros()).toBeGreaterThan(64);
  });

  it('follows the mode of a normalisation, and is recorded once while it stays', async () => {
    using norm = new BatchNorm2d(3);
    using compiled = compile((x: Tensor) => norm.forward(x));
    compiled(images(1));
    const [recording] = compiled.recordings();
    compiled(images(2));
    expect(compiled.recordings()).toEqual([recording]);
    expect(await norm.numBatchesTracked?.item()).toBe(2);
    norm.eval();
    expect(await numbers(compiled(images(3)))).toEqual(await numbers(norm.forward(images(3))));
    expect(await norm.numBatchesTracked?.item()).toBe(2);
    expect(compiled.recordings()).toHaveLength(1);
    expect(compiled.recordings()[0]).not.toBe(recording);
  });

  it('does so for inference too, which refuses a part that is in training mode and asks for it', async () => {
    using net = new Net().eval();
    using compiled = compile((x: Tensor) => net.forward(x), { inference: true });
    const before = await numbers(compiled(images(1)));
    expect(compiled.recordings()[0]?.operations.some(({ name }) => name === 'inference_convolution')).toBe(true);
    net.norm.train();
    const refusal = { code: 'ERR_STATE', message: expect.stringMatching(/^BatchNorm2d is in training mode.*eval\(\)/) };
    expect(() => compiled(images(1))).toThrow(expect.objectContaining(refusal));
    net.norm.eval();
    expect(await numbers(compiled(images(1)))).toEqual(before);
    net.train();
    using whole = compile(net, { inference: true });
    expect(() => whole(images(1))).toThrow(expect.objectContaining(refusal));
    using relu = compile(new ReLU().train(), { inference: true });
    expect(await numbers(relu(ops.ones([2])))).toEqual([1, 1]);
  });
});
