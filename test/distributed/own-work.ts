/** A process of a group in which one is at a task of its own, while the others wait. Prints what it heard. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  atOwnWork,
  barrier,
  destroyProcessGroup,
  fromRankZero,
  initProcessGroup,
  rank,
  worldSize,
} from '../../lib/distributed/group.ts';
import { messageOf } from '../../lib/errors.ts';

export interface Case {
  /** Rank 0 makes something for all; the last rank does something before all meet; or each does so, by meeting the others. */
  readonly does: 'exchange' | 'work' | 'meeting';
  readonly seconds: number;
  /** How the task ends, if not well. */
  readonly ends?: 'kill' | 'loop' | 'stop';
  /** A rank that is killed meanwhile. */
  readonly killed?: number;
  /** Seconds that the others are waited for. */
  readonly timeout: number;
}

const { does, seconds, ends, killed, timeout } = JSON.parse(process.argv[2] as string) as Case;

async function work(): Promise<string> {
  await sleep(seconds * 1000);
  if (ends === 'kill') process.kill(process.pid, 'SIGKILL');
  if (ends === 'stop') process.kill(process.pid, 'SIGSTOP');
  if (ends === 'loop') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 15_000);
  return 'made';
}

async function run(): Promise<string> {
  await initProcessGroup({ timeout });
  await barrier();
  if (rank() === killed) setTimeout(() => process.kill(process.pid, 'SIGKILL'), seconds * 1000 + 500);
  if (does === 'exchange') return fromRankZero(work);
  if (rank() === worldSize() - 1) await atOwnWork(work);
  if (does === 'meeting') await atOwnWork(barrier);
  await barrier();
  return 'none';
}

let heard: string;
try {
  heard = await run();
} catch (error) {
  heard = messageOf(error);
}
await destroyProcessGroup({ reason: heard === 'made' || heard === 'none' ? '' : heard });
process.stdout.write(JSON.stringify(heard));
