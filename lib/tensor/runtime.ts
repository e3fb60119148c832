/** The state of the native runtime: threads, memory, devices. */
import { loadAddon } from '../native/addon.ts';
import { guard, guardAsync } from '../native/errors.ts';
import { expectNumber } from '../validate.ts';
import { flags } from './modes.ts';

/** Resolves once everything enqueued before has run; rejects with the failure of a backward() or an optimizer's step. */
export function sync(): Promise<void> {
  return guardAsync(guard(() => loadAddon().sync(flags())));
}

/**
 * Tensor handles that are alive, the bytes that they hold (views count nothing), and the bytes that the process keeps for
 * the next large tensors on the CPU: they go back to the system when nothing has taken them for some seconds, or for a part of them:
 * up to as much as is in use again and again may stay.
 */
export function memory(): { readonly tensors: number; readonly bytes: number; readonly recyclable: number } {
  return guard(() => loadAddon().memory());
}

/** The devices that tensors can live on: 'cpu', 'cuda:0', …, 'mps'. */
export function devices(): readonly string[] {
  return guard(() => loadAddon().info()).devices;
}

/** @internal Whether tensors can be there. @param name as an option has it. @throws {DeviceError} they cannot; the message says why. */
export function expectDevice(name: string): void {
  guard(() => loadAddon().augmentRunsOn(name));
}

/** The number of threads that compute a tensor operation; default: one a core. */
export function setThreads(threads: number): void {
  const count = expectNumber('threads', threads, { min: 1, max: 1024, integer: true });
  guard(() => loadAddon().setThreads(count));
}

/**
 * @internal Where the numbers are that the work of a device goes by, such as the status of a step: there, so that it is not waited for;
 * Metal, which lacks float64, has them on the CPU.
 */
export const scalarDevice = (device: string): string => (device === 'mps' ? 'cpu' : device);
