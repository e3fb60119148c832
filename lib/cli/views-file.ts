/** `--augment FILE`: views of one's own, as JSON. */
import { readFile } from 'node:fs/promises';
import { type Augmentation, type AugmentData, augment } from '../augment/augment.ts';
import { presetVariants } from '../augment/presets.ts';
import type { Transform } from '../augment/transform.ts';
import { DataError, messageOf, OptionError } from '../errors.ts';
import { isObject, parseStrictJson } from '../files/strict-json.ts';
import { json } from '../train/config-of.ts';
import type { PartialConfig } from './config-file.ts';
import { flagsOfVariants } from './flags.ts';
import { flagOf } from './options.ts';
import { sideOf } from './training.ts';
import { aChannel } from './training-spec.ts';

/** What else would say what the views are. */
export const viewFlags: readonly string[] = ['size', 'preset', ...Object.keys(flagsOfVariants(presetVariants))];

type Views = readonly [Augmentation, ...Augmentation[]];

/**
 * The views of a training: a list of pipelines, or one, of which it makes two.
 * @throws {DataError} a file that is missing or not JSON. @throws {OptionError} no pipeline, or one that is refused.
 */
export async function readViews(file: string): Promise<Views> {
  let data: unknown;
  try {
    data = parseStrictJson(await readFile(file, 'utf8'), 64);
  } catch (error) {
    throw new DataError(`${file}: cannot be read as JSON: ${messageOf(error)}`, { cause: error });
  }
  const isList = Array.isArray(data) && data.length > 0 && data.every((view) => isObject(view) && 'transforms' in view);
  try {
    if (isList) return (data as AugmentData[]).map((view) => augment(view)) as unknown as Views;
    const view = augment(data as Transform[]);
    return [view, view];
  } catch (error) {
    throw new OptionError(`${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** The shorter side that images need for these views, in pixels; undefined where it does not matter. */
export function sideForViews(views: Views): number | undefined {
  const input = inputOf(views);
  return input && sideOf({ augment: views.map((view) => json(view)), input });
}

/** The side and the normalisation of what views give; undefined where none of their steps sets a size. */
function inputOf([{ transforms }]: Views): PartialConfig['input'] {
  const size = transforms.flatMap((step) => ('size' in step ? [step.size] : [])).at(-1);
  const side = Array.isArray(size) && size[0] === size[1] ? size[0] : size;
  if (typeof side !== 'number') return undefined;
  const { mean = 0, std = 1 } = transforms.findLast((step) => step.kind === 'normalize') ?? {};
  return { size: side, channels: 3, mean: aChannel(mean), std: aChannel(std) };
}

/**
 * The views of a training and their input, in the place of those of `config`.
 * @throws {OptionError} as readViews; views of no fixed square size, or another option that says what they are.
 */
export async function withViews(
  config: PartialConfig | undefined,
  file: string,
  given: ReadonlySet<string>,
): Promise<PartialConfig> {
  const other = viewFlags.find((name) => given.has(name));
  if (other !== undefined)
    throw new OptionError(`--${flagOf(other)} does not go with --augment, which says what the views are`);
  const views = await readViews(file);
  const input = inputOf(views);
  if (input === undefined)
    throw new OptionError(`${file}: views must come to a square of a fixed size, as by randomResizedCrop`);
  const { preset: _, ...others } = config ?? {};
  return { ...others, augment: views.map((view) => json(view)), input };
}
