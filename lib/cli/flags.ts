/** Flags from declarations of options, and the options that their values say: an option is declared once, where it acts. */
import { OptionError } from '../errors.ts';
import type * as Declared from '../options/option.ts';
import { rampAt } from '../options/ramp.ts';
import type { OptionSpec, OptionTable } from './command.ts';
import { flagOf } from './options.ts';

/** Tables by the name that chooses one: the losses, the encoders. */
export type Variants = Readonly<Record<string, Declared.OptionTable>>;

type Values = Readonly<Record<string, unknown>>;

const nameWithin = (group: string, name: string): string => `${group}${name.charAt(0).toUpperCase()}${name.slice(1)}`;

/** Without the default, so that it is known whether a flag was typed; whoever takes the options fills it in. */
function flagsOfOption(name: string, option: Declared.Option): [string, OptionSpec][] {
  if (option.type === 'group')
    return Object.entries(option.options).flatMap(([inner, of]) => flagsOfOption(nameWithin(name, inner), of));
  if (option.help === undefined || option.type === 'checked') return [];
  const { default: usual, required: _, help, ...rest } = option;
  const shown = typeof usual === 'object' ? rampAt(usual, 0) : usual;
  const flag = { ...rest, help: shown === undefined || shown === false ? help : `${help}; default ${shown}` };
  switch (flag.type) {
    case 'boolean': // a switch can only say yes
      return usual === true ? [] : [[name, { type: 'boolean', help }]];
    case 'string':
      return [[name, { value: 'NAME', ...flag }]];
    case 'number':
      return [[name, { value: 'N', ...flag }]];
    case 'ramp': {
      const number = { value: 'N', ...flag, type: 'number' } as const;
      return [
        [name, number],
        [`${name}End`, { ...number, help: 'that it reaches at the end, along half a cosine' }],
      ];
    }
  }
}

/** A flag for each number, word and switch that has a line of help; those of a group have its name before theirs. */
export function flagsOf(declared: Declared.OptionTable): OptionTable {
  return Object.fromEntries(Object.entries(declared).flatMap(([name, option]) => flagsOfOption(name, option)));
}

/** The flags of all variants, each with the names of those that have it where others have not. */
export function flagsOfVariants(variants: Variants): OptionTable {
  const owners = new Map<string, [owner: string, flag: OptionSpec][]>();
  for (const [owner, declared] of Object.entries(variants))
    for (const [name, flag] of Object.entries(flagsOf(declared)))
      owners.set(name, [...(owners.get(name) ?? []), [owner, flag]]);
  const isEverybodys = (all: readonly unknown[]): boolean => all.length === Object.keys(variants).length;
  return Object.fromEntries(
    [...owners].map(([name, all]) => {
      const [[, first]] = all as [[string, OptionSpec]];
      const texts = new Set(all.map(([, { help }]) => help));
      const help =
        texts.size === 1 && isEverybodys(all)
          ? first.help
          : [...texts]
              .map((text) => [all.filter(([, flag]) => flag.help === text).map(([owner]) => owner), text] as const)
              .map(([names, text]) => `of ${names.join(', ')}: ${text}`)
              .join('; ');
      return [name, { ...first, help }];
    }),
  );
}

/**
 * Refuses a flag that was typed and is not one of the chosen variant's.
 * @param chooser the flag that chose it, without dashes.
 */
export function refuseOthers(given: ReadonlySet<string>, variants: Variants, chosen: string, chooser: string): void {
  const own = new Set(Object.keys(flagsOf(variants[chosen] ?? {})));
  for (const [owner, declared] of Object.entries(variants))
    for (const name of Object.keys(flagsOf(declared)))
      if (given.has(name) && !own.has(name))
        throw new OptionError(`--${flagOf(name)} belongs to --${chooser} ${owner}, got --${chooser} ${chosen}`);
}

function givenValue(name: string, option: Declared.Option, values: Values): unknown {
  if (option.type === 'group') {
    const inner = optionsFrom(values, option.options, (of) => nameWithin(name, of));
    return Object.keys(inner).length === 0 ? undefined : inner;
  }
  const { [name]: value, [`${name}End`]: end } = values;
  if (option.type === 'boolean') return value || undefined;
  if (option.type !== 'ramp' || end === undefined) return value;
  return { from: value ?? option.default, to: end, schedule: 'cosine' };
}

/** The options that flags gave, as plain data; what was not typed is left out. */
export function optionsFrom(
  values: Values,
  declared: Declared.OptionTable,
  nameOf: (option: string) => string = (option) => option,
): Record<string, unknown> {
  const given = Object.entries(declared).map(
    ([name, option]) => [name, givenValue(nameOf(name), option, values)] as const,
  );
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}
