/** `module.save()` and `module.load()`: parameters and buffers as one safetensors file, under torchvision's names. */
import { CheckpointError, messageOf } from '../errors.ts';
import { Module } from '../models/module.ts';
import { tidy } from '../tensor/modes.ts';
import { expectString } from '../validate.ts';
import { writeFileAtomic } from './atomic.ts';
import { encodeSafetensors, readSafetensors } from './safetensors.ts';
import { rawState, tensorState } from './tensors.ts';

declare module '../models/module.ts' {
  interface Module {
    /** Writes parameters and buffers as safetensors; the file appears when it is complete, or not at all. */
    save(file: string): Promise<void>;
    /**
     * Reads parameters and buffers from a safetensors file: every name must be there, and none left over.
     * @throws {CheckpointError} a file that is missing, damaged or does not fit the module; nothing is copied then.
     */
    load(file: string): Promise<void>;
  }
}

async function save(this: Module, file: string): Promise<void> {
  const path = expectString('file', file);
  // The marker of PyTorch's tensors: what torchvision's loaders of safetensors look for.
  await writeFileAtomic(path, encodeSafetensors(await rawState(this.stateDict()), { format: 'pt' }));
}

async function load(this: Module, file: string): Promise<void> {
  const { tensors } = await readSafetensors(expectString('file', file));
  try {
    tidy(() => void this.loadStateDict(tensorState(tensors)));
  } catch (error) {
    throw new CheckpointError(`${file}: ${messageOf(error)}`, { cause: error });
  }
}

for (const [name, value] of Object.entries({ save, load }))
  Object.defineProperty(Module.prototype, name, { configurable: true, value });
