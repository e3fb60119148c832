import { describe, expect, it } from 'vitest';
import { projectionHead } from '../../lib/encoders/projection-head.ts';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import type { Module } from '../../lib/nn/module.ts';
import { noGrad, tidy } from '../../lib/tensor/modes.ts';
import { ones, sum, zeros } from '../../lib/tensor/ops.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';

const small = (seed = 0): Module => resnet18({ stem: 'cifar', width: 2, seed });

const caught = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

describe('state dict', () => {
  it('carries a module over to another', () => {
    using from = small(1);
    using to = small(2);
    const x = ones([2, 3, 8, 8]);
    from.forward(x).dataSync(); // moves the running statistics
    expect(to.loadStateDict(from.stateDict())).toEqual({ missing: [], unexpected: [] });
    for (const [name, value] of from.stateDict())
      expect(to.stateDict().get(name)?.dataSync(), name).toEqual(value.dataSync());
    expect(to.eval().forward(x).dataSync()).toEqual(from.eval().forward(x).dataSync());
  });

  it('refuses missing and unknown names and other shapes, and copies nothing then', () => {
    using net = small();
    const before = net.namedParameters().get('conv1.weight')?.dataSync();
    const state = new Map([...small(1).stateDict()]);
    state.delete('bn1.bias');
    expect(caught(() => net.loadStateDict(state))).toMatchObject({ code: 'ERR_STATE', message: /lacks 'bn1.bias'/ });
    const extra = new Map([...small(1).stateDict(), ['fc.weight', zeros([10, 16])]]);
    expect(caught(() => net.loadStateDict(extra))).toMatchObject({ code: 'ERR_STATE', message: /unknown 'fc.weight'/ });
    const wrong = new Map([...small(1).stateDict(), ['conv1.weight', zeros([2, 3, 7, 7])]]);
    expect(caught(() => net.loadStateDict(wrong))).toMatchObject({
      code: 'ERR_SHAPE',
      message: /'conv1.weight' must have shape \[2,3,3,3\], got \[2,3,7,7\]/,
    });
    expect(net.namedParameters().get('conv1.weight')?.dataSync()).toEqual(before);
  });

  it('is what clone() copies, with the mode; neither changes the other', () => {
    using net = small().eval();
    using copy = net.clone();
    expect(copy.training).toBe(false);
    const values = (module: typeof net) => [...module.stateDict()].map(([name, value]) => [name, value.dataSync()]);
    expect(values(copy)).toEqual(values(net));
    const before = values(net);
    using other = small(1);
    copy.loadStateDict(other.stateDict());
    expect(values(net)).toEqual(before);
  });

  it('reports them instead with strict: false', () => {
    using net = small();
    const state = new Map([...small(1).stateDict(), ['fc.weight', zeros([10, 16])]]);
    state.delete('bn1.bias');
    expect(net.loadStateDict(state, { strict: false })).toEqual({ missing: ['bn1.bias'], unexpected: ['fc.weight'] });
    expect(caught(() => net.loadStateDict(state, { strikt: false } as object))).toMatchObject({ code: 'ERR_OPTION' });
  });

  it('does without num_batches_tracked, which old files lack', () => {
    using net = small();
    const state = new Map([...small(1).stateDict()].filter(([name]) => !name.endsWith('num_batches_tracked')));
    expect(net.loadStateDict(state)).toEqual({ missing: [], unexpected: [] });
  });

  it('converts the dtype', () => {
    using head = projectionHead({ layers: 1, inFeatures: 2, outFeatures: 1 });
    head.loadStateDict(
      new Map([
        ['0.weight', tensor([[1.5, -2]], { dtype: 'float64' })],
        ['0.bias', tensor([3], { dtype: 'bfloat16' })],
      ]),
    );
    expect(head.namedParameters().get('0.weight')?.dtype).toBe('float32');
    expect(head.forward(tensor([[2, 1]])).itemSync()).toBe(4);
  });
});

describe('modes', () => {
  it('training moves the running statistics, evaluation does not', async () => {
    using net = small();
    expect(net.training).toBe(true);
    const tracked = net.namedBuffers().get('bn1.num_batches_tracked') as Tensor;
    const x = ones([2, 3, 8, 8]);
    await net.forward(x).data();
    expect(await tracked.item()).toBe(1);
    net.eval();
    expect(net.training).toBe(false);
    await net.forward(x).data();
    expect(await tracked.item()).toBe(1);
    net.train();
    await net.forward(x).data();
    expect(await tracked.item()).toBe(2);
    expect(caught(() => net.train(1 as unknown as boolean))).toMatchObject({ code: 'ERR_OPTION' });
  });

  it('records gradients unless told not to', () => {
    using head = projectionHead({ inFeatures: 3 });
    const x = ones([2, 3]);
    expect(head.forward(x).requiresGrad).toBe(true);
    expect(noGrad(() => head.forward(x)).requiresGrad).toBe(false);
    for (const parameter of head.parameters()) parameter.requiresGrad = false;
    sum(ones([1])).dataSync(); // the change is queued
    expect(head.forward(x).requiresGrad).toBe(false);
  });

  it('moves to a device that is there and names one that is not', () => {
    using net = small();
    expect(net.device).toBe('cpu');
    const x = ones([2, 3, 8, 8]);
    const before = net.eval().forward(x).dataSync();
    expect(net.to('cpu').device).toBe('cpu');
    expect(net.forward(x).dataSync()).toEqual(before);
    expect(caught(() => net.to('cuda:99'))).toMatchObject({ code: 'ERR_DEVICE' });
  });
});

describe('ownership', () => {
  it('outlives a tidy around it, and gives its handles back', async () => {
    await collect();
    const before = memory().tensors;
    const net = tidy(() => small());
    expect(net.forward(ones([2, 3, 8, 8])).dataSync().length).toBe(32);
    net.dispose();
    net.dispose();
    expect(net.isDisposed).toBe(true);
    expect(memory().tensors - before).toBeLessThanOrEqual(2);
  });

  it('is an error to use after dispose(), but what was enqueued still runs', async () => {
    const net = small();
    const features = net.forward(ones([2, 3, 8, 8]));
    net.dispose();
    expect(features.dataSync().length).toBe(32);
    for (const use of [() => net.forward(ones([2, 3, 8, 8])), () => net.parameters(), () => net.eval()])
      expect(caught(use)).toMatchObject({ code: 'ERR_STATE' });
    expect(caught(() => net.to('cpu'))).toMatchObject({ code: 'ERR_STATE' });
    await expect(net.load('none.safetensors')).rejects.toMatchObject({ code: 'ERR_STATE' });
  });
});
