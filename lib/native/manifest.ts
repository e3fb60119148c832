/** The libtorch builds that this version was tested with, and where each platform's comes from. */
import { arm64Wheel } from './manifest-arm64.ts';
import { cudaWheels } from './manifest-cuda.ts';
import type { Wheel } from './wheel.ts';

/** major.minor of the libtorch versions that the addon was compiled against and tested with. */
export const testedVersions: readonly string[] = ['2.11', '2.13', '2.15'];

/**
 * Builds for the CPU (and, on macOS, for Metal), by `platform-architecture` in Node's words. The `+cpu` of the first row
 * matters: the plain wheel there is a CUDA build of gigabytes. CPython 3.11's wheel is taken whatever Python is
 * installed, since none of its Python parts is unpacked.
 */
const wheels: Readonly<Record<string, Wheel>> = {
  'linux-x64': {
    version: '2.13.0+cpu',
    file: 'torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl',
    sha256: '6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b',
    bytes: 191_794_682,
    pipPlatform: 'manylinux_2_28_x86_64',
    url: 'https://download.pytorch.org/whl/cpu/torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl',
  },
  'linux-arm64': arm64Wheel,
  'darwin-arm64': {
    version: '2.13.0',
    file: 'torch-2.13.0-cp311-cp311-macosx_14_0_arm64.whl',
    sha256: 'e76f9bcecc52b8ff711239a2f7547d5353df95878ab232f0773c1d95928b92f8',
    pipPlatform: 'macosx_14_0_arm64',
    url: 'https://files.pythonhosted.org/packages/5b/fe/cba54dc58523434919b66f13a667e36e436deddd77ca519e96553617d4ec/torch-2.13.0-cp311-cp311-macosx_14_0_arm64.whl',
  },
  'win32-x64': {
    version: '2.13.0',
    file: 'torch-2.13.0-cp311-cp311-win_amd64.whl',
    sha256: 'a0d8b11f16a48d60e2015d8213aa0390744cbebb98e58b62b3514dddc656e330',
    pipPlatform: 'win_amd64',
    url: 'https://files.pythonhosted.org/packages/6c/fd/0f2ce40f58aefbdb3392f9acce3c8171940943ae2d661f70558bfa73befb/torch-2.13.0-cp311-cp311-win_amd64.whl',
  },
};

/** The wheel for a platform: for the CPU, or for a version of CUDA (`13.0`). */
export function wheelFor(platform: string, architecture: string, cuda?: string): Wheel | undefined {
  const name = `${platform}-${architecture}`;
  if (cuda === undefined) return wheels[name];
  return name === 'linux-x64' ? cudaWheels[cuda] : undefined;
}

/** `linux-x64, darwin-arm64, …`: what `libtorch install` knows. */
export const installablePlatforms: readonly string[] = Object.keys(wheels);

/** Versions of CUDA that `libtorch install --cuda` knows, on Linux x64. */
export const installableCuda: readonly string[] = Object.keys(cudaWheels);
