import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autocast } from '../../lib/tensor/modes.ts';
import type { NestedArray } from '../../lib/tensor/nested.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type DType, type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { expectClose, type OperatorCase, operatorCases } from './operator-cases.ts';

const source = readFileSync(new URL('../../lib/tensor/ops.ts', import.meta.url), 'utf8');
const curated = [...source.matchAll(/^export function (\w+)\((?:(?!^\})[\s\S])*'aten::/gm)].map(
  (match) => match[1] as string,
);

const list = (result: Tensor | Tensor[]): Tensor[] => (Array.isArray(result) ? result : [result]);

function sizes(data: NestedArray): number[] {
  return Array.isArray(data) ? [data.length, ...sizes(data[0] as NestedArray)] : [];
}

/** Keeps the compute thread busy, so that what is enqueued after it has certainly not run yet. */
function block(): Tensor {
  const x = ops.randn([1200, 1200]);
  return x.matmul(x).matmul(x).sum();
}

interface Known {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** What a handle says at once, before its job has run; undefined while its shape depends on data. */
function atOnce(t: Tensor): Known | undefined {
  try {
    return { shape: t.shape, dtype: t.dtype };
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_STATE' });
    return undefined;
  }
}

describe('the curated operators', () => {
  it('are at least 80, and each has a case', () => {
    expect(curated.length).toBeGreaterThanOrEqual(80);
    expect(Object.keys(operatorCases).sort()).toEqual([...curated].sort());
  });

  const results = new Map<string, { results: Tensor[]; known: (Known | undefined)[] }>();
  beforeAll(() => {
    block();
    for (const [name, { run }] of Object.entries(operatorCases)) {
      const made = list(run());
      results.set(name, { results: made, known: made.map(atOnce) });
    }
  });
  afterAll(() => results.clear());

  it.each(Object.entries(operatorCases))(
    '%s',
    async (name, { want, dtypes = ['float32'], tolerance = 2e-6, dataDependent = false }) => {
      const { results: made, known } = results.get(name) as { results: Tensor[]; known: (Known | undefined)[] };
      expect(made.length).toBe(want.length);
      for (const [i, result] of made.entries()) {
        const expected = { shape: sizes(want[i] as NestedArray), dtype: dtypes[i] };
        expect(known[i]).toEqual(dataDependent ? undefined : expected);
        await result.ready(); // shape and dtype are those of the value now
        expect(atOnce(result)).toEqual(expected);
        expectClose((await result.data()) as ArrayLike<number>, want[i] as NestedArray, tolerance);
      }
    },
  );

  it('have their shape after ready() where it depends on data', async () => {
    const dependent = Object.entries(operatorCases).filter(([, { dataDependent }]) => dataDependent);
    expect(dependent.map(([name]) => name)).toEqual(['bincount', 'maskedSelect', 'nonzero']);
    for (const [, { run }] of dependent) {
      block();
      const [result] = list(run()) as [Tensor];
      expect(() => result.shape).toThrow(expect.objectContaining({ code: 'ERR_STATE' }));
      await result.ready();
      expect(result.shape.length).toBeGreaterThan(0);
    }
  });

  it.each(['bfloat16', 'float16'] as const)('have the dtype that they promise under autocast to %s', async (low) => {
    block();
    const promised: [string, Tensor, Known][] = [];
    for (const [name, { run, dataDependent }] of Object.entries(operatorCases) as [string, OperatorCase][]) {
      if (dataDependent) continue;
      for (const result of list(autocast(low, run))) promised.push([name, result, atOnce(result) as Known]);
    }
    const wrong: string[] = [];
    for (const [name, result, { shape, dtype }] of promised) {
      await result.ready();
      if (result.dtype !== dtype) wrong.push(`${name}: ${result.dtype}, not ${dtype}`);
      expect(result.shape).toEqual(shape);
    }
    expect(wrong).toEqual([]);
  });

  it('take low-precision inputs to the dtype that they promise under autocast', async () => {
    const x = () =>
      tensor(
        [
          [0.5, -1],
          [2, 3],
        ],
        { dtype: 'bfloat16' },
      );
    const cases: Record<string, () => Tensor> = {
      cat: () => ops.cat([x(), tensor([[1, 2]])]),
      stack: () =>
        ops.stack([
          x(),
          tensor([
            [1, 2],
            [3, 4],
          ]),
        ]),
      mseLoss: () => ops.mseLoss(x(), x()),
      bce: () => ops.binaryCrossEntropyWithLogits(x(), x()),
      nllLoss: () => ops.nllLoss(x(), tensor([0, 1], { dtype: 'int64' })),
      crossEntropy: () => ops.crossEntropyLoss(x(), tensor([0, 1], { dtype: 'int64' })),
      prod: () => x().prod(0),
      cdist: () => ops.cdist(x(), x()),
      softmax: () => x().softmax(1),
      exp: () => x().exp(),
      sum: () => x().sum(1),
      norm: () => x().norm(2, 1),
      matmulDouble: () => tensor([[1, 2]], { dtype: 'float64' }).matmul(tensor([[1], [2]], { dtype: 'float64' })),
      cosine: () => ops.cosineSimilarity(x(), x(), 1),
      layerNorm: () => ops.layerNorm(x(), [2]),
      svd: () => ops.svd(x())[1],
      eigh: () => x().eigh()[0],
      eigvalsh: () => x().eigvalsh(),
      smoothL1: () => ops.smoothL1Loss(x(), x()),
      klDiv: () => ops.klDiv(x(), x()),
      attention: () => ops.scaledDotProductAttention(x(), x(), x()),
      attentionOfFloats: () => ops.scaledDotProductAttention(x().to('float32'), x().to('float32'), x().to('float32')),
      dropout: () => ops.dropout(x()),
      normalize: () => ops.normalize(x()),
      hardswish: () => x().hardswish(),
      upsample: () => ops.upsampleBicubic2d(x().reshape([1, 1, 2, 2]), { outputSize: [3, 3], alignCorners: false }),
    };
    block();
    const promised = Object.entries(cases).map(([name, run]) => {
      const result = autocast('bfloat16', run);
      return { name, result, dtype: result.dtype };
    });
    const wrong: string[] = [];
    for (const { name, result, dtype } of promised) {
      await result.ready();
      if (result.dtype !== dtype) wrong.push(`${name}: ${result.dtype}, not ${dtype}`);
    }
    expect(wrong).toEqual([]);
  });
});
