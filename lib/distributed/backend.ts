/** What carries the tensors of a group: NCCL those of a process's own CUDA device, or gloo all. */
import { OptionError } from '../errors.ts';
import { cudaLibrary } from '../native/addon.ts';
import { devices } from '../tensor/runtime.ts';
import { localDevice } from './local-device.ts';

export type BackendName = 'auto' | 'gloo' | 'nccl';

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
 * The CUDA device whose tensors NCCL can carry, which it does where every process has one; undefined: gloo carries all. A process has a
 * device of its own where LOCAL_RANK names one of the machine's, or where it is the only one; with 'nccl' it is else the first, which no
 * other process must use.
 * @throws {OptionError} 'nccl' without a CUDA device, or without contrastive_cuda.so.
 */
export function ncclDevice(
  backend: BackendName,
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

/**
 * The backend to ask for where the tensors are on `device`, as an option names it: with 'auto', gloo unless that is this process's own CUDA
 * device. For tensors elsewhere NCCL would take a GPU's memory for nothing.
 */
export function backendFor(
  device: string,
  backend: BackendName = 'auto',
  environment?: Surroundings['environment'],
  present?: Surroundings['present'],
): BackendName {
  if (backend !== 'auto' || device === 'auto' || device === 'cuda') return backend;
  return device === localDevice('cuda', environment, present) ? 'auto' : 'gloo';
}
