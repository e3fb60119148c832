/** Recipes: trainings as files, with where they are from. Those of the package are published ones. */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { JsonObject } from '../checkpoint/run-config.ts';
import { OptionError } from '../errors.ts';
import { packageRoot } from '../native/addon-path.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { describe, expectOneOf, expectString } from '../validate.ts';
import { type PartialConfig, readTraining } from './config-file.ts';

function sentences(name: string, value: readonly string[]): readonly string[] {
  if (!Array.isArray(value)) throw new OptionError(`${name} must be an array of strings, got ${describe(value)}`);
  return value.map((text, i) => expectString(`${name}[${i}]`, text));
}

const share = { type: 'number', min: 0, max: 1 } as const;

/** What a recipe says beside the training itself. */
const declared = {
  title: { type: 'string', required: true },
  /** The paper with its table, or the repository with its files. */
  source: { type: 'string', required: true },
  /** Published accuracies on test images, in [0, 1]; absent where there are none. */
  expected: { type: 'group', options: { knnTop1: share, linearTop1: share } },
  /** How this training differs from the published one, or what is measured from what was. */
  differs: { type: 'checked', check: sentences },
  /** What is not known for certain of the published one. */
  unsure: { type: 'checked', check: sentences },
} as const satisfies OptionTable;

export interface Recipe extends OptionsOf<typeof declared> {
  readonly name: string;
  /** What `train --config` would take. */
  readonly training: PartialConfig;
  /** All of the file, with the recipe's name. */
  readonly whole: JsonObject;
}

const folder = join(packageRoot, 'data/recipes');

/** Those of the package. */
export const recipeNames = (): readonly string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => basename(file, '.json'))
    .sort();

/**
 * @param text a name of recipeNames(), or the path of a file: with a slash or ending in .json.
 * @throws {OptionError} an unknown name; a field that no recipe has, or a wrong one of those that say where it is from.
 * @throws {CheckpointError} a file that cannot be read.
 */
export async function readRecipe(text: string): Promise<Recipe> {
  const isFile = /[\\/]|\.json$/.test(text);
  const name = isFile ? basename(text, '.json') : expectOneOf('recipe', text, recipeNames());
  const file = isFile ? text : join(folder, `${name}.json`);
  const names = Object.keys(declared);
  const all = Object.entries(await readTraining(file, names));
  const [about, training] = [true, false].map((isAbout) =>
    Object.fromEntries(all.filter(([field]) => names.includes(field) === isAbout)),
  ) as [OptionsOf<typeof declared>, PartialConfig];
  resolveOptions(file, declared, about, `${file}: `);
  return { ...about, name, training, whole: { name, ...about, ...training } as unknown as JsonObject };
}
