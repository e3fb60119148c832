/** What schemas say, against what libtorch's documentation says of the same operations. */
import { describe, expect, it } from 'vitest';
import { parameterNames, parametersOf } from '../../lib/tensor/schema.ts';

describe('parametersOf', () => {
  const defaults = (operation: string): unknown =>
    Object.fromEntries(parametersOf(operation).map(({ name, byDefault }) => [name, byDefault]));

  it('gives names and defaults in order', () => {
    expect(defaults('aten::max_pool2d')).toEqual({
      self: undefined,
      kernel_size: undefined,
      stride: [],
      padding: 0,
      dilation: 1,
      ceil_mode: false,
    });
    expect(defaults('aten::conv2d')).toMatchObject({ bias: undefined, stride: [1, 1], groups: 1 });
    expect(defaults('aten::gelu')).toEqual({ self: undefined, approximate: 'none' });
    expect(defaults('aten::layer_norm')).toMatchObject({ eps: 1e-5, cudnn_enable: true });
    expect(defaults('batch_norm_act')).toMatchObject({ running_mean: undefined, training: false, eps: 1e-5 });
  });

  it('says of lists how long one is that is told by one number', () => {
    const lengths = Object.fromEntries(parametersOf('aten::avg_pool2d').map(({ name, length }) => [name, length]));
    expect(lengths).toMatchObject({ self: undefined, kernel_size: 2, padding: 2, ceil_mode: undefined });
    expect(parametersOf('aten::permute').map(({ length }) => length)).toEqual([undefined, 1]);
  });

  it('says which are devices', () => {
    const devices = (operation: string) => parametersOf(operation).filter(({ isDevice }) => isDevice);
    expect(devices('aten::arange').map(({ name }) => name)).toEqual(['device']);
    expect(devices('aten::conv2d')).toEqual([]);
  });

  it('leaves out aliases, the mark of keywords, and the names of results', () => {
    expect(parameterNames('aten::chunk')).toEqual(['self', 'chunks', 'dim']);
    expect(parameterNames('aten::add_.Tensor')).toEqual(['self', 'other', 'alpha']);
    expect(parameterNames('aten::topk')).toEqual(['self', 'k', 'dim', 'largest', 'sorted']);
  });
});
