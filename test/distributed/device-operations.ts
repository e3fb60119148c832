/** A process of a group whose tensors lie on the simulated device: collectives there, and what they copied. */
import { loadAddon } from '../../lib/native/addon.ts';
import { BatchNorm2d } from '../../lib/nn/index.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import { noGrad, wholeStatistics } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type DType, type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { type DeviceLog, device, takeLog } from '../device/device.ts';
import { joinOnDevice } from './device-group.ts';
import { batchNorm, contrastiveGradients, normCases, numberOf, numbersOf } from './formulas.ts';

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
const norms: unknown[] = [];
for (const norm of normCases) norms.push(await batchNorm(rank === 0 ? [0, 4] : [4, 9], true, norm, device));

await sync();
takeLog();
noGrad(() => ops.allReduce_(own()));
await sync();
const { copies } = takeLog() as DeviceLog;

// A step of two such layers: what it copies and waits for before and at the agreement of the ranks.
const layer = new BatchNorm2d(3).to(device);
const images = tensor(
  Float32Array.from({ length: 24 }, (_, i) => numberOf(rank, i)),
  { device },
).reshape([2, 3, 2, 2]);
const status = tensor(0n, { device });
const stop = tensor([0n], { device });
/** The stream has launched all that comes before; nobody waits for the device. */
const enqueued = () => ops.ones([1]).ready();
await sync();
takeLog();
const loss = wholeStatistics(() => layer.forward(layer.forward(images)).square().sum());
await enqueued();
const forward = takeLog();
await internal.agree_(status, stop);
await sync();
const agreement = takeLog();
loss.backward();
await enqueued();
const backward = takeLog();
await sync(); // who waits for the device asks before whether the others are there
const heard = takeLog();
await sync();
const again = takeLog();

process.stdout.write(
  JSON.stringify({
    ...results,
    norms,
    copies,
    forward,
    agreement,
    backward,
    heard,
    again,
    traffic: loadAddon().groupTraffic(),
  }),
);
await loadAddon().leaveGroup('');
