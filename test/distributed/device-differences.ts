/** A process of groups whose ranks are not alike on the device: prints what it is told in each, and what is summed in the last. */
import { messageOf } from '../../lib/errors.ts';
import { loadAddon } from '../../lib/native/addon.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { device, failIn } from '../device/device.ts';
import { joinOnDevice } from './device-group.ts';

const messages: string[] = [];

/** The error of a sum, by which the group is left. */
async function failToSum(value: Tensor): Promise<void> {
  const message = await ops
    .allReduce_(value)
    .data()
    .then(() => 'no error', messageOf);
  messages.push(message);
  await loadAddon().leaveGroup(message);
}

// One has its tensor on the CPU.
const rank = await joinOnDevice(20_000);
await failToSum(rank === 0 ? tensor([1, 2, 3], { device }) : tensor([1, 2, 3]));

// One has a device that fails.
await joinOnDevice(20_000);
const value = tensor([1, 2, 3], { device });
await sync();
if (rank === 0) failIn(1);
await failToSum(value);

// One has no device.
await joinOnDevice(20_000, rank === 0 ? device : '');
const sum = await ops.allReduce_(tensor([1, 2, 3], { device })).data();
await loadAddon().leaveGroup('');
process.stdout.write(JSON.stringify([...messages, [...sum]]));
