/** Operations of one element at a time. */
import type { DType } from '../../native/addon.ts';
import type { Call } from '../call.ts';
import type { Rows } from './rows.ts';

/** An ONNX operator of the same meaning. */
const unary = (op: string) => (call: Call) => call.add(op, [call.input('self')]);

/** An operator of two tensors of one type, that of the result. */
function binary(op: string, call: Call): string {
  const { dtype } = call.result;
  if (dtype === 'bool') call.refuse('of two bools; use logicalAnd or logicalOr');
  const alpha = call.has('alpha') ? call.number('alpha') : 1;
  const other = call.input('other', dtype);
  const scaled = alpha === 1 ? other : call.add('Mul', [other, call.graph.scalar(alpha, dtype)]);
  return call.add(op, [call.input('self', dtype), scaled]);
}

/** From the narrowest to the widest. */
const widths: readonly DType[] = ['bool', 'uint8', 'int32', 'int64', 'float32', 'float64'];

/** An operator that gives a bool for two tensors, which are compared as the wider type of theirs. */
function comparison(op: string, call: Call): string {
  const self = call.value('self');
  const other = call.value('other', self.dtype);
  const dtype = widths[Math.max(...[self, other].map((value) => widths.indexOf(value.dtype)))] ?? self.dtype;
  return call.add(op, [call.graph.cast(self, dtype), call.graph.cast(other, dtype)]);
}

const logical = (op: string) => (call: Call) => call.add(op, [call.input('self', 'bool'), call.input('other', 'bool')]);

/** x · Φ(x), or Hendrycks and Gimpel's approximation of it by tanh (2016, arXiv:1606.08415). */
function gelu(call: Call): string {
  const x = call.input('self');
  const number = (value: number): string => call.graph.scalar(value, call.result.dtype);
  const mul = (a: string, b: string): string => call.add('Mul', [a, b]);
  const half = mul(x, number(0.5));
  const twice =
    call.text('approximate') === 'tanh'
      ? call.add('Tanh', [
          mul(call.add('Add', [x, mul(mul(x, mul(x, x)), number(0.044715))]), number(Math.sqrt(2 / Math.PI))),
        ])
      : call.add('Erf', [mul(x, number(Math.SQRT1_2))]);
  return mul(half, call.add('Add', [twice, number(1)]));
}

/** log(1 + e^(βx)) / β. Above its threshold libtorch's is x, which is the same in float32. */
function softplus(call: Call): string {
  const beta = call.number('beta');
  if (beta === 1) return call.add('Softplus', [call.input('self')]);
  const scale = call.graph.scalar(beta, call.result.dtype);
  return call.add('Div', [call.add('Softplus', [call.add('Mul', [call.input('self'), scale])]), scale]);
}

function elu(call: Call): string {
  if (call.number('scale') !== 1 || call.number('input_scale') !== 1) call.refuse('its scales must be 1');
  return call.add('Elu', [call.input('self')], { alpha: { float: call.number('alpha') } });
}

function clip(call: Call, least: string, most: string): string {
  const { dtype } = call.result;
  const limit = (name: string) => (call.has(name) ? call.graph.scalar(call.number(name), dtype) : undefined);
  return call.add('Clip', [call.input('self', dtype), limit(least), limit(most)]);
}

export const pointwise: Rows = {
  'aten::abs': unary('Abs'),
  'aten::neg': unary('Neg'),
  'aten::exp': unary('Exp'),
  'aten::log': unary('Log'),
  'aten::sqrt': unary('Sqrt'),
  'aten::rsqrt': (call) => call.add('Reciprocal', [call.add('Sqrt', [call.input('self')])]),
  'aten::square': (call) => call.add('Mul', [call.input('self'), call.input('self')]),
  'aten::reciprocal': unary('Reciprocal'),
  'aten::sign': unary('Sign'),
  'aten::floor': unary('Floor'),
  'aten::ceil': unary('Ceil'),
  'aten::round': unary('Round'),
  'aten::sin': unary('Sin'),
  'aten::cos': unary('Cos'),
  'aten::erf': unary('Erf'),
  'aten::isnan': unary('IsNaN'),
  'aten::relu': unary('Relu'),
  'aten::sigmoid': unary('Sigmoid'),
  'aten::tanh': unary('Tanh'),
  'aten::gelu': gelu,
  'aten::silu': (call) => call.add('Mul', [call.input('self'), call.add('Sigmoid', [call.input('self')])]),
  'aten::hardswish': unary('HardSwish'),
  'aten::hardsigmoid': (call) =>
    call.add('HardSigmoid', [call.input('self')], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }),
  'aten::leaky_relu': (call) =>
    call.add('LeakyRelu', [call.input('self')], { alpha: { float: call.number('negative_slope') } }),
  'aten::elu': elu,
  'aten::softplus': softplus,
  'aten::log_sigmoid': (call) => call.add('Neg', [call.add('Softplus', [call.add('Neg', [call.input('self')])])]),
  'aten::clamp': (call) => clip(call, 'min', 'max'),
  'aten::hardtanh': (call) => clip(call, 'min_val', 'max_val'),
  'aten::relu6': (call) =>
    call.add('Clip', [call.input('self'), ...[0, 6].map((limit) => call.graph.scalar(limit, call.result.dtype))]),

  'aten::add.Tensor': (call) => binary('Add', call),
  'aten::sub.Tensor': (call) => binary('Sub', call),
  'aten::mul.Tensor': (call) => binary('Mul', call),
  'aten::div.Tensor': (call) => binary('Div', call),
  'aten::maximum': (call) => binary('Max', call),
  'aten::minimum': (call) => binary('Min', call),
  'aten::pow.Tensor_Tensor': (call) =>
    call.add('Pow', [call.input('self', call.result.dtype), call.input('exponent', call.result.dtype)]),
  'aten::pow.Tensor_Scalar': (call) =>
    call.add('Pow', [call.input('self', call.result.dtype), call.input('exponent', call.result.dtype)]),

  'aten::eq.Tensor': (call) => comparison('Equal', call),
  'aten::ne.Tensor': (call) => call.add('Not', [comparison('Equal', call)]),
  'aten::lt.Tensor': (call) => comparison('Less', call),
  'aten::le.Tensor': (call) => comparison('LessOrEqual', call),
  'aten::gt.Tensor': (call) => comparison('Greater', call),
  'aten::ge.Tensor': (call) => comparison('GreaterOrEqual', call),
  'aten::logical_not': (call) => call.add('Not', [call.input('self', 'bool')]),
  'aten::logical_and': logical('And'),
  'aten::logical_or': logical('Or'),
  'aten::where.self': (call) =>
    call.add('Where', [
      call.input('condition'),
      call.input('self', call.result.dtype),
      call.input('other', call.result.dtype),
    ]),
  'aten::masked_fill.Scalar': (call) =>
    call.add('Where', [
      call.input('mask'),
      call.graph.scalar(call.number('value'), call.result.dtype),
      call.input('self'),
    ]),

  'aten::to.dtype': (call) => call.input('self', call.result.dtype),
  'aten::contiguous': (call) => call.input('self'),
  'aten::clone': (call) => call.input('self'),
  'aten::detach': (call) => call.input('self'),
};
