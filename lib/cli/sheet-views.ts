/** Which pipeline draws each view of a contact sheet: a preset, or a file. */
import { readFile } from 'node:fs/promises';
import { type Augmentation, type AugmentData, augment } from '../augment/augment.ts';
import { type PresetName, presets, presetViews } from '../augment/presets.ts';
import type { Transform } from '../augment/transform.ts';
import { DataError, messageOf, OptionError } from '../errors.ts';
import { isObject, parseStrictJson } from '../files/strict-json.ts';

export const presetNames = Object.keys(presets) as PresetName[];

/** Presets that make one augmentation a view. */
export const namesOfOwnViews = (): PresetName[] =>
  presetNames.filter((name) => Array.isArray(presetViews(name, { size: 224 })));

/** @throws {DataError} a file that is missing or not JSON. @throws {OptionError} no pipeline, or one that is refused. */
export async function readPipeline(file: string): Promise<Augmentation | Augmentation[]> {
  let data: unknown;
  try {
    data = parseStrictJson(await readFile(file, 'utf8'), 64);
  } catch (error) {
    throw new DataError(`${file}: cannot be read as JSON: ${messageOf(error)}`, { cause: error });
  }
  if (isObject(data) && Array.isArray(data.augment)) data = data.augment; // a run's config
  const isList = Array.isArray(data) && data.length > 0 && data.every((view) => isObject(view) && 'transforms' in view);
  try {
    return isList ? (data as AugmentData[]).map((view) => augment(view)) : augment(data as Transform[]);
  } catch (error) {
    throw new OptionError(`${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** One augmentation a column. */
export function viewsOf(
  augmentation: Augmentation | Augmentation[],
  views: number | undefined,
  what: string,
): readonly Augmentation[] {
  if (!Array.isArray(augmentation)) return new Array<Augmentation>(views ?? 8).fill(augmentation);
  if (views !== undefined && views !== augmentation.length)
    throw new OptionError(`--views must be ${augmentation.length}, or left out: ${what} has views of its own`);
  return augmentation;
}
