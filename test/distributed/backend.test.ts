/** What carries a group's tensors, as a function of what a process finds; and what is said where NCCL cannot. */
import { describe, expect, it } from 'vitest';
import { backendFor, ncclDevice, type Surroundings } from '../../lib/distributed/backend.ts';
import { initProcessGroup, isDistributed } from '../../lib/distributed/group.ts';
import { cudaLibrary } from '../../lib/native/addon.ts';
import { devices } from '../../lib/tensor/runtime.ts';

const two = ['cpu', 'cuda:0', 'cuda:1'];
const at = (LOCAL_RANK: string | undefined, present: readonly string[] = two, refused?: string): Surroundings => ({
  environment: { LOCAL_RANK },
  ...{ present, refused },
});

describe('ncclDevice()', () => {
  it.each([
    ['auto', 4, at('1'), 'cuda:1'],
    ['auto', 4, at('2'), undefined], // two processes would share a device
    ['auto', 4, at(undefined), undefined],
    ['auto', 1, at(undefined), 'cuda:0'],
    ['auto', 4, at('0', ['cpu']), undefined],
    ['auto', 4, at('0', ['cpu', 'mps']), undefined],
    ['auto', 4, at('0', two, 'there is none'), undefined],
    ['gloo', 4, at('0'), undefined],
    ['nccl', 4, at('1'), 'cuda:1'],
    ['nccl', 4, at(undefined), 'cuda:0'], // its own machine's
  ] as const)('%s of %d processes with %o: %s', (backend, worldSize, surroundings, device) => {
    expect(ncclDevice(backend, worldSize, surroundings)).toBe(device);
  });

  it("refuses 'nccl' without a device, and without the library", () => {
    const option = (message: string) => expect.objectContaining({ code: 'ERR_OPTION', message });
    expect(() => ncclDevice('nccl', 2, at('0', ['cpu']))).toThrow(
      option("backend 'nccl' needs a CUDA device for each process; devices here: cpu"),
    );
    expect(() => ncclDevice('nccl', 2, at('0', two, 'there is no x.so'))).toThrow(
      option("backend 'nccl' needs contrastive_cuda.so: there is no x.so"),
    );
  });
});

describe('backendFor()', () => {
  it.each([
    ['cpu', 'auto', '1', 'gloo'],
    ['cuda', 'auto', '1', 'auto'],
    ['auto', 'auto', '1', 'auto'],
    ['cuda:1', 'auto', '1', 'auto'],
    ['cuda:0', 'auto', '1', 'gloo'], // another process's
    ['cuda:0', 'auto', undefined, 'gloo'],
    ['cpu', 'nccl', '1', 'nccl'],
    ['cuda:1', 'gloo', '1', 'gloo'],
  ] as const)('%s with %s of the process %s: %s', (device, backend, LOCAL_RANK, expected) => {
    expect(backendFor(device, backend, { LOCAL_RANK }, two)).toBe(expected);
  });
});

describe('initProcessGroup()', () => {
  it.skipIf(devices().includes('cuda:0'))("refuses 'nccl' on a machine without a GPU, before it joins", async () => {
    const group = { backend: 'nccl', rank: 0, worldSize: 1, file: '/nowhere' } as const;
    await expect(initProcessGroup(group)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining('CUDA device'),
    });
    expect(isDistributed()).toBe(false);
    expect(cudaLibrary().refused).toMatch(/none for CUDA|no .*contrastive_cuda\.so/);
  });
});
