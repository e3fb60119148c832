/** `module.save()` and `module.load()`: parameters and buffers as one safetensors file, under torchvision's names. */
import { CheckpointError, messageOf, OptionError } from '../errors.ts';
import { type LoadStateDictOptions, type LoadStateDictResult, Module } from '../models/module.ts';
import { tidy } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectString } from '../validate.ts';
import { writeFileAtomic } from './atomic.ts';
import { weightsMetadata } from './encoder-file.ts';
import { encodeSafetensors, type RawTensor, readRawSafetensors } from './safetensors.ts';
import { rawState, tensorState } from './tensors.ts';

export interface LoadWeightsOptions extends LoadStateDictOptions {
  /** Takes the tensors whose name begins with it, without it: 'encoder.' of a run's model.safetensors. Default: all. */
  readonly prefix?: string;
  /** Passes over tensors whose name, without `prefix`, begins with one of these: ['fc.'], torchvision's classifier. */
  readonly ignore?: readonly string[];
}

declare module '../models/module.ts' {
  interface Module {
    /** Writes parameters and buffers as safetensors; the file appears when it is complete, or not at all. */
    save(file: string): Promise<void>;
    /**
     * Reads parameters and buffers from a safetensors file. Every name must be there, and none left over, but for what the
     * options say.
     *
     * @returns the names that were missing and left over, where `strict` is false.
     * @throws {CheckpointError} a file that is missing, damaged or does not fit the module; nothing is copied then.
     * @throws {OptionError} an unknown or wrong option.
     * @example
     * await resnet18().load('resnet18.safetensors', { ignore: ['fc.'] }); // torchvision's weights
     */
    load(file: string, options?: LoadWeightsOptions): Promise<LoadStateDictResult>;
  }
}

async function save(this: Module, file: string): Promise<void> {
  const path = expectString('file', file);
  await writeFileAtomic(path, encodeSafetensors(await rawState(this.stateDict()), weightsMetadata(this.config)));
}

async function load(this: Module, file: string, options: LoadWeightsOptions = {}): Promise<LoadStateDictResult> {
  checkOptions('load', options, ['strict', 'prefix', 'ignore']);
  const { prefix = '', ignore = [], ...rest } = options;
  if (typeof prefix !== 'string') throw new OptionError(`prefix must be a string, got ${describe(prefix)}`);
  if (!Array.isArray(ignore)) throw new OptionError(`ignore must be an array of strings, got ${describe(ignore)}`);
  for (const [i, name] of ignore.entries()) expectString(`ignore[${i}]`, name);
  const { tensors } = await readRawSafetensors(expectString('file', file));
  const chosen = new Map<string, RawTensor>();
  for (const [name, raw] of tensors) {
    const own = name.slice(prefix.length);
    if (name.startsWith(prefix) && !ignore.some((start) => own.startsWith(start))) chosen.set(own, raw);
  }
  try {
    return tidy(() => this.loadStateDict(tensorState(chosen), rest));
  } catch (error) {
    if (error instanceof OptionError) throw error;
    throw new CheckpointError(`${file}: ${messageOf(error)}`, { cause: error });
  }
}

for (const [name, value] of Object.entries({ save, load }))
  Object.defineProperty(Module.prototype, name, { configurable: true, value });

/**
 * The tensors of a safetensors file by name, on the CPU, half precisions as float32; the caller disposes them.
 *
 * @throws {CheckpointError} a file that is missing, damaged or not safetensors, or holds a type that tensors do not have.
 * @example
 * const weights = await readSafetensors('resnet18.safetensors');
 * console.log(weights.get('fc.weight')?.shape); // [ 1000, 512 ]
 */
export async function readSafetensors(file: string): Promise<ReadonlyMap<string, Tensor>> {
  const { tensors } = await readRawSafetensors(expectString('file', file));
  try {
    return tensorState(tensors);
  } catch (error) {
    throw new CheckpointError(`${file}: ${messageOf(error)}`, { cause: error });
  }
}
