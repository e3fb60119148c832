/** Weights in files: written as safetensors under PyTorch's names, and read from that or from a .pth, also under others' names. */
import { CheckpointError, messageOf, OptionError, StateError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import { encodeSafetensors, type RawTensor } from '../files/safetensors.ts';
import { type TensorFile, withTensorFile } from '../files/tensor-file.ts';
import type { StoredTensor } from '../files/torch-tensors.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { tidy } from '../tensor/modes.ts';
import { rawState, tensorState } from '../tensor/raw-tensors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { describe, expectString, expectText } from '../validate.ts';
import type { Module, ModuleConfig } from './module.ts';
import { checkShape, copyState, optionalName, quoted } from './state-dict.ts';
import { adaptWeight, takenShape, type WeightAdaptation, weightAdaptations } from './weight-adaptation.ts';
import { matchNames, type NameMatch, ownNameOf } from './weight-names.ts';

function expectNames(name: string, value: readonly string[]): readonly string[] {
  if (!Array.isArray(value)) throw new OptionError(`${name} must be an array of strings, got ${describe(value)}`);
  return value.map((start, i) => expectString(`${name}[${i}]`, start));
}

const loadOptions = {
  /**
   * Whether every tensor of the module must be in the file, and for no part of the module more than it has: what a ResNet-34 has
   * and a ResNet-18 has not. Parts that the module lacks, such as a classifier, are left out either way. Default true.
   */
  strict: { type: 'boolean', default: true },
  /** What stands before the module's names in the file, 'state_dict.encoder.'. Default: it is found. */
  prefix: { type: 'checked', check: expectText },
  /** Leaves out the tensors whose name in the file, without the prefix, begins with one of these: ['fc.']. */
  ignore: { type: 'checked', check: expectNames, default: [] },
} as const satisfies OptionTable;

export interface LoadWeightsOptions extends OptionsOf<typeof loadOptions> {}

/** What `Module.load` did. */
export interface LoadedWeights {
  /** What stood before the names in the file. */
  readonly prefix: string;
  /** Whose names they were, where they are not the module's: 'SupContrast'. */
  readonly naming?: string;
  /** Names of the module whose values come from the file. */
  readonly loaded: readonly string[];
  /** Names of the module that the file lacks. None with `strict`, but for counts of batches. */
  readonly missing: readonly string[];
  /** The other names of the file; of what is no tensor, with what would make it: 'opt (argparse.Namespace)'. */
  readonly leftOut: readonly string[];
  /**
   * The first convolution and the positions, where the module has other input channels, or another grid, than the file; weights of
   * batch normalisation, where that was computed with another ε.
   */
  readonly adapted: readonly WeightAdaptation[];
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

/** `Module.load`. */
export async function loadWeights(module: Module, file: string, options: LoadWeightsOptions): Promise<LoadedWeights> {
  const { strict, prefix, ignore } = resolveOptions('load', loadOptions, options);
  const path = expectString('file', file);
  const own = module.stateDict();
  return await withTensorFile(path, async (content) => {
    try {
      const found = onlyMatch(own, content, prefix);
      const names = new Map([...found.names].filter(([, name]) => !isIgnored(name, found, ignore)));
      const match = { ...found, names };
      if (strict) checkFit(own, content, match, ignore);
      return await copyTaken(module, content, match);
    } catch (error) {
      throw new CheckpointError(`${path}: ${messageOf(error)}`, { cause: error });
    }
  });
}

const isIgnored = (name: string, { prefix }: NameMatch, ignore: readonly string[]): boolean =>
  ignore.some((start) => name.startsWith(start, prefix.length));

/** @throws {StateError} the module lies nowhere in the file, or in several places. */
function onlyMatch(own: ReadonlyMap<string, Tensor>, { tensors }: TensorFile, prefix: string | undefined): NameMatch {
  const [match, ...others] = matchNames(new Set(own.keys()), tensors.keys(), prefix);
  if (match === undefined) {
    const where = prefix === undefined ? '' : ` under '${prefix}'`;
    throw new StateError(
      `holds none of the module's ${quoted([...own.keys()])}${where}, but ${quoted([...tensors.keys()])}`,
    );
  }
  if (others.length > 0)
    throw new StateError(
      `the module fits at ${quoted([match, ...others].map((one) => one.prefix))}: choose one as prefix`,
    );
  return match;
}

/** @throws {StateError} names that are missing, or left over in a part that the module has. */
function checkFit(
  own: ReadonlyMap<string, Tensor>,
  { tensors }: TensorFile,
  match: NameMatch,
  ignore: readonly string[],
): void {
  const { prefix, naming, names } = match;
  const at = prefix === '' ? '' : ` at '${prefix}'`;
  const missing = [...own.keys()].filter((name) => !names.has(name) && !optionalName.test(name));
  if (missing.length > 0) throw new StateError(`lacks ${quoted(missing)}${at}`);
  const partOf = (name: string): string => name.split('.', 1)[0] as string;
  const parts = new Set([...own.keys()].map(partOf));
  const unknown = [...tensors.keys()].filter((name) => {
    if (!name.startsWith(prefix) || isIgnored(name, match, ignore)) return false;
    const ownName = ownNameOf(name.slice(prefix.length), naming);
    return !own.has(ownName) && parts.has(partOf(ownName)) && !naming.classifier?.test(ownName);
  });
  if (unknown.length > 0) throw new StateError(`holds ${quoted(unknown)}, which the module has not`);
}

async function copyTaken(
  module: Module,
  { tensors, others }: TensorFile,
  { prefix, naming, names }: NameMatch,
): Promise<LoadedWeights> {
  const own = module.stateDict();
  const stored = new Map(
    [...names].map(([ownName, name]) => {
      const tensor = tensors.get(name) as StoredTensor;
      const shape = takenShape(own.get(ownName)?.shape ?? [], tensor.shape);
      return [ownName, { shape, read: async () => ({ ...(await tensor.read()), shape }) }] as const;
    }),
  );
  const adapted = weightAdaptations(module, stored, naming.epsilon);
  const isReshaped = new Set(adapted.flatMap(({ name, of }) => (of === 'epsilon' ? [] : [name])));
  for (const [name, { shape }] of stored) // before anything is read: a file does not decide about memory
    if (!isReshaped.has(name)) checkShape(name, own.get(name)?.shape ?? [], shape);
  const weights = new Map<string, RawTensor>();
  for (const [name, tensor] of stored) weights.set(name, await tensor.read());
  tidy(() => {
    const state = tensorState(weights);
    for (const adaptation of adapted) adaptWeight(state, adaptation);
    copyState(own, state, { strict: false });
  });
  const used = new Set(names.values());
  return {
    prefix,
    ...(naming.rules.length > 0 && { naming: naming.of }),
    loaded: [...own.keys()].filter((name) => names.has(name)),
    missing: [...own.keys()].filter((name) => !names.has(name)),
    leftOut: [...[...tensors.keys()].filter((name) => !used.has(name)), ...others],
    adapted,
  };
}

/** A report of `Module.load` in a line or two, for people. */
export function describeLoaded({ prefix, naming, loaded, missing, leftOut, adapted }: LoadedWeights): string {
  const of = naming === undefined ? '' : `, names of ${naming}`;
  const at = prefix === '' ? '' : ` at '${prefix}'`;
  const changeOf = ({ of, from, to }: WeightAdaptation): string => `${of} ${from} to ${to}`;
  const changed = (change: string): string[] =>
    adapted.flatMap((each) => (changeOf(each) === change ? [each.name] : []));
  return [
    `${loaded.length} tensors${at}${of}`,
    ...[...new Set(adapted.map(changeOf))].map((change) => `${quoted(changed(change))} adapted: ${change}`),
    ...(missing.length > 0 ? [`missing ${quoted(missing)}`] : []),
    ...(leftOut.length > 0 ? [`left out ${quoted(leftOut)}`] : []),
  ].join('; ');
}

/**
 * The tensors of a file by name, on the CPU, half precisions as float32; the caller disposes them. Of safetensors, or of a .pth or
 * .pt that PyTorch's torch.save() wrote, of which only tensors are read and nothing is run; those in dicts and lists
 * have the keys and indices on the way in their names: 'state_dict.fc.weight'.
 *
 * @throws {CheckpointError} a file that is missing, damaged or of another format, or holds a type that tensors do not have.
 * @example
 * const weights = await readWeights('resnet18.safetensors');
 * console.log(weights.get('fc.weight')?.shape); // [ 1000, 512 ]
 */
export async function readWeights(file: string): Promise<ReadonlyMap<string, Tensor>> {
  const path = expectString('file', file);
  const raw = await withTensorFile(path, async ({ tensors }) => {
    const read = new Map<string, RawTensor>();
    for (const [name, stored] of tensors) read.set(name, await stored.read());
    return read;
  });
  try {
    return tensorState(raw);
  } catch (error) {
    throw new CheckpointError(`${path}: ${messageOf(error)}`, { cause: error });
  }
}
