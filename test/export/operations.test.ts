/** What ONNX Runtime computes from the nodes of an operation is what libtorch computes. */
import { describe, expect, it } from 'vitest';
import { foldBatchNorm } from '../../lib/export/fold-batch-norm.ts';
import { encodeModel } from '../../lib/export/onnx-model.ts';
import { graphOf } from '../../lib/export/program-graph.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import { autocast, noGrad, tidy } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { programOf } from '../../lib/tensor/program.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { uniform } from '../encoders/formula.ts';
import { runOnnx } from './onnx-runtime.ts';

type Fn = (x: Tensor) => Tensor;

interface Case {
  /** Of an input without the batch. */
  readonly shape?: readonly number[];
  /** A second height and width, which the file is to take too. */
  readonly also?: readonly [number, number];
  readonly fold?: boolean;
}

/** The file of a function of images. */
async function fileOf(fn: Fn, { shape = [4, 6, 8], also, fold = false }: Case) {
  const likes = [2, 3].map((batch) => ops.zeros([batch, ...shape]));
  if (also) likes.push(ops.zeros([2, shape[0] as number, ...also]));
  const { program, tensors, places } = programOf(([x]) => [fn(x as Tensor)], [likes[0] as Tensor]);
  const graph = await graphOf({ program, tensors, places, likes }, { input: 'images', output: 'y' });
  const parts = fold ? foldBatchNorm(graph.parts) : graph.parts;
  const sizes = also ? ['height', 'width'] : shape.slice(1);
  const content = encodeModel({
    ...parts,
    producer: { name: 'contrastive', version: '0' },
    input: { name: 'images', dtype: 'float32', shape: ['batch', shape[0] as number, ...sizes] },
    output: {
      name: 'y',
      dtype: 'float32',
      shape: graph.output.shape.map((size, i) => (typeof size === 'number' ? size : `size${i}`)),
    },
    metadata: {},
  });
  return { bytes: new Uint8Array(Buffer.concat(content)), nodes: parts.nodes };
}

/** Runs both, for a batch of one and of five. */
async function expectSame(fn: Fn, options: Case = {}): Promise<void> {
  const { shape = [4, 6, 8], also } = options;
  const { bytes } = await fileOf(fn, options);
  for (const size of also ? [shape, [shape[0] as number, ...also]] : [shape])
    for (const batch of [1, 5]) {
      const full = [batch, ...size];
      const images = uniform(batch, full);
      const [expected, expectedShape] = await tidy(async () => {
        const y = noGrad(() => fn(tensor(images, { shape: full })));
        return [(await y.data()) as Float32Array, y.shape] as const;
      });
      const { values, dims } = await runOnnx(bytes, images, full);
      expect(dims).toEqual(expectedShape);
      const scale = Math.max(1e-30, ...expected.map(Math.abs));
      expect(Math.max(...values.map((value, i) => Math.abs(value - (expected[i] as number)))) / scale).toBeLessThan(
        1e-4,
      );
    }
}

const weight = (salt: number, ...shape: number[]): Tensor => tensor(uniform(salt, shape), { shape });
const positive = (salt: number, ...shape: number[]): Tensor => tensor(uniform(salt, shape, 0.5, 1), { shape });
const integers = (...values: number[]): Tensor => tensor(values, { dtype: 'int64' });

type Cases = Readonly<Record<string, readonly [Fn, Case?]>>;

const images: Case = { shape: [4, 12, 16], also: [16, 20] };

const pointwise: Cases = {
  'abs, neg, exp': [(x) => x.abs().neg().exp()],
  'log, sqrt, rsqrt': [(x) => x.abs().add(0.5).log().abs().add(1).sqrt().rsqrt()],
  'square, reciprocal, sign': [(x) => x.square().add(1).reciprocal().mul(x.sign())],
  'floor, ceil, round': [(x) => x.mul(5).floor().add(x.mul(7).ceil()).add(x.mul(3).round())],
  'sin, cos, erf': [(x) => x.sin().add(x.cos()).add(x.erf())],
  relu: [(x) => x.relu()],
  'sigmoid, tanh': [(x) => x.sigmoid().add(x.tanh())],
  gelu: [(x) => x.mul(3).gelu()],
  'gelu by tanh': [(x) => ops.gelu(x.mul(3), { approximate: 'tanh' })],
  silu: [(x) => x.mul(4).silu()],
  'hard swish, hard sigmoid, relu6': [
    (x) =>
      ops
        .hardswish(x.mul(8))
        .add(ops.hardsigmoid(x.mul(8)))
        .add(ops.relu6(x.mul(9))),
  ],
  'leaky relu': [(x) => ops.leakyRelu(x, 0.2)],
  elu: [(x) => ops.elu(x, 0.7)],
  'softplus, log sigmoid': [(x) => ops.softplus(x).add(ops.softplus(x, 3)).add(ops.logSigmoid(x))],
  'clamp on one side and on both': [(x) => x.clamp(-0.5).add(x.clamp(undefined, 0.25)).add(x.clamp(-0.1, 0.1))],
  hardtanh: [(x) => ops.hardtanh(x.mul(8), 0, 6)],
  'arithmetic with numbers': [(x) => x.add(2).sub(0.5).mul(3).div(7)],
  'arithmetic with alpha': [(x) => ops.add(x, x.square(), { alpha: 0.3 }).sub(x.abs(), { alpha: 2 })],
  'arithmetic that broadcasts': [(x) => x.mul(weight(3, 4, 1, 1)).add(weight(4, 8))],
  'arithmetic of two types': [(x) => x.mul(integers(1, 2, 3, 4, 5, 6, 7, 8)).add(x.gt(0))],
  'powers of a number and of a tensor': [(x) => x.pow(2).add(x.abs().pow(positive(5, 8)))],
  'maximum, minimum': [(x) => x.maximum(weight(5, 8)).minimum(0.4)],
  comparisons: [
    (x) => {
      const y = weight(6, 8);
      const each = [x.lt(y), x.le(y), x.gt(y), x.ge(y), x.eq(x.relu()), x.ne(x.relu())];
      return ops.stack(each.map((mask) => mask.to('float32'))).sum(0);
    },
  ],
  'comparisons of integers': [
    (x) => {
      const whole = x.mul(4).to('int64');
      return whole
        .gt(0.5)
        .to('float32')
        .add(whole.le(1))
        .sub(whole.to('uint8').eq(integers(3)).to('float32'));
    },
  ],
  'logic, where, masked fill': [
    (x) => {
      const mask = x.gt(0).logicalAnd(x.lt(0.5)).logicalOr(x.lt(-0.7).logicalNot().logicalNot());
      return ops.where(mask, x, x.mul(10)).maskedFill(x.gt(0.9), -3);
    },
  ],
  'casts and copies': [(x) => x.mul(9).to('int32').to('float32').contiguous().clone().detach()],
};

const reductions: Cases = {
  'mean over some dimensions': [(x) => x.mean([2, 3]), images],
  'mean that keeps dimensions': [(x) => x.mean([1], true), images],
  'mean of all': [(x) => x.mean()],
  'sum of one and of all': [(x) => x.sum(-1).add(x.sum())],
  'sum of bools': [(x) => x.gt(0).sum(1).to('float32')],
  'largest and smallest': [(x) => x.amax(-1).sub(x.amin([3]))],
  'log of a sum of exponentials': [(x) => x.logsumexp(-1)],
  'vector norms': [(x) => ops.norm(x, 2, 1, true).add(ops.norm(x, 1, [1], true))],
  'rows of length one': [(x) => x.flatten(1).div(ops.norm(x.flatten(1), 2, 1, true).clamp(1e-12))],
  'normalised rows': [(x) => ops.normalize(x).add(ops.normalize(x, { p: 1, dim: -1 }))],
  'variance and deviation': [
    (x) => ops.variance(x, [1], { correction: 0, keepdim: true }).add(ops.std(x, [1, 2], { keepdim: true })),
  ],
  softmax: [(x) => x.softmax(-1).add(x.softmax(1))],
  'log softmax': [(x) => x.logSoftmax(2)],
};

const shapes: Cases = {
  'reshape with the batch in it': [(x) => x.reshape([x.shape[0] as number, 8, 24])],
  'reshape that unites batch and rows, and parts them': [
    (x) =>
      x
        .reshape([(x.shape[0] as number) * 4, 48])
        .mul(2)
        .reshape([x.shape[0] as number, 4, 6, 8]),
  ],
  'reshape whose batch stays no first dimension': [
    (x) => x.permute([1, 0, 2, 3]).reshape([2, 2, x.shape[0] as number, 48]),
  ],
  'reshape to two sizes of the batch': [
    (x) =>
      x
        .flatten(1)
        .mean(1)
        .mul(ops.ones([(x.shape[0] as number) * 2, 1]))
        .reshape([(x.shape[0] as number) * 2, x.shape[0] as number, 1]),
  ],
  flatten: [(x) => x.flatten(1)],
  'flatten of images of any size': [(x) => x.flatten(2).transpose(1, 2).contiguous(), images],
  'flatten with the batch': [(x) => x.flatten(0, 2)],
  'permute, transpose, t': [(x) => x.permute([0, 2, 3, -3]).transpose(-1, 1).flatten(1).t().mul(1)],
  'unsqueeze, squeeze': [(x) => x.unsqueeze(1).squeeze(1).unsqueeze(-1).squeeze(2).squeeze(-1).mul(2)],
  'expand over the batch': [
    (x) =>
      weight(7, 1, 1, 8)
        .expand([x.shape[0] as number, 6, 8])
        .add(x.mean([1])),
  ],
  'a token before others': [
    (x) => {
      const tokens = x.flatten(2).transpose(1, 2);
      return ops.cat([weight(8, 1, 1, 4).expand([x.shape[0] as number, -1, -1]), tokens], 1);
    },
    images,
  ],
  'repeat to more dimensions': [(x) => x.mean([2]).repeat([2, 1, 1, 3])],
  'cat, stack': [(x) => ops.stack([ops.cat([x, x.mul(2)], 1), ops.cat([x.relu(), x], -3)], 2)],
  'narrow, from the end too': [(x) => x.narrow(2, 1, 4).add(x.narrow(-2, -4, 4))],
  'slice with a step': [
    (x) =>
      x
        .slice(3, 1, -1, 2)
        .mul(x.slice(3, 0, 6, 2))
        .slice(2, 2),
  ],
  'roll forwards and backwards': [(x) => x.roll([2, -3], [2, -1]).add(x.roll(8, 3))],
  'half of the batch': [(x) => ops.cat([x, x.mul(2)]).slice(0, x.shape[0])],
  'select, unbind': [(x) => x.select(1, -1).add(x.unbind(1)[2] as Tensor)],
  'chunk, split': [
    (x) => {
      const [a, b, c] = x.chunk(3, 3) as [Tensor, Tensor, Tensor];
      return ops.cat([c, b, a, ...x.split(3, -1)], 3);
    },
  ],
  'index select, embedding': [
    (x) => x.indexSelect(1, integers(3, 0, 0)).add(ops.embedding(weight(9, 5, 8), integers(1, 4, 4, 0, 2, 3))),
  ],
  'padding: zeros, a value, reflection, the edge': [
    (x) =>
      ops
        .pad(x, [1, 2, 0, 1])
        .add(ops.pad(x, [0, 3, 1, 0], 'constant', -2))
        .add(ops.pad(x, [2, 1, 1, 0], 'reflect'))
        .add(ops.pad(x, [2, 1, 1, 0], 'replicate')),
  ],
  'filled tensors of the batch': [(x) => ops.full([x.shape[0] as number, 2], 0.5).add(x.mean([1, 2, 3]).unsqueeze(1))],
  'constants are computed once': [
    (x) =>
      x.add(ops.arange(8)).mul(weight(10, 8, 4).t().indexSelect(0, integers(1)).reshape([4, 1, 2]).repeat([1, 1, 4])),
  ],
  'no operation': [(x) => x],
};

const normOf = (channels: number) => ({
  ...{ weight: weight(20, channels), bias: weight(21, channels) },
  ...{ runningMean: weight(22, channels), runningVar: positive(23, channels) },
  ...{ training: false, momentum: 0.1, eps: 1e-5 },
});

const layers: Cases = {
  'convolution with a bias': [
    (x) => ops.conv2d(x, weight(11, 6, 4, 3, 3), { bias: weight(12, 6), stride: 1, padding: 1 }),
    images,
  ],
  'convolution with stride, dilation and padding': [
    (x) => ops.conv2d(x, weight(13, 5, 4, 3, 2), { stride: [2, 1], padding: [2, 1], dilation: [2, 3] }),
    images,
  ],
  'depthwise convolution, and in groups': [
    (x) =>
      ops.conv2d(
        ops.conv2d(x, weight(14, 4, 1, 7, 7), { bias: weight(15, 4), stride: 1, padding: 3, dilation: 1, groups: 4 }),
        weight(16, 6, 2, 1, 1),
        { stride: 1, padding: 0, dilation: 1, groups: 2 },
      ),
    images,
  ],
  'linear of rows and of more dimensions': [
    (x) => ops.linear(ops.linear(x, weight(17, 5, 8), { bias: weight(18, 5) }).flatten(1), weight(19, 7, 120)),
  ],
  'matrix products': [
    (x) => {
      const rows = x.flatten(0, 1);
      const gram = rows.bmm(rows.transpose(1, 2));
      return x
        .matmul(weight(24, 8, 3))
        .flatten(1)
        .mm(weight(25, 72, 4))
        .add(gram.mean());
    },
  ],
  'addmm, einsum': [
    (x) =>
      ops
        .addmm(weight(26, 5), x.flatten(1), weight(27, 192, 5), { beta: 0.5, alpha: 2 })
        .add(ops.einsum('bchw,wk->bk', [x, weight(28, 8, 5)])),
  ],
  'batch normalisation': [(x) => ops.batchNorm(x, normOf(4)), images],
  'batch normalisation without weights': [
    (x) => ops.batchNorm(x, { ...normOf(4), weight: null, bias: null, eps: 1e-3 }),
  ],
  'convolution and batch normalisation, folded': [
    (x) =>
      ops.batchNorm(ops.conv2d(x, weight(11, 6, 4, 3, 3), { bias: weight(12, 6), stride: 1, padding: 1 }), normOf(6)),
    { ...images, fold: true },
  ],
  'linear and batch normalisation, folded': [
    (x) => ops.batchNorm(ops.linear(x.flatten(1), weight(19, 7, 192)), normOf(7)),
    { fold: true },
  ],
  'batch normalisation, a residual and relu': [
    (x) => {
      const { training: _, momentum: __, ...norm } = normOf(4);
      const y = internal.batchNormAct(x, { ...norm, residual: x.mul(0.3), activation: 'relu' });
      return y.add(internal.batchNormAct(x, { ...norm, weight: null, bias: null }));
    },
    images,
  ],
  'batch normalisation, hardswish and SiLU': [
    (x) => {
      const { training: _, momentum: __, ...norm } = normOf(4);
      const of = (activation: string) => internal.batchNormAct(x.mul(3), { ...norm, activation });
      return of('hardswish').add(of('silu'));
    },
    images,
  ],
  'layer normalisation of the last dimensions': [
    (x) =>
      ops
        .layerNorm(x, [8], { weight: weight(29, 8), bias: weight(30, 8) })
        .add(ops.layerNorm(x, [6, 8], { eps: 1e-3 })),
  ],
  'layer normalisation of channels': [
    (x) =>
      ops.layerNorm(x.permute([0, 2, 3, 1]), 4, { weight: weight(31, 4), bias: weight(32, 4) }).permute([0, 3, 1, 2]),
    images,
  ],
  'group normalisation': [
    (x) => ops.groupNorm(x, 2, { weight: weight(33, 4), bias: weight(34, 4) }).add(ops.groupNorm(x, 4)),
    images,
  ],
  'largest of windows': [(x) => x.maxPool2d(3, 2, 1), images],
  'largest of windows, the last one short': [(x) => x.maxPool2d(2, 2, 0, 1, true), { shape: [4, 7, 9] }],
  'mean of windows': [(x) => x.avgPool2d(2).sub(0.5), images],
  'mean of windows with padding, counted and not': [
    (x) => x.avgPool2d(3, 2, 1).add(x.avgPool2d(3, 2, 1, false, false)),
    images,
  ],
  'mean of windows, the last one short': [(x) => x.avgPool2d(2, 2, 0, true), { shape: [4, 7, 9] }],
  'mean of all of an image': [(x) => x.adaptiveAvgPool2d([1, 1]).flatten(1), images],
  'mean of quarters': [(x) => x.adaptiveAvgPool2d([2, 4])],
};

const heads = (x: Tensor): Tensor => x.flatten(2).unflatten(2, [12, 4]).contiguous(); // (batch, 4, 12, 4)

const attention: Cases = {
  plain: [(x) => ops.scaledDotProductAttention(heads(x), heads(x.mul(2)), heads(x.neg()))],
  'of three dimensions, with a scale': [
    (x) => ops.scaledDotProductAttention(x.select(1, 0), x.select(1, 1), x.select(1, 2), { scale: 0.3 }),
  ],
  causal: [(x) => ops.scaledDotProductAttention(heads(x), heads(x), heads(x), { isCausal: true })],
  'with a mask of floats': [
    (x) => ops.scaledDotProductAttention(heads(x), heads(x), heads(x), { attnMask: weight(40, 12, 12) }),
  ],
  'with a mask of bools': [
    (x) => ops.scaledDotProductAttention(heads(x), heads(x), heads(x), { attnMask: weight(41, 12, 12).gt(-0.5) }),
  ],
};

describe.each(Object.entries({ pointwise, reductions, shapes, layers, attention }))('%s', (_, cases) => {
  it.each(Object.entries(cases))('%s', (_name, [fn, options]) => expectSame(fn, options));
});

describe('batch normalisation is folded', () => {
  const conv = (x: Tensor): Tensor => ops.conv2d(x, weight(11, 6, 4, 3, 3), { stride: 1, padding: 1 });
  const normalized = (x: Tensor): Tensor => ops.batchNorm(x, normOf(6));
  const withItself = (x: Tensor, fn: Fn): Tensor => fn(x).add(x);
  const cases: [string, Fn, number][] = [
    ['into a convolution', (x) => normalized(conv(x)), 0],
    ['not where something else reads the convolution', (x) => withItself(conv(x), normalized), 1],
    ['not behind an activation', (x) => normalized(conv(x).relu()), 1],
    ['into the first of two', (x) => normalized(normalized(conv(x))), 1],
    ['each time, where weights are shared', (x) => normalized(conv(x)).add(normalized(conv(x.mul(2)))), 0],
  ];
  it.each(cases)('%s', async (_, fn, left) => {
    const { nodes } = await fileOf(fn, { fold: true });
    expect(nodes.filter(({ op }) => op === 'BatchNormalization')).toHaveLength(left);
    await expectSame(fn, { fold: true });
  });
});

describe('a program that has no file', () => {
  const refused: [string, Fn, RegExp, Case?][] = [
    [
      'an operation outside the table',
      (x) => x.cumsum(1),
      /^aten::cumsum has no ONNX form here: .* at .*operations\.test\.ts:\d+/,
    ],
    [
      'a shape that depends on values',
      (x) => x.maskedSelect(x.gt(0)),
      /^aten::masked_select has no ONNX form here: the shape of its result depends on values, at/,
    ],
    ['a sum of bools', (x) => x.gt(0).add(x.lt(0)), /of two bools; use logicalAnd/],
    ['a norm of another order', (x) => ops.norm(x, 3), /'ord' must be 1 or 2, got 3/],
    ['windows that do not tile', (x) => x.adaptiveAvgPool2d([4, 4]), /its output of 4 must divide its input of 6/],
    [
      'windows of images of any size',
      (x) => x.adaptiveAvgPool2d([2, 2]),
      /the size of its input must be the same for every/,
      images,
    ],
    [
      'a fixed size that two sizes of the images happen to give',
      (x) => x.flatten(2),
      /^aten::flatten\.using_ints has no ONNX form here: a fixed size of its result would be a product/,
      { shape: [4, 6, 8], also: [8, 6] },
    ],
    [
      'autocast',
      (x) => autocast('bfloat16', () => x.matmul(weight(24, 8, 3)).mul(2)).to('float32'),
      /^aten::matmul has no ONNX form here: it is called under autocast\('bfloat16'\); .* at .*operations\.test\.ts:\d+/,
    ],
    ['a window in the padding', (x) => x.maxPool2d(2, 2, 1, 1, true), /must not exceed 'kernel_size' together/],
  ];
  it.each(refused)('%s', async (_, fn, message, options = {}) => {
    await expect(fileOf(fn, options)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(message),
    });
  });
});
