/** A group of two whose tensors lie on the simulated device and travel from there. */
import { loadAddon } from '../../lib/native/addon.ts';
import { device, openCollectives, openDevice } from '../device/device.ts';

/** initProcessGroup() knows no such device. @param own that of this process; '': it has none. @returns the rank of this process. */
export async function joinOnDevice(timeout = 60_000, own = device): Promise<number> {
  openDevice();
  openCollectives();
  const rank = Number(process.env.RANK);
  await loadAddon().joinGroup({
    ...{ rank, worldSize: 2, file: '', host: '127.0.0.1', port: Number(process.env.MASTER_PORT), serves: rank === 0 },
    ...{ prefix: 'test', signature: '', timeout, device: own },
  });
  return rank;
}
