/** A process that reads what lies behind a normalisation over all ranks, of which rank 1 hangs: prints what it is told. */
import { BatchNorm1d } from '../../lib/nn/index.ts';
import { wholeStatistics } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { device } from '../device/device.ts';
import { joinOnDevice } from './device-group.ts';

if ((await joinOnDevice(3000)) === 1) process.kill(process.pid, 'SIGSTOP');
const layer = new BatchNorm1d(4).to(device);
const y = wholeStatistics(() => layer.forward(ops.randn([3, 4], { seed: 1 }).to({ device })));
const told = await y.data().then(
  () => 'none',
  ({ code }: { code: string }) => code,
);
process.stdout.write(told);
