/** Data sets by name. A data set's file adds it. */
import { resolve } from 'node:path';
import { OptionError } from '../errors.ts';
import { countOption } from '../options/kinds.ts';
import type { OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { expectOneOf, expectString } from '../validate.ts';
import type { DataOrigin, Dataset } from './dataset.ts';

/** The input that a data set is usually trained with. */
export interface DatasetInput {
  /** Side in pixels. */
  readonly size: number;
  /** Of pixels scaled to 0 … 1; one number where the images are gray. */
  readonly mean: number | readonly number[];
  readonly std: number | readonly number[];
}

export interface DatasetDefinition<T extends OptionTable, D extends Dataset> {
  readonly name: string;
  readonly input: DatasetInput;
  /** What `--data` takes, and which images these are. */
  readonly help: readonly (readonly [value: string, images: string])[];
  readonly options: T;
  readonly load: (options: ResolvedOf<T>, where: string) => Promise<D>;
}

function folderOf(name: string, value: string): string {
  if (value === undefined) throw new OptionError(`${name} must be the folder that holds the files`);
  return expectString(name, value);
}

/** The folder of the files, where a data set has no place of its own. */
export const rootOption = { type: 'checked', required: true, check: folderOf } as const;

/** What most data sets take. */
export const datasetOptions = {
  /** Folder of the files. */
  root: rootOption,
  /** Default 'train'. */
  split: { type: 'string', choices: ['train', 'test'], default: 'train' },
  /** Keeps this many samples: the first ones. */
  limit: countOption,
} as const satisfies OptionTable;

const definitions = new Map<string, DatasetDefinition<OptionTable, Dataset>>();

/** Adds a data set under a new name. */
export function defineDataset<const T extends OptionTable, D extends Dataset>(
  definition: DatasetDefinition<T, D>,
): DatasetDefinition<T, D> {
  definitions.set(definition.name, definition as unknown as DatasetDefinition<OptionTable, Dataset>);
  return definition;
}

export const datasetNames = (): readonly string[] => [...definitions.keys()];

/** @throws {OptionError} a name that nobody knows. */
export const datasetOf = (name: string, where = 'dataset'): DatasetDefinition<OptionTable, Dataset> =>
  definitions.get(expectOneOf(where, name, datasetNames())) as DatasetDefinition<OptionTable, Dataset>;

/** `loadDataset` of any name. @throws {OptionError} an unknown name or option, or a wrong value; {DataError} as the data set. */
export async function load(name: string, given: object): Promise<Dataset> {
  const { options, load } = datasetOf(name);
  const where = `loadDataset('${name}')`;
  const resolved = resolveOptions(where, options, given, `${where}: `);
  return { ...(await load(resolved, where)), origin: originOf(name, resolved) };
}

function originOf(name: string, options: Readonly<Record<string, unknown>>): DataOrigin {
  const { root, subset, limit, split, onError } = options as {
    readonly [option in 'root' | 'subset' | 'split' | 'onError']?: string;
  } & { readonly limit?: number };
  return {
    name,
    path: root === undefined ? (subset ?? null) : resolve(root),
    limit: limit ?? null,
    ...(split !== undefined && split !== 'train' && { split }),
    ...(onError === 'skip' && { skipDamaged: true }),
  };
}
