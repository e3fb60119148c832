/** Operations that make one value of many. */
import type { Call } from '../call.ts';
import type { Size } from '../sizes.ts';
import type { Rows } from './rows.ts';

/** undefined: all of them. */
function axesOf(call: Call, name = 'dim'): readonly number[] | undefined {
  const axes = call.has(name) ? call.numbers(name) : [];
  return axes.length === 0 ? undefined : axes;
}

const keptDimensions = (call: Call): number => Number(call.has('keepdim') && call.flag('keepdim'));

function reduce(op: string, call: Call): string {
  const axes = axesOf(call);
  return call.add(op, [call.input('self', call.result.dtype)], {
    ...(axes && { axes }),
    keepdims: keptDimensions(call),
  });
}

/** The one operator whose axes are an input. */
function sum(call: Call): string {
  const axes = axesOf(call);
  const inputs = [call.input('self', call.result.dtype), axes && call.graph.integers(axes)];
  return call.add('ReduceSum', inputs, { keepdims: keptDimensions(call) });
}

/** The operator of a norm: the sum of magnitudes, or the root of the sum of squares. */
function normOf(call: Call, argument: string): string {
  const order = call.number(argument);
  return order === 1 || order === 2 ? `ReduceL${order}` : call.refuse(`'${argument}' must be 1 or 2, got ${order}`);
}

/** x / max(‖x‖, eps). */
function normalize(call: Call): string {
  const { name, dtype } = call.value('input');
  const length = call.add(normOf(call, 'p'), [name], { axes: [call.number('dim')], keepdims: 1 });
  return call.add('Div', [name, call.add('Max', [length, call.graph.scalar(call.number('eps'), dtype)])]);
}

/** The mean of squared differences from the mean, times n / (n − correction). */
function variance(call: Call): string {
  const { shape, dtype, name } = call.value('self');
  const axes = axesOf(call);
  const correction = call.has('correction') ? call.number('correction') : 1;
  const chosen = axes?.map((axis) => shape.at(axis)) ?? shape;
  const mean = call.add('ReduceMean', [name], { ...(axes && { axes }), keepdims: 1 });
  const difference = call.add('Sub', [name, mean]);
  const squares = call.add('Mul', [difference, difference]);
  const biased = call.add('ReduceMean', [squares], { ...(axes && { axes }), keepdims: keptDimensions(call) });
  if (correction === 0) return biased;
  const count = chosen.reduce<number>((n, size: Size | undefined) => n * call.fixed(size, 'the number of values'), 1);
  return call.add('Mul', [biased, call.graph.scalar(count / (count - correction), dtype)]);
}

function softmax(op: string, call: Call): string {
  return call.add(op, [call.input('self', call.result.dtype)], { axis: call.number('dim') });
}

export const reductions: Rows = {
  'aten::mean.dim': (call) => reduce('ReduceMean', call),
  'aten::amax': (call) => reduce('ReduceMax', call),
  'aten::amin': (call) => reduce('ReduceMin', call),
  'aten::logsumexp': (call) => reduce('ReduceLogSumExp', call),
  'aten::sum.dim_IntList': sum,
  'aten::linalg_vector_norm': (call) => reduce(normOf(call, 'ord'), call),
  normalize,
  'aten::var.correction': variance,
  'aten::std.correction': (call) => call.add('Sqrt', [variance(call)]),
  'aten::softmax.int': (call) => softmax('Softmax', call),
  'aten::log_softmax.int': (call) => softmax('LogSoftmax', call),
};
