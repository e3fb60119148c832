/** How the configs of runs differ, field by field. */
import type { RunConfig } from '../checkpoint/run-config.ts';
import { isObject } from '../files/strict-json.ts';

export interface ConfigField {
  /** 'optimizer.lr' */
  readonly name: string;
  /** Of each run; undefined where its config does not have the field. */
  readonly values: readonly (string | undefined)[];
  readonly differs: boolean;
}

/** What says which images there were, and how fast the machine was, and no choice of anyone's. */
const notChoices: readonly string[] = ['format', 'dataset', 'precisionSpeeds', 'recipe', 'classes'];

/** Fields of fields by dotted names; lists are one value. */
function flatten(value: unknown, name: string): [string, string][] {
  if (!isObject(value)) return [[name, typeof value === 'string' ? value : JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, inner]) => flatten(inner, name === '' ? key : `${name}.${key}`));
}

/** The fields of all configs: those that differ first, each part in the order of the configs. */
export function compareConfigs(configs: readonly RunConfig[]): ConfigField[] {
  const flat = configs.map((config) => {
    const choices = Object.entries(config).filter(([name]) => !notChoices.includes(name));
    return new Map(flatten(Object.fromEntries(choices), ''));
  });
  const names = [...new Set(flat.flatMap((fields) => [...fields.keys()]))];
  const fields = names.map((name) => {
    const values = flat.map((each) => each.get(name));
    return { name, values, differs: values.some((value) => value !== values[0]) };
  });
  return [...fields.filter(({ differs }) => differs), ...fields.filter(({ differs }) => !differs)];
}
