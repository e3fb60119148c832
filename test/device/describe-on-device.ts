/** Groups of tests on the device, which is opened before them; skipped, with the reason, where there is none. */
import { beforeAll, describe } from 'vitest';
import { cudaLibrary } from '../../lib/native/addon.ts';
import { device, hasDevice, hasGpu, openDevice } from './device.ts';

const openingTime = 600_000; // building the simulated one takes a minute on a slow machine

function describeWhere(possible: boolean, title: string, tests: () => void): void {
  describe.runIf(possible)(title, () => {
    beforeAll(openDevice, openingTime);
    tests();
  });
}

const noDevice = 'on a device (skipped: no GPU, and the addon was not built here)';

export function describeOnDevice(tests: () => void): void {
  const there = hasGpu ? `on ${device}, which does not tell who waits` : `on ${device}`;
  describeWhere(hasDevice, hasDevice ? there : noDevice, tests);
}

/** Of what a GPU neither tells nor can be made to do. */
export function describeOnSimulatedDevice(tests: () => void): void {
  const title = hasGpu ? 'on a simulated device (skipped: there is a GPU)' : noDevice;
  const isThere = hasDevice && !hasGpu;
  describeWhere(isThere, isThere ? `on ${device}` : title, tests);
}

/** Of graphs of the device, which on a GPU contrastive_cuda.so makes. */
export function describeWithGraphs(tests: () => void): void {
  const { refused } = cudaLibrary();
  if (hasGpu && refused !== undefined) describe.skip(`on ${device} (skipped: no graphs: ${refused})`, tests);
  else describeOnDevice(tests);
}
