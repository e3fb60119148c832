/** What carries the tensors of a group: NCCL those of a process's own CUDA device, or gloo all. */
import { OptionError } from '../errors.ts';
import { cudaLibrary } from '../native/addon.ts';
import { devices } from '../tensor/runtime.ts';
import { localDevice } from './local-device.ts';

/** What a process finds where it runs. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of this machine: 'cpu', 'cuda:0', … */
  readonly present: readonly string[];
  /** Why NCCL cannot be used, whatever the devices; undefined where it can. */
  readonly refused: string | undefined;
}

const here = (): Surroundings => ({
  ...{ environment: process.env, present: devices() },
  refused: cudaLibrary().refused,
});

/**
 * The CUDA device whose tensors NCCL is to carry; undefined: gloo carries all. A process has a device of its own where LOCAL_RANK names one
 * of the machine's, or where it is the only one; with 'nccl' it is else the first, which no other process must use.
 * @throws {OptionError} 'nccl' without a CUDA device, or without contrastive_cuda.so.
 */
export function ncclDevice(
  backend: 'auto' | 'gloo' | 'nccl',
  worldSize: number,
  { environment, present, refused }: Surroundings = here(),
): string | undefined {
  if (backend === 'gloo') return undefined;
  const own = localDevice('cuda', environment, present);
  const device = own === 'cuda' ? 'cuda:0' : own;
  const isThere = present.includes(device);
  const isOwn = isThere && (own !== 'cuda' || worldSize === 1);
  if (backend === 'auto') return isOwn && refused === undefined ? device : undefined;
  if (!isThere)
    throw new OptionError(`backend 'nccl' needs a CUDA device for each process; devices here: ${present.join(', ')}`);
  if (refused !== undefined) throw new OptionError(`backend 'nccl' needs contrastive_cuda.so: ${refused}`);
  return device;
}
