/** What each rank has, filled by formulas, and what is computed of it: by the ranks together, or by one process of all rows. */
import { ntXentLoss } from '../../lib/losses/nt-xent.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import { wholeStatistics } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { noteBackward, type Tensor, tensor } from '../../lib/tensor/tensor.ts';

/** Halves from -2.5 to 2.5, which every floating dtype holds. */
export const numberOf = (rank: number, place: number): number => (((place * 7 + rank * 13) % 11) - 5) / 2;

export const numbersOf = async (value: Tensor | null): Promise<number[] | null> =>
  value && Array.from(await value.to('float64').data(), Number);

/** Null where no gradient has come. */
async function gradientOf(value: Tensor): Promise<number[] | null> {
  try {
    return await numbersOf(value.grad);
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_AUTOGRAD') return null;
    throw error;
  }
}

/** Numbers in [-1, 1) by their places. */
function filled(shape: readonly number[], seed: number): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed * 78.233));
  return tensor(values, { dtype: 'float64' }).reshape(shape);
}

/** A leaf with these values. */
const leaf = (value: Tensor): Tensor => {
  const own = value.detach().clone();
  own.requiresGrad = true;
  return own;
};

/** The rows of a rank, or all of them. */
const rowsOf = (value: Tensor, [start, end]: readonly [number, number]): Tensor => value.narrow(0, start, end - start);

export type Rows = readonly [start: number, end: number];
export type Numbers = Readonly<Record<string, number[] | number | null>>;

/**
 * A contrastive loss of 6 samples in two views behind two layers, in float64, and its gradients. `first` and `second` are
 * on the way to the gathering, `late` is behind it, and `unused` nowhere. `half` is used by rank 1 alone: by samples 3 to 5.
 */
export async function contrastiveGradients(
  rows: Rows,
  ofRanks: boolean,
  backward: 'reduced' | 'reduce' | 'plain',
  device = 'cpu',
): Promise<Numbers> {
  const made = (shape: readonly number[], seed: number): Tensor => filled(shape, seed).to(device);
  const parameters = {
    first: leaf(made([400, 8], 1).transpose(0, 1)), // more than a first bucket holds, and not in the order of its memory
    second: leaf(made([400, 400], 2).mul(0.1)),
    narrow: leaf(made([400, 4], 3)),
    half: leaf(made([4], 4)),
    unused: leaf(made([3], 5)),
  };
  const late = leaf(made([4, 4], 6));
  const { first, second, narrow, half, unused } = parameters;
  const hidden = rowsOf(made([6, 2, 8], 7), rows)
    .matmul(first)
    .tanh()
    .matmul(second)
    .matmul(narrow);
  const [start, end] = rows;
  const parts = Array.from({ length: end - start }, (_, i) => {
    const row = hidden.narrow(0, i, 1);
    return start + i < 3 ? row : row.mul(half);
  });
  const own = ops.cat(parts);
  const loss = ntXentLoss((ofRanks ? ops.wholeBatch(own) : own).matmul(late), { temperature: 0.5 });
  const summed = [first, second, narrow, half, unused];
  const status = tensor(0n, { device });
  if (backward === 'reduced') {
    internal.reducedBackward_(loss, status, summed, [late]);
    noteBackward();
  } else loss.backward();
  if (backward === 'reduce') internal.reduceGradients_(status, summed, [late]);
  const gradients: Record<string, number[] | null> = {};
  for (const [name, value] of Object.entries({ ...parameters, late })) gradients[name] = await gradientOf(value);
  return { loss: await loss.item(), status: Number(await status.item()), ...gradients };
}

export interface NormCase {
  readonly dtype: 'float32' | 'float64';
  readonly memoryFormat: 'contiguous' | 'channels_last';
  readonly channels: number;
  /** With a residual and ReLU. */
  readonly isActivated: boolean;
}

export const normCases: readonly NormCase[] = [
  { dtype: 'float64', memoryFormat: 'contiguous', channels: 16, isActivated: true },
  { dtype: 'float64', memoryFormat: 'channels_last', channels: 3, isActivated: false },
  { dtype: 'float32', memoryFormat: 'contiguous', channels: 16, isActivated: true },
  { dtype: 'float32', memoryFormat: 'channels_last', channels: 16, isActivated: true },
  { dtype: 'float32', memoryFormat: 'channels_last', channels: 16, isActivated: false },
  // Of 4 rows, whole blocks that are computed by themselves; of 5, none.
  { dtype: 'float32', memoryFormat: 'channels_last', channels: 4, isActivated: false },
];

/** Batch normalisation of 9 samples, and the gradients of a weighted sum of what comes out. */
export async function batchNorm(rows: Rows, ofRanks: boolean, norm: NormCase, device = 'cpu'): Promise<Numbers> {
  const { dtype, memoryFormat, channels, isActivated } = norm;
  const made = (shape: readonly number[], seed: number): Tensor => filled(shape, seed).to(device);
  const of = (seed: number): Tensor => rowsOf(made([9, channels, 2, 4], seed), rows);
  const input = leaf(of(1).mul(2).add(0.5).to(dtype).contiguous({ memoryFormat }));
  const residual = isActivated ? leaf(of(2).to(dtype).contiguous({ memoryFormat })) : null;
  const [weight, bias] = [leaf(made([channels], 3).add(1.5).to(dtype)), leaf(made([channels], 4).to(dtype))];
  const runningMean = ops.zeros([channels], { dtype, device });
  const runningVar = ops.ones([channels], { dtype, device });
  const pass = () =>
    internal.batchNormAct(input, {
      ...{ weight, bias, residual, runningMean, runningVar, training: true, momentum: 0.1, eps: 1e-5 },
      activation: isActivated ? 'relu' : 'none',
    });
  const output = ofRanks ? wholeStatistics(pass) : pass();
  output.mul(of(5).to(dtype)).sum().backward();
  const results: Record<string, number[] | null> = {};
  for (const [name, value] of Object.entries({ output, runningMean, runningVar }))
    results[name] = await numbersOf(value.detach().contiguous());
  for (const [name, value] of Object.entries({ input, residual, weight, bias }))
    if (value) results[`gradient of ${name}`] = await numbersOf(value.grad?.contiguous() ?? null);
  return results;
}

/** What batchNorm() of all samples makes, put together from the results of two ranks, of which each had some of them. */
export function joined(first: Readonly<Record<string, number[]>>, second: Readonly<Record<string, number[]>>): Numbers {
  const together = Object.entries(first).map(([name, values]): [string, number[]] => {
    const others = second[name] as number[];
    if (/^running/.test(name)) return [name, values];
    if (/weight|bias/.test(name)) return [name, values.map((value, i) => value + (others[i] as number))];
    return [name, [...values, ...others]];
  });
  return Object.fromEntries(together);
}
