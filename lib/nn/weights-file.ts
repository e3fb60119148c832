/** Weights as safetensors files, under PyTorch's names. */
import { CheckpointError, messageOf, OptionError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import { encodeSafetensors, type RawTensor, readRawSafetensors } from '../files/safetensors.ts';
import { rawState, tensorState } from '../tensor/raw-tensors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectString } from '../validate.ts';
import type { ModuleConfig } from './module.ts';
import type { LoadStateDictOptions } from './state-dict.ts';

export interface LoadWeightsOptions extends LoadStateDictOptions {
  /** Takes the tensors whose name begins with it, without it: 'encoder.' of a run's model.safetensors. Default: all. */
  readonly prefix?: string;
  /** Passes over tensors whose name, without `prefix`, begins with one of these: ['fc.'], torchvision's classifier. */
  readonly ignore?: readonly string[];
}

/** Of a file's header: the marker of PyTorch's tensors, for which torchvision's loaders look, and what makes the module again. */
export const weightsMetadata = (config: ModuleConfig | undefined): Record<string, string> => ({
  format: 'pt',
  ...(config && { module: JSON.stringify(config) }),
});

/** `Module.save` of these tensors. */
export async function writeWeights(
  file: string,
  state: ReadonlyMap<string, Tensor>,
  config: ModuleConfig | undefined,
): Promise<void> {
  const path = expectString('file', file);
  await writeFileAtomic(path, encodeSafetensors(await rawState(state), weightsMetadata(config)));
}

/** The tensors of a file that `Module.load` takes with these options. */
export async function readWeights(
  file: string,
  options: LoadWeightsOptions,
): Promise<{ readonly weights: ReadonlyMap<string, RawTensor>; readonly options: LoadStateDictOptions }> {
  checkOptions('load', options, ['strict', 'prefix', 'ignore']);
  const { prefix = '', ignore = [], ...rest } = options;
  if (typeof prefix !== 'string') throw new OptionError(`prefix must be a string, got ${describe(prefix)}`);
  if (!Array.isArray(ignore)) throw new OptionError(`ignore must be an array of strings, got ${describe(ignore)}`);
  for (const [i, name] of ignore.entries()) expectString(`ignore[${i}]`, name);
  const { tensors } = await readRawSafetensors(expectString('file', file));
  const weights = new Map<string, RawTensor>();
  for (const [name, raw] of tensors) {
    const own = name.slice(prefix.length);
    if (name.startsWith(prefix) && !ignore.some((start) => own.startsWith(start))) weights.set(own, raw);
  }
  return { weights, options: rest };
}

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
