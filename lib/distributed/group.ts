/** The processes that compute together: joining them, leaving them, and what this one is among them. */
import { resolve } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { AbortError, DistributedError, messageOf, StateError } from '../errors.ts';
import { type GroupTraffic, loadAddon } from '../native/addon.ts';
import { guard, guardAsync } from '../native/errors.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { sync } from '../tensor/runtime.ts';
import { tensor } from '../tensor/tensor.ts';
import { expectFunction, expectText } from '../validate.ts';
import { backendFor, ncclDevice } from './backend.ts';
import { codeSignature } from './code-signature.ts';
import { isOneOfSeveral, type Place, placeOf } from './environment.ts';

export const processGroupOptions = {
  /**
   * What carries the tensors: 'gloo' (TCP, over the CPU's memory), or 'nccl' those of a CUDA device, and gloo all others. 'auto', the default:
   * NCCL where LOCAL_RANK names a CUDA device of its machine in every process, and all can use NCCL.
   */
  backend: {
    type: 'string',
    choices: ['auto', 'gloo', 'nccl'],
    default: 'auto',
    help: "of several processes: what carries a GPU's tensors; auto: nccl where each process can and has a GPU",
  },
  /** Seconds that the others are waited for, at the start and in each collective. Default 600. */
  timeout: {
    ...{ type: 'number', above: 0, max: 1e6, default: 600, value: 'SECONDS' },
    help: 'of several processes: how long one waits for another, such as for a figure that the first one measures',
  },
  /** A file that all processes reach, in the place of MASTER_ADDR and MASTER_PORT: a new one for each start. */
  file: { type: 'string' },
  /** Of this process. Default: the variable RANK. */
  rank: { type: 'number', min: 0, integer: true },
  /** How many processes there are. Default: the variable WORLD_SIZE. */
  worldSize: { type: 'number', min: 1, max: 65_536, integer: true },
  /** What has to be the same in every process, by name: a difference is a DistributedError that names it. */
  signature: { type: 'checked', check: (_: string, value: Readonly<Record<string, string>>) => value, default: {} },
} as const satisfies OptionTable;

export interface ProcessGroupOptions extends OptionsOf<typeof processGroupOptions> {}

interface Joined {
  readonly rank: number;
  readonly worldSize: number;
}

let joined: Joined | undefined;
let isClaimed = false;
let exchanges = 0; // of objects in the group, whose keys they are

/** Whether initProcessGroup() has been called here, and the group was not left. */
export const isDistributed = (): boolean => joined !== undefined;

/** The number of this process, from 0; 0 where there is no group. */
export const rank = (): number => joined?.rank ?? 0;

/** How many processes there are; 1 where there is no group. */
export const worldSize = (): number => joined?.worldSize ?? 1;

/**
 * Joins the processes that a launcher has started: `torchrun --no-python --nproc-per-node 2 node train.js`, or whatever sets
 * RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT. Settles when all of them are there. One group a process; all of its
 * collectives are called by one thread, in the same order in every process. A Trainer does this itself.
 * @throws {OptionError} a variable is missing, or 'nccl' without a CUDA device or what it needs. @throws {StateError} there is a group already.
 * @throws {DistributedError} a process does not come, has a rank that another one has, or runs other code; the message names it.
 * @example
 * await initProcessGroup();
 * const sum = noGrad(() => ops.allReduce_(tensor([rank()])));
 */
export async function initProcessGroup(options: ProcessGroupOptions = {}): Promise<void> {
  const resolved = resolveOptions('initProcessGroup', processGroupOptions, options);
  const { backend, timeout, file, signature, ...given } = resolved;
  if (joined !== undefined) throw new StateError('this process is in a process group already');
  const place = placeIn(file, given);
  const group = { rank: place.rank, worldSize: place.worldSize };
  const device = ncclDevice(backend, place.worldSize);
  // Where one takes gloo, those with 'auto' do so too.
  const alike = { ...codeSignature(), backend: backend === 'nccl' ? 'nccl' : 'auto or gloo', ...signature };
  const lines = Object.entries(alike).map((entry) => entry.join(' '));
  joined = group;
  exchanges = 0;
  try {
    await guardAsync(
      guard(() =>
        loadAddon().joinGroup({
          ...group,
          file: file === undefined ? '' : resolve(file),
          ...{ host: place.host, port: place.port, serves: place.serves },
          prefix: `contrastive/${place.attempt}`,
          signature: lines.join('\n'),
          timeout: Math.ceil(timeout * 1000),
          device: device ?? '',
        }),
      ),
    );
  } catch (error) {
    joined = undefined;
    throw error;
  }
}

/** Joins the processes that a launcher has started, if it has and this one is in no group yet, for what is computed on `device`. */
export async function joinLaunched(device: string): Promise<void> {
  if (!isDistributed() && isOneOfSeveral()) await initProcessGroup({ backend: backendFor(device) });
}

function placeIn(file: string | undefined, given: { readonly [K in keyof Joined]?: number | undefined }): Place {
  const environment = {
    ...process.env,
    ...(file !== undefined && { MASTER_ADDR: 'localhost', MASTER_PORT: '1' }),
    ...(given.rank !== undefined && { RANK: String(given.rank) }),
    ...(given.worldSize !== undefined && { WORLD_SIZE: String(given.worldSize) }),
  };
  return placeOf(environment);
}

const leavingOptions = {
  /** Why, for the others. Default: nothing is wrong. */
  reason: { type: 'checked', default: '', check: expectText },
} as const satisfies OptionTable;

/**
 * Leaves the group. Others that still wait for this process fail by a DistributedError; with a `reason`, which names it.
 * Does nothing where there is no group.
 */
export async function destroyProcessGroup(options: OptionsOf<typeof leavingOptions> = {}): Promise<void> {
  const { reason } = resolveOptions('destroyProcessGroup', leavingOptions, options);
  if (joined === undefined) return;
  joined = undefined;
  await guardAsync(guard(() => loadAddon().leaveGroup(reason)));
}

/** What the collectives of this process have sent so far, and for how long they were waited for. @throws {StateError} no group. */
export const groupTraffic = (): GroupTraffic => guard(() => loadAddon().groupTraffic());

/** Settles when every process has called it. @throws {DistributedError} one does not come. */
export async function barrier(): Promise<void> {
  if (joined === undefined) return;
  tidy(() => void noGrad(() => ops.allReduce_(tensor([0]))));
  await sync();
}

/**
 * Takes the group for one training, until it is disposed: what two of them send each other would come in another order in each process.
 * A process alone has no group, and nothing to take.
 * @throws {StateError} another one has it.
 */
export function claimGroup(): Disposable {
  if (!isDistributed() && !isOneOfSeveral()) return { [Symbol.dispose]: () => {} };
  if (isClaimed) throw new StateError('the process group is in use by another training of this process: one at a time');
  isClaimed = true;
  return {
    [Symbol.dispose]: () => {
      isClaimed = false;
    },
  };
}

const beatMilliseconds = 1000;

/**
 * What `work` makes in this process while the others wait for it, however long: as long as its event loop turns, they begin to count
 * their timeout anew.
 */
export async function atOwnWork<T>(work: () => Promise<T> | T): Promise<T> {
  if (joined === undefined) return work();
  const timer = setInterval(() => loadAddon().beatGroup(), beatMilliseconds);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** The texts of all processes, by rank, in rank 0; elsewhere none. Every process must call it. @throws {DistributedError} one does not come. */
export async function toRankZero(text: string): Promise<readonly string[]> {
  const key = `exchange/${exchanges++}`;
  if (rank() > 0) {
    await guardAsync(guard(() => loadAddon().setGroupText(`${key}/${rank()}`, text)));
    return [];
  }
  const texts = [text];
  for (let of = 1; of < worldSize(); of++)
    texts.push(await guardAsync(guard(() => loadAddon().groupText(`${key}/${of}`))));
  return texts;
}

type Exchange<T> = { readonly value: T } | { readonly failure: string; readonly isAbort: boolean };

/**
 * What `make` returns in rank 0, in every process: plain data. It may take longer than the timeout, which is then of the event loop
 * of rank 0: how long that may stand still. Where it throws there, the others throw an AbortError if that is one, else a DistributedError
 * that says why. Without a group: what it returns.
 */
export async function fromRankZero<T>(make: () => Promise<T> | T): Promise<T> {
  expectFunction('make', make);
  if (joined === undefined) return make();
  const key = `exchange/${exchanges++}`;
  const say = (exchange: Exchange<T>): Promise<void> => {
    const text = serialize(exchange).toString('base64');
    return guardAsync(guard(() => loadAddon().setGroupText(key, text)));
  };
  if (joined.rank === 0) {
    try {
      const value = await atOwnWork(make);
      await say({ value });
      return value;
    } catch (error) {
      await say({ failure: messageOf(error), isAbort: error instanceof AbortError }).catch(() => {}); // the error goes first
      throw error;
    }
  }
  const text = await guardAsync(guard(() => loadAddon().groupText(key)));
  const said = deserialize(Buffer.from(text, 'base64')) as Exchange<T>;
  if ('value' in said) return said.value;
  throw said.isAbort ? new AbortError(said.failure) : new DistributedError(`rank 0 stopped: ${said.failure}`);
}
