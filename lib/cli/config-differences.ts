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

/**
 * Fields of fields by dotted names. A list of transforms is their kinds in their order, and below it the fields of each by its
 * kind, or its place where a kind repeats. Of other lists of objects, as of views, equal ones are counted and stand once.
 */
function flatten(value: unknown, name: string): [string, string][] {
  if (isObject(value))
    return Object.entries(value).flatMap(([key, inner]) => flatten(inner, name === '' ? key : `${name}.${key}`));
  if (!Array.isArray(value) || value.length === 0 || !value.every(isObject))
    return [[name, typeof value === 'string' ? value : JSON.stringify(value)]];
  if (value.every(({ kind }) => typeof kind === 'string')) return flattenKinds(value, name);
  const areEqual = value.every((item) => JSON.stringify(item) === JSON.stringify(value[0]));
  const items = areEqual ? flatten(value[0], name) : value.flatMap((item, i) => flatten(item, `${name}.${i + 1}`));
  return [[`${name}.count`, String(value.length)], ...items];
}

function flattenKinds(list: readonly Readonly<Record<string, unknown>>[], name: string): [string, string][] {
  const kinds = list.map(({ kind }) => String(kind));
  const isNamed = new Set(kinds).size === kinds.length;
  const fields = list.flatMap(({ kind: _, ...rest }, i) => flatten(rest, `${name}.${isNamed ? kinds[i] : i + 1}`));
  return [[name, kinds.join(' → ')], ...fields];
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
