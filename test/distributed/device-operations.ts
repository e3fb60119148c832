/** A process of a group whose tensors lie on the simulated device: collectives there, and what they copied. */
import { loadAddon } from '../../lib/native/addon.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type DType, type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { device, takeLog } from '../device/device.ts';
import { joinOnDevice } from './device-group.ts';
import { contrastiveGradients, numberOf, numbersOf } from './formulas.ts';

const rank = await joinOnDevice();

const dtypes: readonly DType[] = ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'uint8'];
const own = (dtype: DType = 'float32'): Tensor => {
  const values = Float64Array.from({ length: 12 }, (_, i) => numberOf(rank, i) * 2 + 5);
  return tensor(values, { dtype: 'float64' }).reshape([3, 4]).to(dtype).to(device);
};

const ofDtypes: Record<string, unknown> = {};
for (const dtype of dtypes)
  ofDtypes[dtype] = {
    sum: await numbersOf(ops.allReduce_(own(dtype))),
    gathered: await numbersOf(ops.allGather(own(dtype))),
    ofRank1: await numbersOf(ops.broadcast_(own(dtype), { source: 1 })),
  };

const leaf = tensor([rank + 1, rank + 2], { requiresGrad: true, device });
ops
  .allGather(leaf)
  .mul(tensor([1, 10, 100, 1000], { device }))
  .mul(rank + 1)
  .sum()
  .backward();

const results = {
  ofDtypes,
  gatheredGradient: await numbersOf(leaf.grad),
  scattered: await numbersOf(ops.reduceScatter(own().reshape([4, 3]))),
  reduced: await contrastiveGradients(rank === 0 ? [0, 3] : [3, 6], true, 'reduced', device),
  reduce: await contrastiveGradients(rank === 0 ? [0, 3] : [3, 6], true, 'reduce', device),
};
await sync();
takeLog();
noGrad(() => ops.allReduce_(own()));
await sync();
process.stdout.write(JSON.stringify({ ...results, copies: takeLog()?.copies, traffic: loadAddon().groupTraffic() }));
await loadAddon().leaveGroup('');
