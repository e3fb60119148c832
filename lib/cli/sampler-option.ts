/** `--sampler NAME` and the flags of its options, which are declared with it. */
import { resolve } from 'node:path';
import type { JsonObject } from '../checkpoint/run-config.ts';
import { samplerOptions } from '../data/samplers/samplers.ts';
import { OptionError } from '../errors.ts';
import type { NumberOption, Option, OptionTable, StringOption } from '../options/option.ts';
import { flagsOfVariants, optionsFrom, refuseOthers } from './flags.ts';
import { flagOf } from './options.ts';

/** Those that a command line can say: a subset is a list. */
const names = ['class-balanced', 'weighted', 'distinct', 'hard-negatives'] as const;
type Name = (typeof names)[number];

/** Each with its options behind the word sampler: `samplerClasses`. */
const variants = Object.fromEntries(
  names.map((name) => [name, { sampler: { type: 'group', options: samplerOptions[name] } }]),
) as unknown as Readonly<Record<Name, OptionTable>>;

const flagNameOf = (option: string): string => `sampler${option.charAt(0).toUpperCase()}${option.slice(1)}`;

type NumberFlag = NumberOption & { readonly value: string; readonly help: string };
type StringFlag = StringOption & { readonly value: string; readonly help: string };

export const samplerFlags = {
  sampler: {
    type: 'string',
    value: 'NAME',
    choices: names,
    help: 'which images make a batch: class-balanced (some classes, equally many images of each), weighted (classes equally often), distinct (no two of a class), hard-negatives (near neighbours); default every image once an epoch',
  },
  ...(flagsOfVariants(variants) as {
    readonly samplerClasses: NumberFlag;
    readonly samplerPerClass: NumberFlag;
    readonly samplerNeighbours: NumberFlag;
    readonly samplerFile: StringFlag;
  }),
} as const;

/** What the flags say. */
export interface SamplerChoices {
  readonly sampler?: Name | undefined;
  readonly samplerFile?: string | undefined;
}

/** The flags that decide a sampler. */
export const samplerFlagNames = Object.keys(samplerFlags) as readonly (keyof typeof samplerFlags)[];

/** Refuses flags of a sampler that was not chosen, and a sampler without what it needs. @throws {OptionError} */
export function checkSamplerFlags(choices: SamplerChoices, given: ReadonlySet<string>): void {
  const { sampler } = choices;
  const typed = samplerFlagNames.find((name) => given.has(name));
  if (sampler === undefined && typed !== undefined) throw new OptionError(`--${flagOf(typed)} needs --sampler`);
  if (sampler === undefined) return;
  refuseOthers(given, variants, sampler, 'sampler');
  const config = samplerConfig(choices);
  for (const [option, { required }] of Object.entries<Option>(samplerOptions[sampler]))
    if (required && config?.[option] === undefined)
      throw new OptionError(`--sampler ${sampler} needs --${flagOf(flagNameOf(option))}`);
}

/** The sampler of a training's config; undefined where none was chosen. */
export function samplerConfig(choices: SamplerChoices): JsonObject | undefined {
  const { sampler, samplerFile } = choices;
  if (sampler === undefined) return undefined;
  const absolute = { ...choices, ...(samplerFile !== undefined && { samplerFile: resolve(samplerFile) }) };
  const { sampler: options } = optionsFrom(absolute, variants[sampler]) as { sampler?: JsonObject };
  return { name: sampler, ...options };
}

/** A config's sampler as flags, as far as they can say it. */
export function samplerChoices(config: JsonObject | undefined): Record<string, unknown> {
  const { name, ...options } = config ?? {};
  if (!names.includes(name as Name)) return {};
  const flags = Object.entries(options).map(([option, value]) => [flagNameOf(option), value] as const);
  return { sampler: name, ...Object.fromEntries(flags.filter(([flag]) => flag in samplerFlags)) };
}
