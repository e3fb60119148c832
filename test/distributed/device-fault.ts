/** A process whose gradients wait on the device for those of rank 1, which hangs: prints what it is told. */
import * as internal from '../../lib/tensor/internal-ops.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { device, takeLog } from '../device/device.ts';
import { joinOnDevice } from './device-group.ts';

if ((await joinOnDevice(3000)) === 1) process.kill(process.pid, 'SIGSTOP');
const weight = tensor([1, 2, 3], { device, requiresGrad: true });
internal.reducedBackward_(ops.sum(ops.square(weight)), tensor(0n, { device }), [weight], []);
const { code, message } = await sync().then(
  () => ({ code: 'none', message: '' }),
  (error: { code: string; message: string }) => error,
);
process.stdout.write(JSON.stringify({ code, message, aborts: takeLog()?.aborts }));
