/**
 * A case for every libtorch operator in lib/tensor/ops.ts: a call, and what it must give, computed in plain JavaScript.
 * `want` is one nested array a result.
 */
import { expect } from 'vitest';
import { Generator } from '../../lib/tensor/generator.ts';
import type { NestedArray } from '../../lib/tensor/nested.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type DType, type Tensor, tensor } from '../../lib/tensor/tensor.ts';

export interface OperatorCase {
  readonly run: () => Tensor | Tensor[];
  readonly want: readonly NestedArray[];
  /** Of each result; default 'float32'. */
  readonly dtypes?: readonly DType[];
  readonly tolerance?: number;
  /** The shape of the result depends on the values. */
  readonly dataDependent?: boolean;
}

/** Of the values of a result. */
export function expectClose(actual: ArrayLike<number | bigint>, want: NestedArray, tolerance: number): void {
  const expected = ([want] as unknown[]).flat(Number.POSITIVE_INFINITY) as number[];
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    const got = Number(actual[i]);
    if (Number.isFinite(value))
      expect(Math.abs(got - value)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(value)));
    else expect(got).toBe(value);
  });
}

type Matrix = number[][];
const A: Matrix = [
  [1, -2, 3],
  [4, 5, -6],
];
const B: Matrix = [
  [2, 2, -1],
  [0.5, 5, 3],
];
const P: Matrix = [
  [0.5, 1, 2],
  [3, 4, 5],
];
const S: Matrix = [
  [0.1, -0.2, 0.7],
  [-1.5, 2.5, 0.49],
];
const odd: Matrix = [
  [Number.NaN, 1, Number.POSITIVE_INFINITY],
  [0, Number.NEGATIVE_INFINITY, -2],
];
const bits: Matrix = [
  [1, 0, 1],
  [0, 0, 1],
];

const a = () => tensor(A);
const b = () => tensor(B);
const p = () => tensor(P);
const s = () => tensor(S);
const int = (data: NestedArray) => tensor(data, { dtype: 'int64' });
const mask = () => tensor(bits, { dtype: 'bool' });

const map = (x: Matrix, f: (v: number, i: number, j: number) => number): Matrix =>
  x.map((row, i) => row.map((v, j) => f(v, i, j)));
const zip = (x: Matrix, y: Matrix, f: (v: number, w: number) => number): Matrix =>
  map(x, (v, i, j) => f(v, (y[i] as number[])[j] as number));
const turn = (x: Matrix): Matrix => (x[0] as number[]).map((_, j) => x.map((row) => row[j] as number));
const total = (row: readonly number[]): number => row.reduce((sum, v) => sum + v, 0);
const product = (row: readonly number[]): number => row.reduce((all, v) => all * v, 1);
const multiply = (x: Matrix, y: Matrix): Matrix =>
  x.map((row) => turn(y).map((column) => total(row.map((v, k) => v * (column[k] as number)))));
const average = (row: readonly number[]): number => total(row) / row.length;
const spread = (row: readonly number[]): number => total(row.map((v) => (v - average(row)) ** 2)) / (row.length - 1);
const softmax = (row: readonly number[]): number[] => row.map((v) => Math.exp(v) / total(row.map(Math.exp)));
const standardise = (row: readonly number[], eps = 1e-5): number[] => {
  const variance = total(row.map((v) => (v - average(row)) ** 2)) / row.length;
  return row.map((v) => (v - average(row)) / Math.sqrt(variance + eps));
};
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Abramowitz and Stegun 7.1.26 is too coarse; the series is exact enough for |x| < 3. */
function erf(x: number): number {
  let sum = 0;
  let term = x;
  for (let n = 0; n < 60; n++) {
    sum += term / (2 * n + 1);
    term *= -(x * x) / (n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const bool: readonly DType[] = ['bool'];
const int64: readonly DType[] = ['int64'];

const unary = (run: (x: Tensor) => Tensor, x: Matrix, f: (v: number) => number): OperatorCase => ({
  run: () => run(tensor(x)),
  want: [map(x, f)],
});
const test = (run: (x: Tensor) => Tensor, x: Matrix, f: (v: number) => boolean): OperatorCase => ({
  run: () => run(tensor(x)),
  want: [map(x, (v) => Number(f(v)))],
  dtypes: bool,
});
const binary = (run: (x: Tensor, y: Tensor) => Tensor, x: Matrix, y: Matrix, f: (v: number, w: number) => number) => ({
  run: () => run(tensor(x), tensor(y)),
  want: [zip(x, y, f)],
});
const compare = (run: (x: Tensor, y: Tensor) => Tensor, f: (v: number, w: number) => boolean): OperatorCase => ({
  run: () => run(a(), b()),
  want: [zip(A, B, (v, w) => Number(f(v, w)))],
  dtypes: bool,
});

// (1, 1, 4, 4): 0 … 15
const image = () => ops.arange(16, { dtype: 'float32' }).reshape([1, 1, 4, 4]);
// numbers of [2, 2, 2]
const cube = () => ops.arange(8, { dtype: 'float32' }).reshape([2, 2, 2]);

export const operatorCases: Readonly<Record<string, OperatorCase>> = {
  abs: unary((x) => x.abs(), A, Math.abs),
  neg: unary(
    (x) => x.neg(),
    A,
    (v) => -v,
  ),
  exp: unary((x) => x.exp(), S, Math.exp),
  expm1: unary((x) => x.expm1(), S, Math.expm1),
  log: unary((x) => x.log(), P, Math.log),
  log1p: unary((x) => x.log1p(), P, Math.log1p),
  log2: unary((x) => x.log2(), P, Math.log2),
  sqrt: unary((x) => x.sqrt(), P, Math.sqrt),
  rsqrt: unary(
    (x) => x.rsqrt(),
    P,
    (v) => 1 / Math.sqrt(v),
  ),
  square: unary(
    (x) => x.square(),
    A,
    (v) => v * v,
  ),
  reciprocal: unary(
    (x) => x.reciprocal(),
    A,
    (v) => 1 / v,
  ),
  sign: unary((x) => x.sign(), A, Math.sign),
  floor: unary((x) => x.floor(), S, Math.floor),
  ceil: unary((x) => x.ceil(), S, Math.ceil),
  // To even, as in PyTorch.
  round: { run: () => tensor([0.5, 1.5, 2.5, -0.5, 1.2]).round(), want: [[0, 2, 2, -0, 1]] },
  sin: unary((x) => x.sin(), S, Math.sin),
  cos: unary((x) => x.cos(), S, Math.cos),
  tan: unary((x) => x.tan(), S, Math.tan),
  tanh: unary((x) => x.tanh(), S, Math.tanh),
  sigmoid: unary((x) => x.sigmoid(), S, sigmoid),
  erf: unary((x) => x.erf(), S, erf),
  erfinv: { run: () => tensor([0, 0.5, -0.9]).erfinv(), want: [[0, 0.47693628, -1.16308707]] },
  isnan: test((x) => x.isnan(), odd, Number.isNaN),
  isfinite: test((x) => x.isfinite(), odd, Number.isFinite),
  isinf: test(
    (x) => x.isinf(),
    odd,
    (v) => Math.abs(v) === Number.POSITIVE_INFINITY,
  ),
  logicalNot: test(
    (x) => x.logicalNot(),
    bits,
    (v) => v === 0,
  ),
  relu: unary(
    (x) => x.relu(),
    A,
    (v) => Math.max(v, 0),
  ),
  gelu: unary(
    (x) => x.gelu(),
    S,
    (v) => 0.5 * v * (1 + erf(v / Math.SQRT2)),
  ),
  silu: unary(
    (x) => x.silu(),
    S,
    (v) => v * sigmoid(v),
  ),
  softplus: unary(
    (x) => x.softplus(2),
    S,
    (v) => Math.log1p(Math.exp(2 * v)) / 2,
  ),
  leakyRelu: unary(
    (x) => x.leakyRelu(0.2),
    A,
    (v) => (v > 0 ? v : 0.2 * v),
  ),
  elu: unary(
    (x) => x.elu(0.5),
    A,
    (v) => (v > 0 ? v : 0.5 * Math.expm1(v)),
  ),
  relu6: unary(
    (x) => x.relu6(),
    A.map((row) => row.map((v) => 2 * v)),
    (v) => Math.min(6, Math.max(0, v)),
  ),
  hardswish: unary(
    (x) => x.hardswish(),
    A,
    (v) => (v * Math.min(6, Math.max(0, v + 3))) / 6,
  ),
  hardsigmoid: unary(
    (x) => x.hardsigmoid(),
    A,
    (v) => Math.min(6, Math.max(0, v + 3)) / 6,
  ),
  hardtanh: unary(
    (x) => x.hardtanh(-2, 2),
    A,
    (v) => Math.min(2, Math.max(-2, v)),
  ),
  logSigmoid: unary(
    (x) => x.logSigmoid(),
    S,
    (v) => Math.log(sigmoid(v)),
  ),

  add: { run: () => a().add(b(), { alpha: 2 }), want: [zip(A, B, (v, w) => v + 2 * w)] },
  sub: { run: () => a().sub(1.5), want: [map(A, (v) => v - 1.5)] },
  mul: binary(
    (x, y) => x.mul(y),
    A,
    B,
    (v, w) => v * w,
  ),
  div: binary(
    (x, y) => x.div(y),
    A,
    B,
    (v, w) => v / w,
  ),
  pow: { run: () => p().pow(1.5), want: [map(P, (v) => v ** 1.5)] },
  maximum: binary((x, y) => x.maximum(y), A, B, Math.max),
  minimum: { run: () => a().minimum(2), want: [map(A, (v) => Math.min(v, 2))] },
  atan2: binary((x, y) => x.atan2(y), A, B, Math.atan2),
  // The sign of the divisor, as Python's %.
  remainder: { run: () => a().remainder(4), want: [map(A, (v) => ((v % 4) + 4) % 4)] },
  eq: compare(
    (x, y) => x.eq(y),
    (v, w) => v === w,
  ),
  ne: compare(
    (x, y) => x.ne(y),
    (v, w) => v !== w,
  ),
  lt: compare(
    (x, y) => x.lt(y),
    (v, w) => v < w,
  ),
  le: compare(
    (x, y) => x.le(y),
    (v, w) => v <= w,
  ),
  gt: compare(
    (x, y) => x.gt(y),
    (v, w) => v > w,
  ),
  ge: compare(
    (x, y) => x.ge(y),
    (v, w) => v >= w,
  ),
  logicalAnd: {
    run: () => mask().logicalAnd(a().gt(0)),
    want: [zip(bits, A, (v, w) => Number(v && w > 0))],
    dtypes: bool,
  },
  logicalOr: {
    run: () => mask().logicalOr(a().gt(0)),
    want: [zip(bits, A, (v, w) => Number(v || w > 0))],
    dtypes: bool,
  },
  where: { run: () => ops.where(mask(), a(), -1), want: [zip(bits, A, (v, w) => (v ? w : -1))] },
  clamp: { run: () => a().clamp(-1, 4), want: [map(A, (v) => Math.min(4, Math.max(-1, v)))] },
  lerp: { run: () => a().lerp(b(), 0.25), want: [zip(A, B, (v, w) => v + 0.25 * (w - v))] },
  nanToNum: {
    run: () => tensor(odd).nanToNum(7, 8, -9),
    want: [
      [
        [7, 1, 8],
        [0, -9, -2],
      ],
    ],
  },

  sum: { run: () => a().sum(1), want: [A.map(total)] },
  mean: { run: () => a().mean(0, true), want: [[turn(A).map(average)]] },
  amax: { run: () => a().amax(1), want: [A.map((row) => Math.max(...row))] },
  amin: { run: () => a().amin([0, 1]), want: [-6] },
  max: {
    run: () => a().max(1, true),
    want: [
      [[3], [5]],
      [[2], [1]],
    ],
    dtypes: ['float32', 'int64'],
  },
  min: {
    run: () => a().min(0),
    want: [
      [1, -2, -6],
      [0, 0, 1],
    ],
    dtypes: ['float32', 'int64'],
  },
  argmax: { run: () => a().argmax(1), want: [[2, 1]], dtypes: int64 },
  argmin: { run: () => a().argmin(), want: [5], dtypes: int64 },
  std: { run: () => a().std(1), want: [A.map((row) => Math.sqrt(spread(row)))] },
  variance: { run: () => a().variance(1, { correction: 0 }), want: [A.map((row) => (spread(row) * 2) / 3)] },
  svd: {
    run: () => {
      const [u, values, v] = ops.svd(a(), false);
      return [u.mul(values).mm(v), values];
    },
    dtypes: ['float32', 'float32'],
    want: [A, [Math.sqrt((91 + Math.sqrt(6273)) / 2), Math.sqrt((91 - Math.sqrt(6273)) / 2)]], // of the eigenvalues of AAᵀ
    tolerance: 1e-5,
  },
  eigh: {
    run: () => {
      const [values, vectors] = a().mm(a().t()).eigh();
      return [vectors.mul(values).mm(vectors.t()), values];
    },
    dtypes: ['float32', 'float32'],
    want: [multiply(A, turn(A)), [(91 - Math.sqrt(6273)) / 2, (91 + Math.sqrt(6273)) / 2]],
    tolerance: 1e-5,
  },
  eigvalsh: {
    run: () => a().mm(a().t()).eigvalsh(),
    want: [[(91 - Math.sqrt(6273)) / 2, (91 + Math.sqrt(6273)) / 2]],
    tolerance: 1e-5,
  },
  norm: { run: () => a().norm(2, 1), want: [A.map((row) => Math.hypot(...row))] },
  logsumexp: { run: () => a().logsumexp(1), want: [A.map((row) => Math.log(total(row.map(Math.exp))))] },
  cumsum: {
    run: () => a().cumsum(1),
    want: [
      [
        [1, -1, 2],
        [4, 9, 3],
      ],
    ],
  },
  all: { run: () => mask().all(1), want: [[0, 0]], dtypes: bool },
  any: { run: () => mask().any(0), want: [[1, 0, 1]], dtypes: bool },
  topk: {
    run: () => a().topk(2, 1),
    want: [
      [
        [3, 1],
        [5, 4],
      ],
      [
        [2, 0],
        [1, 0],
      ],
    ],
    dtypes: ['float32', 'int64'],
  },
  sort: {
    run: () => a().sort(1, true),
    want: [
      [
        [3, 1, -2],
        [5, 4, -6],
      ],
      [
        [2, 0, 1],
        [1, 0, 2],
      ],
    ],
    dtypes: ['float32', 'int64'],
  },
  prod: { run: () => a().prod(1), want: [A.map(product)] },
  bincount: { run: () => int([0, 2, 2, 3]).bincount(), want: [[1, 0, 2, 1]], dtypes: int64, dataDependent: true },

  reshape: {
    run: () => a().reshape([3, -1]),
    want: [
      [
        [1, -2],
        [3, 4],
        [5, -6],
      ],
    ],
  },
  permute: {
    run: () => cube().permute([2, 0, 1]),
    want: [
      [
        [
          [0, 2],
          [4, 6],
        ],
        [
          [1, 3],
          [5, 7],
        ],
      ],
    ],
  },
  transpose: { run: () => a().transpose(0, 1), want: [turn(A)] },
  t: { run: () => a().t(), want: [turn(A)] },
  unflatten: {
    run: () => int([0, 1, 2, 3]).unflatten(0, [2, 2]),
    want: [
      [
        [0, 1],
        [2, 3],
      ],
    ],
    dtypes: int64,
  },
  flatten: {
    run: () => cube().flatten(1),
    want: [
      [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
      ],
    ],
  },
  unsqueeze: { run: () => a().unsqueeze(0), want: [[A]] },
  squeeze: { run: () => a().reshape([2, 1, 3]).squeeze(1), want: [A] },
  expand: {
    run: () => tensor([[1], [2]]).expand([2, 3]),
    want: [
      [
        [1, 1, 1],
        [2, 2, 2],
      ],
    ],
  },
  repeat: {
    run: () => tensor([1, 2]).repeat([2, 2]),
    want: [
      [
        [1, 2, 1, 2],
        [1, 2, 1, 2],
      ],
    ],
  },
  cat: { run: () => ops.cat([a(), b()], 1), want: [A.map((row, i) => [...row, ...(B[i] as number[])])] },
  stack: { run: () => ops.stack([a(), b()]), want: [[A, B]] },
  split: {
    run: () => a().split(2, 1),
    want: [
      [
        [1, -2],
        [4, 5],
      ],
      [[3], [-6]],
    ],
    dtypes: ['float32', 'float32'],
  },
  chunk: { run: () => a().chunk(2, 0), want: [[A[0] as number[]], [A[1] as number[]]], dtypes: ['float32', 'float32'] },
  unbind: { run: () => a().unbind(0), want: [A[0] as number[], A[1] as number[]], dtypes: ['float32', 'float32'] },
  narrow: {
    run: () => a().narrow(1, 1, 2),
    want: [
      [
        [-2, 3],
        [5, -6],
      ],
    ],
  },
  select: { run: () => a().select(1, -1), want: [[3, -6]] },
  slice: {
    run: () => a().slice(1, 0, 3, 2),
    want: [
      [
        [1, 3],
        [4, -6],
      ],
    ],
  },
  indexSelect: {
    run: () => a().indexSelect(1, int([2, 0])),
    want: [
      [
        [3, 1],
        [-6, 4],
      ],
    ],
  },
  index: { run: () => a().index([int([1, 0, 1]), int([2, 0, 0])]), want: [[-6, 1, 4]] },
  indexPut: {
    run: () => a().indexPut([undefined, int([0, 0])], tensor([10, 1]), true),
    want: [map(A, (v, _, j) => (j === 0 ? v + 11 : v))],
  },
  gather: {
    run: () =>
      a().gather(
        1,
        int([
          [0, 2],
          [1, 1],
        ]),
      ),
    want: [
      [
        [1, 3],
        [5, 5],
      ],
    ],
  },
  scatter: {
    run: () => a().scatter(1, int([[0], [2]]), tensor([[9], [8]])),
    want: [
      [
        [9, -2, 3],
        [4, 5, 8],
      ],
    ],
  },
  scatterAdd: {
    run: () => a().scatterAdd(1, int([[0, 0]]), tensor([[9, 8]])),
    want: [
      [
        [18, -2, 3],
        [4, 5, -6],
      ],
    ],
  },
  maskedFill: { run: () => a().maskedFill(mask(), 7), want: [zip(bits, A, (v, w) => (v ? 7 : w))] },
  maskedSelect: { run: () => a().maskedSelect(mask()), want: [[1, 3, -6]], dataDependent: true },
  nonzero: {
    run: () => mask().nonzero(),
    want: [
      [
        [0, 0],
        [0, 2],
        [1, 2],
      ],
    ],
    dtypes: int64,
    dataDependent: true,
  },
  flip: {
    run: () => a().flip([0, 1]),
    want: [
      [
        [-6, 5, 4],
        [3, -2, 1],
      ],
    ],
  },
  roll: {
    run: () => a().roll(1, 1),
    want: [
      [
        [3, 1, -2],
        [-6, 4, 5],
      ],
    ],
  },
  tril: {
    run: () => a().tril(),
    want: [
      [
        [1, 0, 0],
        [4, 5, 0],
      ],
    ],
  },
  triu: {
    run: () => a().triu(1),
    want: [
      [
        [0, -2, 3],
        [0, 0, -6],
      ],
    ],
  },
  diagonal: { run: () => a().diagonal(), want: [[1, 5]] },
  contiguous: { run: () => a().t().contiguous(), want: [turn(A)] },
  clone: { run: () => a().clone(), want: [A] },
  detach: { run: () => a().detach(), want: [A] },
  oneHot: {
    run: () => int([2, 0]).oneHot(3),
    want: [
      [
        [0, 0, 1],
        [1, 0, 0],
      ],
    ],
    dtypes: int64,
  },
  repeatInterleave: { run: () => tensor([1, 2]).repeatInterleave(2, 0), want: [[1, 1, 2, 2]] },

  matmul: { run: () => a().matmul(b().t()), want: [multiply(A, turn(B))] },
  mm: { run: () => a().mm(b().t()), want: [multiply(A, turn(B))] },
  bmm: {
    run: () => cube().bmm(cube()),
    want: [
      [
        [
          [2, 3],
          [6, 11],
        ],
        [
          [46, 55],
          [66, 79],
        ],
      ],
    ],
  },
  addmm: {
    run: () => ops.addmm(tensor([1, 2]), a(), b().t(), { beta: 2, alpha: 3 }),
    want: [map(multiply(A, turn(B)), (v, _, j) => 2 * (j + 1) + 3 * v)],
  },
  dot: { run: () => tensor([1, 2, 3]).dot(tensor([4, 5, 6])), want: [32] },
  outer: {
    run: () => tensor([1, 2]).outer(tensor([3, 4])),
    want: [
      [
        [3, 4],
        [6, 8],
      ],
    ],
  },
  einsum: { run: () => ops.einsum('ij,kj->ik', [a(), b()]), want: [multiply(A, turn(B))] },
  cdist: {
    run: () => ops.cdist(a(), b()),
    want: [A.map((x) => B.map((y) => Math.hypot(...x.map((v, k) => v - (y[k] as number)))))],
  },
  linear: {
    run: () => ops.linear(a(), b(), { bias: tensor([1, -1]) }),
    want: [map(multiply(A, turn(B)), (v, _, j) => v + 1 - 2 * j)],
  },
  conv2d: {
    run: () =>
      ops.conv2d(
        image(),
        tensor([
          [
            [
              [1, 0],
              [0, -1],
            ],
          ],
        ]),
        { bias: tensor([10]), stride: 2 },
      ),
    want: [
      [
        [
          [
            [5, 5],
            [5, 5],
          ],
        ],
      ],
    ],
  },
  cosineSimilarity: {
    run: () => ops.cosineSimilarity(a(), b(), 1),
    want: [
      A.map(
        (x, i) =>
          total(x.map((v, k) => v * (B[i] as number[])[k]!)) / (Math.hypot(...x) * Math.hypot(...(B[i] as number[]))),
      ),
    ],
  },
  batchNorm: {
    run: () => ops.batchNorm(a(), { training: true, momentum: 0.1, eps: 1e-5 }),
    want: [turn(turn(A).map((column) => standardise(column)))],
  },
  layerNorm: { run: () => ops.layerNorm(a(), [3]), want: [A.map((row) => standardise(row))] },
  groupNorm: { run: () => ops.groupNorm(a(), 1), want: [A.map((row) => standardise(row))] },
  softmax: { run: () => s().softmax(1), want: [S.map(softmax)] },
  logSoftmax: { run: () => s().logSoftmax(1), want: [map(S.map(softmax), Math.log)] },
  crossEntropyLoss: {
    run: () => ops.crossEntropyLoss(s(), int([2, 0])),
    want: [average([-Math.log(softmax(S[0] as number[])[2]!), -Math.log(softmax(S[1] as number[])[0]!)])],
  },
  nllLoss: { run: () => ops.nllLoss(s(), int([2, 0]), { reduction: 'sum' }), want: [-0.7 + 1.5] },
  smoothL1Loss: {
    run: () => ops.smoothL1Loss(a(), b(), 'none', 2),
    want: [zip(A, B, (v, w) => (Math.abs(v - w) < 2 ? (v - w) ** 2 / 4 : Math.abs(v - w) - 1))],
  },
  klDiv: {
    run: () => ops.klDiv(s(), tensor(P), 'sum'),
    want: [total(zip(S, P, (v, w) => w * (Math.log(w) - v)).flat())],
  },
  mseLoss: { run: () => ops.mseLoss(a(), b(), 'none'), want: [zip(A, B, (v, w) => (v - w) ** 2)] },
  binaryCrossEntropyWithLogits: {
    run: () => ops.binaryCrossEntropyWithLogits(s(), tensor(bits)),
    want: [average(zip(S, bits, (v, w) => -(w ? Math.log(sigmoid(v)) : Math.log(1 - sigmoid(v)))).flat())],
  },
  embedding: { run: () => ops.embedding(a(), int([[1, 0]])), want: [[[A[1] as number[], A[0] as number[]]]] },
  maxPool2d: {
    run: () => ops.maxPool2d(image(), 2),
    want: [
      [
        [
          [
            [5, 7],
            [13, 15],
          ],
        ],
      ],
    ],
  },
  avgPool2d: {
    run: () => ops.avgPool2d(image(), [2, 2]),
    want: [
      [
        [
          [
            [2.5, 4.5],
            [10.5, 12.5],
          ],
        ],
      ],
    ],
  },
  adaptiveAvgPool2d: { run: () => ops.adaptiveAvgPool2d(image(), [1, 1]), want: [[[[[7.5]]]]] },
  upsampleNearest2d: { run: () => ops.upsampleNearest2d(tensor([[[[0, 2]]]]), [1, 4]), want: [[[[[0, 0, 2, 2]]]]] },
  upsampleBicubic2d: {
    run: () => ops.upsampleBicubic2d(tensor([[[[0, 2]]]]), { outputSize: [1, 3], alignCorners: true }),
    want: [[[[[0, 1, 2]]]]], // in the middle, weights -3/32, 19/32, 19/32, -3/32 of 0, 0, 2, 2
  },
  pad: { run: () => ops.pad(tensor([[1, 2]]), [1, 2], 'constant', 9), want: [[[9, 1, 2, 9, 9]]] },
  upsampleBilinear2d: {
    run: () => ops.upsampleBilinear2d(tensor([[[[0, 2]]]]), { outputSize: [1, 3], alignCorners: true }),
    want: [[[[[0, 1, 2]]]]],
  },
  full: {
    run: () => ops.full([2, 2], 3, { dtype: 'int32' }),
    want: [
      [
        [3, 3],
        [3, 3],
      ],
    ],
    dtypes: ['int32'],
  },
  zeros: { run: () => ops.zeros([2]), want: [[0, 0]] },
  ones: { run: () => ops.ones(2, { dtype: 'float64' }), want: [[1, 1]], dtypes: ['float64'] },
  arange: { run: () => ops.arange(3), want: [[0, 1, 2]], dtypes: int64 },
  linspace: { run: () => ops.linspace(-1, 1, 5), want: [[-1, -0.5, 0, 0.5, 1]] },
  eye: {
    run: () => ops.eye(2),
    want: [
      [
        [1, 0],
        [0, 1],
      ],
    ],
  },
  zerosLike: { run: () => a().zerosLike(), want: [map(A, () => 0)] },
  onesLike: { run: () => a().onesLike({ dtype: 'uint8' }), want: [map(A, () => 1)], dtypes: ['uint8'] },

  empty: { run: () => ops.empty([2, 0], { memoryFormat: 'contiguous' }), want: [[[], []]] },
  // torch.manual_seed(0), then the same calls.
  normal_: {
    run: () => ops.empty([3]).normal_(1, 2, { generator: new Generator(0) }),
    want: [[4.0819921, 0.41314217, -3.3575788]],
  },
  uniform_: {
    run: () => ops.empty([3]).uniform_(-1, 1, { generator: new Generator(0) }),
    want: [[-0.00748682, 0.53644359, -0.82304513]],
  },
  add_: { run: () => a().add_(b()), want: [zip(A, B, (v, w) => v + w)] },
  sub_: { run: () => a().sub_(1), want: [map(A, (v) => v - 1)] },
  mul_: { run: () => a().mul_(b()), want: [zip(A, B, (v, w) => v * w)] },
  div_: { run: () => a().div_(2), want: [map(A, (v) => v / 2)] },
  copy_: {
    run: () => a().copy_(tensor([7, 8, 9])),
    want: [
      [
        [7, 8, 9],
        [7, 8, 9],
      ],
    ],
  },
  fill_: { run: () => a().fill_(2), want: [map(A, () => 2)] },
  zero_: { run: () => a().zero_(), want: [map(A, () => 0)] },
  clamp_: { run: () => a().clamp_(0, 2), want: [map(A, (v) => Math.min(2, Math.max(0, v)))] },
  lerp_: { run: () => a().lerp_(b(), 0.5), want: [zip(A, B, (v, w) => (v + w) / 2)] },
  relu_: { run: () => a().relu_(), want: [map(A, (v) => Math.max(0, v))] },
};
