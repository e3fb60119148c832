/** A process of a group: computes with the others what formulas.ts says, and prints the numbers. */

import { barrier, destroyProcessGroup, fromRankZero, initProcessGroup, rank } from '../../lib/distributed/group.ts';
import { AbortError, DistributedError } from '../../lib/errors.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type DType, type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { batchNorm, contrastiveGradients, normCases, numberOf, numbersOf } from './formulas.ts';

const codeOf = async (call: () => unknown): Promise<string> => {
  try {
    await call();
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

const dtypes: readonly DType[] = ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'uint8'];

/** (3, 4), whole numbers where `dtype` is of these and none below 0. */
const own = (dtype: DType = 'float32'): Tensor => {
  const values = Float64Array.from({ length: 12 }, (_, i) => numberOf(rank(), i));
  const numbers = tensor(values, { dtype: 'float64' }).reshape([3, 4]);
  return (dtype.includes('float') ? numbers : numbers.mul(2).add(5)).to(dtype);
};

const before = { barrier: await codeOf(barrier), allReduce: await codeOf(() => ops.allReduce_(tensor([1]))) };
await initProcessGroup({ timeout: 60 });
await barrier();

const ofDtypes: Record<string, unknown> = {};
for (const dtype of dtypes)
  ofDtypes[dtype] = {
    sum: await numbersOf(ops.allReduce_(own(dtype))),
    gathered: await numbersOf(ops.allGather(own(dtype))),
    ofRank1: await numbersOf(ops.broadcast_(own(dtype), { source: 1 })),
  };
const base = own();
noGrad(() => ops.allReduce_(base.transpose(0, 1).narrow(0, 1, 2), { op: 'max' }));
const rows = tensor([numberOf(rank(), 0), numberOf(rank(), 1)], { requiresGrad: true }).reshape([2, 1]);
const leaf = tensor([rank() + 1, rank() + 2], { requiresGrad: true });
ops
  .allGather(leaf)
  .mul(tensor([1, 10, 100, 1000]))
  .mul(rank() + 1)
  .sum()
  .backward();

const results = {
  before,
  ofDtypes,
  mean: await numbersOf(ops.allReduce_(own(), { op: 'mean' })),
  min: await numbersOf(ops.allReduce_(own(), { op: 'min' })),
  partly: await numbersOf(base),
  transposed: await numbersOf(ops.allGather(own().transpose(0, 1)).detach()),
  scattered: await numbersOf(ops.reduceScatter(own().transpose(0, 1))),
  empty: await numbersOf(ops.allGather(ops.zeros([0, 3]))),
  emptySum: await numbersOf(ops.allReduce_(ops.zeros([0]))),
  gatheredGradient: await numbersOf(leaf.grad),
  isTracked: ops.allGather(rows).requiresGrad,
  fromRankZero: await fromRankZero(() => ({ from: rank(), list: [1n, new Float32Array([0.5])] })),
  fromNobody: await Promise.all([
    codeOf(() => fromRankZero(() => Promise.reject(new DistributedError('no figures')))),
    codeOf(() => fromRankZero(() => Promise.reject(new AbortError()))),
    codeOf(() => fromRankZero(() => () => 'no plain data')),
  ]),
  errors: {
    tracked: await codeOf(() => ops.allReduce_(tensor([1], { requiresGrad: true }))),
    trackedBroadcast: await codeOf(() => ops.broadcast_(tensor([1], { requiresGrad: true }))),
    trackedScatter: await codeOf(() => ops.reduceScatter(tensor([1, 2], { requiresGrad: true }))),
    op: await codeOf(() => ops.allReduce_(tensor([1]), { op: 'product' }).data()),
    meanOfIntegers: await codeOf(() => ops.allReduce_(tensor([1n]), { op: 'mean' }).data()),
    source: await codeOf(() => ops.broadcast_(tensor([1]), { source: 2 }).data()),
    scalar: await codeOf(() => ops.allGather(tensor(1)).data()),
    unevenRows: await codeOf(() => ops.reduceScatter(ops.zeros([3, 2])).data()),
    dtype: await codeOf(() => ops.allReduce_(ops.zeros([2], { dtype: 'bool' })).data()),
    twice: await codeOf(() => initProcessGroup()),
  },
  reduced: await contrastiveGradients(rank() === 0 ? [0, 3] : [3, 6], true, 'reduced'),
  reduce: await contrastiveGradients(rank() === 0 ? [0, 3] : [3, 6], true, 'reduce'),
  norms: await Promise.all(normCases.map((norm) => batchNorm(rank() === 0 ? [0, 4] : [4, 9], true, norm))),
};
await destroyProcessGroup();
process.stdout.write(JSON.stringify(results, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)));
