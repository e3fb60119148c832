/**
 * The device of tests that need one beside the CPU: a GPU where the machine has one. Elsewhere it is one that is none
 * (simulated/device.h): 'simulated:0' computes on the CPU, and tells who has waited for it.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadAddon } from '../../lib/native/addon.ts';
import { addonPath, coreBeside } from '../../lib/native/addon-path.ts';

export interface DeviceLog {
  /** 'thread: what', of threads of the host that waited for the device. */
  readonly waits: readonly string[];
  /** Operations that read or wrote what another stream had not surely written, or memory that was free again. */
  readonly races: readonly string[];
  /** Copies that nobody waited for, by direction: 'to device', 'to host'. */
  readonly copies: Readonly<Record<string, number>>;
  /** Events of which a thread was told that they had happened, without waiting for them. */
  readonly arrivals: number;
  /** Graphs that are alive. */
  readonly graphs: number;
  /** Blocks of pinned memory that are in use, beside those of graphs. */
  readonly pinned: number;
  /** Of collectives of a group that has failed. */
  readonly aborts: number;
  /** Operations, by the number of their stream. */
  readonly launches: Readonly<Record<string, number>>;
  /** That the device holds now, and the most that it held since the last call. */
  readonly bytes: number;
  readonly peakBytes: number;
}

const require = createRequire(import.meta.url);
const build = dirname(dirname(addonPath()));
const simulated = join(build, 'test/simulated_device.node');
/** Whether the device is one. */
export const hasGpu = loadAddon().info().devices.includes('cuda:0');

export const device = hasGpu ? 'cuda:0' : 'simulated:0';

/** Where the addon was built, which is with the same flags. */
const canSimulate = process.platform === 'linux' && existsSync(join(build, 'CMakeCache.txt'));

export const hasDevice = hasGpu || canSimulate;

interface Simulated {
  readonly takeLog: () => DeviceLog;
  readonly provideGraphs: (core: string) => void;
  readonly fail: (launches: number) => void;
  readonly holdCaptures: (on: boolean) => void;
  readonly untilHeld: () => void;
}
let library: Simulated | undefined;

/** Makes the device usable. The simulated one is built and loaded: libtorch then takes it for the machine's accelerator. */
export function openDevice(): void {
  if (!hasGpu) {
    const env = { ...process.env, LD_PRELOAD: '' }; // a sanitizer is not of the compiler
    const make = ['cmake', '--build', build, '--target', 'simulated_device'];
    execFileSync('flock', [join(build, 'simulated_device.lock'), ...make], { stdio: 'pipe', env }); // two at a time would spoil it
  }
  loadDevice();
}

/** The same, where it has been built. */
export function loadDevice(): void {
  if (hasGpu || library) return;
  library = require(simulated) as Simulated;
  library.provideGraphs(coreBeside(addonPath()));
}

/** Of the simulated device, which is open: gives it collectives, in the place of NCCL. */
export function openCollectives(): void {
  const loader = require(addonPath()) as { openCuda(library: string, core: string, deepbind: boolean): void };
  loader.openCuda(simulated, coreBeside(addonPath()), process.env.CONTRASTIVE_DEEPBIND !== '0');
}

/** What the simulated device noted since the last call; undefined on a GPU, which tells nothing. */
export const takeLog = (): DeviceLog | undefined => library?.takeLog();

/** Of the simulated device, the launch that is so many away fails, and tells whoever waits behind it. */
export const failIn = (launches: number): void => library?.fail(launches);

/** Of the simulated device: graphs that are being taken down stay so until it is called with false. */
export const holdCaptures = (on: boolean): void => library?.holdCaptures(on);

/** Blocks until one is. */
export const untilHeld = (): void => library?.untilHeld();

/** Operations of all streams; undefined on a GPU. */
export const launchesIn = (log: DeviceLog | undefined): number | undefined =>
  log && Object.values(log.launches).reduce((sum, count) => sum + count, 0);

/** What the streams' threads waited for; who waits in their place ('contrastive-w') may. */
export const waitsOfStreams = (log: DeviceLog | undefined): readonly string[] =>
  (log?.waits ?? []).filter((wait) => !wait.startsWith('contrastive-w:'));
