/** Modules that a user writes. */
import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { noGrad, tidy } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { memory } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { collect } from '../collect.ts';

const code = (wanted: string, message = '') =>
  expect.objectContaining({ code: wanted, message: expect.stringContaining(message) });

/** Something of everything. */
class Net extends nn.Module {
  readonly blocks = [new nn.Linear(3, 3), new nn.Linear(3, 3)];
  readonly classToken = new nn.Parameter(ops.zeros([1, 3]));
  readonly outProj: nn.Linear;
  readonly scale: Tensor;
  readonly label: string;

  constructor(label: string) {
    super();
    this.label = label;
    this.outProj = new nn.Linear(3, 2);
    this.scale = this.registerBuffer('scale', tensor([2, 2]));
  }

  override forward(x: Tensor): Tensor {
    let y = x.add(this.classToken);
    for (const block of this.blocks) y = block.forward(y).relu();
    return this.outProj.forward(y).mul(this.scale);
  }
}

const numbers = (value: Tensor): number[] => Array.from(value.dataSync(), Number);

const x = tensor([
  [1, -2, 3],
  [0.5, 1, -1],
]);

describe('what the fields hold', () => {
  it("is found, under PyTorch's names: own parameters, own buffers, then parts", () => {
    using net = new Net('a');
    expect([...net.stateDict().keys()]).toEqual([
      ...['class_token', 'scale', 'blocks.0.weight', 'blocks.0.bias', 'blocks.1.weight', 'blocks.1.bias'],
      ...['out_proj.weight', 'out_proj.bias'],
    ]);
    expect([...net.namedBuffers().keys()]).toEqual(['scale']);
    expect(net.buffers()).toEqual([net.scale]);
    expect([...net.namedModules().keys()]).toEqual(['', 'blocks.0', 'blocks.1', 'out_proj']);
    expect(net.parameters().every((parameter) => parameter.requiresGrad)).toBe(true);
  });

  it('comes once among the parameters where it has two names, as in PyTorch', () => {
    class Tied extends nn.Module {
      readonly first = new nn.Linear(2, 2);
      readonly second = this.first;
      override forward(input: Tensor): Tensor {
        return this.second.forward(this.first.forward(input));
      }
    }
    using net = new Tied();
    expect([...net.namedParameters().keys()]).toEqual(['first.weight', 'first.bias']);
    expect([...net.stateDict().keys()]).toEqual(['first.weight', 'first.bias', 'second.weight', 'second.bias']);
    using copy = net.clone();
    expect(copy.second).toBe(copy.first);
    expect(copy.first).not.toBe(net.first);
  });

  it('must not be the module itself, nor share a name', () => {
    class Loop extends nn.Identity {
      readonly part = new nn.ModuleList<nn.Module>();
    }
    const loop = new Loop();
    loop.part.append(loop);
    expect(() => loop.parameters()).toThrow(code('ERR_STATE', "part of itself: 'part.0'"));
    class Twice extends nn.Identity {
      readonly someWeight = new nn.Parameter(ops.zeros([1]));
      readonly some_weight = new nn.Parameter(ops.zeros([1]));
    }
    expect(() => new Twice().parameters()).toThrow(code('ERR_STATE', "two tensors named 'some_weight'"));
  });

  it('is refused in a Map, a Set or a plain object, where it would not be found', () => {
    const linear = new nn.Linear(2, 2);
    const parameter = new nn.Parameter(ops.zeros([1]));
    class Holder extends nn.Identity {
      readonly held: unknown;
      constructor(held: unknown) {
        super();
        this.held = held;
      }
    }
    for (const held of [new Map([['a', linear]]), new Set([parameter]), { parameter }]) {
      using module = new nn.Sequential([new Holder(held)]);
      for (const find of [() => module.parameters(), () => module.stateDict()])
        expect(find).toThrow(code('ERR_STATE', 'Holder.held holds a module or a parameter'));
    }
    expect(new Holder({ size: 3 }).parameters()).toEqual([]);
    expect(new Holder([linear]).parameters()).toHaveLength(2);
  });

  it('counts a buffer of two parts once, and refuses one that is no tensor or has the name of another', () => {
    class Part extends nn.Identity {
      readonly table: Tensor;
      constructor(table: Tensor) {
        super();
        this.table = this.registerBuffer('table', table);
      }
    }
    const table = ops.ones([2]);
    using net = new nn.Sequential([new Part(table), new Part(table)]);
    expect([...net.namedBuffers().keys()]).toEqual(['0.table']);
    expect([...net.stateDict().keys()]).toEqual(['0.table', '1.table']);
    using copy = net.clone();
    const [first, second] = [...copy] as [Part, Part];
    expect(first.table).toBe(second.table);
    expect(first.table).not.toBe(table);
    expect(first.namedBuffers().get('table')).toBe(first.table);
    expect(() => first.registerBuffer('table', ops.ones([1]))).toThrow(code('ERR_STATE', "named 'table'"));
    expect(() => first.registerBuffer('other', null as never)).toThrow(code('ERR_OPTION', 'value must be a tensor'));
  });

  it('follows train() and eval()', () => {
    const net = new nn.Sequential([new nn.Dropout(), new nn.Sequential([new nn.Dropout()])]);
    net.eval();
    expect([...net.namedModules().values()].map(({ training }) => training)).toEqual([false, false, false, false]);
    net.train();
    expect(net[1]?.training).toBe(true);
  });
});

describe('Parameter', () => {
  it('takes a tensor over, and outlives every tidy()', () => {
    const data = ops.ones([2]);
    const parameter = tidy(() => {
      const inner = tidy(() => ({ parameter: new nn.Parameter(data) }));
      return inner.parameter;
    });
    expect(data.isDisposed).toBe(true);
    expect(parameter.isDisposed).toBe(false);
    expect([parameter.requiresGrad, numbers(parameter)]).toEqual([true, [1, 1]]);
    expect(() => new nn.Parameter(data)).toThrow(code('ERR_STATE'));
    expect(new nn.Parameter(ops.ones([1]), { requiresGrad: false }).requiresGrad).toBe(false);
  });

  it('is a leaf, of a result too', () => {
    const leaf = tensor([3], { requiresGrad: true });
    const product = leaf.mul(2);
    const parameter = new nn.Parameter(product);
    expect(product.isDisposed).toBe(true);
    ops.sum(parameter.mul(5)).backward();
    expect(numbers(parameter.grad as Tensor)).toEqual([5]);
  });
});

describe('clone()', () => {
  it('copies parameters, buffers and parts, in arrays too, and shares the rest', () => {
    using net = new Net('a');
    net.eval();
    using copy = net.clone();
    expect(copy).toBeInstanceOf(Net);
    expect([copy.label, copy.training, copy.blocks[0]?.training]).toEqual(['a', false, false]);
    expect(copy.blocks[0]).not.toBe(net.blocks[0]);
    expect(copy.scale).toBe(copy.namedBuffers().get('scale'));
    const [values, copied] = [net, copy].map((module) => module.forward(x).dataSync());
    expect(copied).toEqual(values);
    noGrad(() => copy.scale.mul_(3));
    noGrad(() => copy.outProj.weight.zero_());
    expect(net.forward(x).dataSync()).toEqual(values);
    expect(copy.forward(x).dataSync()).not.toEqual(values);
  });

  it('keeps what is frozen, the layout, and the queue: values are those of the call', () => {
    using net = new nn.Conv2d(2, 2, 3);
    net.weight.requiresGrad = false;
    noGrad(() => net.weight.fill_(1)).dispose();
    using copy = net.clone();
    noGrad(() => net.weight.fill_(2)).dispose();
    expect(new Set(numbers(copy.weight))).toEqual(new Set([1]));
    expect([copy.weight.requiresGrad, copy.bias?.requiresGrad]).toEqual([false, true]);
  });

  it('has no hooks', () => {
    using net = new nn.ReLU();
    net.registerForwardHook((_module, _inputs, output) => output.mul(2));
    expect(numbers(net.clone().forward(tensor([1])))).toEqual([1]);
    expect(numbers(net.forward(tensor([1])))).toEqual([2]);
  });
});

describe('registerForwardHook', () => {
  it('sees inputs and outputs, may replace the output, and is removed', () => {
    using net = new nn.Sequential([new nn.ReLU(), new nn.Identity()]);
    const [first] = net;
    const seen: number[][] = [];
    const remove = (first as nn.Module).registerForwardHook((module, [input], output) => {
      expect(module).toBe(first);
      seen.push([...(input as Tensor).dataSync(), ...output.dataSync()].map(Number));
      return undefined;
    });
    const removeSecond = (first as nn.Module).registerForwardHook((_module, _inputs, output) => output.add(1));
    expect(numbers(net.forward(tensor([-1, 2])))).toEqual([1, 3]);
    expect(seen).toEqual([[-1, 2, 0, 2]]);
    removeSecond();
    removeSecond();
    expect(numbers(net.forward(tensor([-1])))).toEqual([0]);
    remove();
    expect(Object.hasOwn(first as object, 'forward')).toBe(false);
    expect(seen.length).toBe(2);
    expect(() => net.registerForwardHook('no' as never)).toThrow(code('ERR_OPTION'));
  });

  it('may keep the output beyond the tidy() around the forward pass', () => {
    using net = new nn.ReLU();
    const kept: Tensor[] = [];
    net.registerForwardHook((_module, _inputs, output) => void kept.push(output, output.mul(2)));
    tidy(() => void net.forward(tensor([3])));
    expect(kept.map((each) => each.itemSync())).toEqual([3, 6]);
  });
});

describe('to()', () => {
  it('keeps the tensors, and their gradients', () => {
    using net = new Net('a');
    ops.sum(net.forward(x)).backward();
    const before = net.parameters();
    const gradient = (net.outProj.bias as Tensor).grad?.dataSync();
    expect(net.to('cpu')).toBe(net);
    expect(net.parameters()).toEqual(before);
    expect((net.outProj.bias as Tensor).grad?.dataSync()).toEqual(gradient);
    expect(new nn.ReLU().device).toBe('cpu');
    expect(() => new nn.ReLU().to('cuda:99')).toThrow(code('ERR_DEVICE'));
  });
});

describe('dispose()', () => {
  it('frees parameters and buffers, those of the parts too', async () => {
    await collect();
    const before = memory().tensors;
    const net = new Net('a');
    const { outProj } = net;
    net.dispose();
    expect([net.isDisposed, outProj.isDisposed]).toEqual([true, true]);
    expect(memory().tensors).toBe(before);
    expect(() => net.clone()).toThrow(code('ERR_STATE', 'disposed'));
    expect(() => net.stateDict()).toThrow(code('ERR_STATE', 'disposed'));
  });
});

describe('containers', () => {
  it('hold modules at places', () => {
    using list = new nn.ModuleList([new nn.Linear(1, 1), new nn.ReLU()]);
    expect([list.length, list[1], [...list].length]).toEqual([2, list[1], 2]);
    expect([...list.stateDict().keys()]).toEqual(['0.weight', '0.bias']);
    expect(list.append(new nn.Tanh()).length).toBe(3);
    expect(() => list.append(3 as never)).toThrow(code('ERR_OPTION', 'part must be a Module, got 3'));
    expect(() => new nn.Sequential(new nn.ReLU() as never)).toThrow(
      code('ERR_OPTION', 'parts must be an array of modules, as in [a, b], got'),
    );
    expect(() => list.forward(x)).toThrow(code('ERR_STATE'));
    using copy = list.clone();
    expect([copy.length, copy[0] === list[0]]).toEqual([3, false]);
  });
});

describe('options of layers', () => {
  it.each<[string, () => unknown, string]>([
    ['an unknown one', () => new nn.Linear(2, 2, { biass: true } as never), "did you mean 'bias'?"],
    ['a size', () => new nn.Linear(0, 2), 'inFeatures must be an integer >= 1'],
    ['a pair', () => new nn.Conv2d(1, 1, [1, 2, 3] as never), 'kernelSize must be a number or [height, width]'],
    ['groups', () => new nn.Conv2d(3, 4, 1, { groups: 2 }), 'groups must divide 3 and 4 channels, got 2'],
    ['an unknown one of BatchNorm2d', () => new nn.BatchNorm2d(2, { epsilon: 1 } as never), 'BatchNorm2d: unknown'],
    ['groups of GroupNorm', () => new nn.GroupNorm(4, 6), 'numGroups must divide numChannels'],
    ['no size', () => new nn.LayerNorm([]), 'at least one size'],
    ['a probability', () => new nn.Dropout(2), 'p must be a finite number >= 0 and <= 1'],
    ['heads', () => new nn.MultiheadAttention(6, 4), 'numHeads must divide 6, got 4'],
    [
      'an approximation',
      () => new nn.GELU({ approximate: 'no' as never }),
      "approximate must be one of 'none', 'tanh'",
    ],
  ])('refuse %s', (_, make, message) => expect(make).toThrow(code('ERR_OPTION', message)));

  it.each<[string, () => unknown]>([
    ['BatchNorm1d', () => new nn.BatchNorm1d(3).forward(ops.zeros([2, 3, 1, 1]))],
    ['BatchNorm2d', () => new nn.BatchNorm2d(3).forward(ops.zeros([2, 3]))],
    ['BatchNorm2d of other channels', () => new nn.BatchNorm2d(3).forward(ops.zeros([2, 4, 2, 2]))],
    [
      'BatchNorm2d with another residual',
      () => new nn.BatchNorm2d(3).forward(ops.zeros([2, 3, 2, 2]), { residual: ops.zeros([2, 3, 1, 2]) }),
    ],
    ['BatchNorm1d of one value', () => new nn.BatchNorm1d(3).forward(ops.zeros([1, 3]))],
    ['MultiheadAttention', () => new nn.MultiheadAttention(4, 2).forward(ops.zeros([2, 4]))],
  ])('%s refuses other shapes at the call', (_, run) => expect(run).toThrow(code('ERR_SHAPE')));
});

describe('Dropout', () => {
  it('drops in training alone, and scales what stays', () => {
    using layer = new nn.Dropout(0.25);
    const ones = ops.ones([4000]);
    const values = numbers(layer.forward(ones));
    expect(new Set(values.map((value) => Math.fround(value)))).toEqual(new Set([0, Math.fround(1 / 0.75)]));
    expect(Math.abs(values.filter((value) => value === 0).length / 4000 - 0.25)).toBeLessThan(0.035); // 5 deviations
    expect(layer.forward(ones).dataSync()).not.toEqual(Float32Array.from(values));
    expect(layer.eval().forward(ones)).toBe(ones);
  });
});

describe('batch normalisation in evaluation', () => {
  it('leaves its input as it is where somebody holds it', () => {
    using layer = new nn.BatchNorm2d(8).eval();
    noGrad(() => layer.runningMean?.fill_(1));
    const input = ops.randn([2, 8, 4, 4], { seed: 1 }).contiguous({ memoryFormat: 'channels_last' });
    const before = numbers(input);
    const y = noGrad(() => layer.forward(input, { residual: input, activation: 'relu' }));
    const expected = before.map((value) => Math.max(0, (value - 1) / Math.sqrt(1 + 1e-5) + value));
    const errors = numbers(y).map((value, i) => Math.abs(value - (expected[i] as number)));
    expect(Math.max(...errors)).toBeLessThan(1e-5);
    expect(numbers(input)).toEqual(before);
  });
});
