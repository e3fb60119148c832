import { autocast } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { programOf, type RecordedProgram } from '../../lib/tensor/program.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** A small encoder with what files have to hold: batch sizes, lists, strings, infinities, defaults in between, modes, constants. */
export function smallEncoder(): RecordedProgram & { readonly forward: (x: Tensor) => Tensor } {
  const weight = (shape: readonly number[], seed: number) => ops.randn(shape, { seed }).mul(0.3);
  const weights = {
    'conv.weight': weight([4, 3, 3, 3], 1),
    mean: weight([4], 2),
    variance: weight([4], 3).square().add(1),
    'qkv.weight': weight([12, 4], 4),
    'fc.weight': weight([5, 16], 5),
  };
  const forward = (x: Tensor) => {
    const batch = x.shape[0] as number;
    const y = ops.conv2d(x, weights['conv.weight'], { stride: 1, padding: 1 });
    const z = ops
      .batchNorm(y, {
        runningMean: weights.mean,
        runningVar: weights.variance,
        training: false,
        momentum: 0.1,
        eps: 1e-5,
      })
      .gelu({ approximate: 'tanh' });
    const tokens = z.maxPool2d([2, 2]).reshape([batch, 4, -1]).transpose(1, 2);
    const [q, k, v] = ops.linear(tokens, weights['qkv.weight']).chunk(3, -1) as [Tensor, Tensor, Tensor];
    const scores = q
      .matmul(k.transpose(-2, -1))
      .add(tensor([0, 0, 0, Number.NEGATIVE_INFINITY]))
      .softmax(-1);
    const mixed = autocast('bfloat16', () => scores.matmul(v))
      .to('float32')
      .clamp(undefined, Number.POSITIVE_INFINITY);
    return ops.linear(ops.cat([mixed.select(1, 0), mixed.flatten(1).slice(1, 0, 12)], 1), weights['fc.weight']);
  };
  const names = new Map(Object.entries(weights).map(([name, each]) => [each, name]));
  return { forward, ...programOf(([x]) => [forward(x as Tensor)], [ops.zeros([1, 3, 4, 4])], names) };
}
