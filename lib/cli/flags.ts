/** Flags from declarations of options, and the options that their values say: an option is declared once, where it acts. */
import { OptionError } from '../errors.ts';
import { isObject } from '../files/strict-json.ts';
import type * as Declared from '../options/option.ts';
import { type Ramp, rampAt } from '../options/ramp.ts';
import type { OptionSpec, OptionTable } from './command.ts';
import { flag } from './flag.ts';
import { flagOf } from './options.ts';

/** Tables by the name that chooses one: the losses, the encoders. */
export type Variants = Readonly<Record<string, Declared.OptionTable>>;

type Values = Readonly<Record<string, unknown>>;

/** `hardNegatives` and `classPrior`: `hardNegativesClassPrior`. */
const flagName = (group: string, name: string, { flag }: Declared.Option): string =>
  flag ?? (group === '' ? name : `${group}${name.charAt(0).toUpperCase()}${name.slice(1)}`);

interface Derived {
  readonly name: string;
  /** Without the default, so that it is known whether the flag was typed; whoever takes the options fills it in. */
  readonly flag: OptionSpec;
  /** The default, in words. */
  readonly usual: string | undefined;
}

function usualOf({ usual, default: value }: Declared.Option): string | undefined {
  if (usual !== undefined || value === undefined || value === false) return usual;
  return String(typeof value === 'object' ? rampAt(value as Ramp, 0) : value);
}

/** A ramp ends where its default does; a constant stays. */
const usualEndOf = ({ default: value }: Declared.RampOption): string =>
  typeof value === 'object' ? String(value.to) : 'the same';

function derive(name: string, option: Declared.Option): Derived[] {
  if (option.type === 'group')
    return derivedFrom(option.options, name).map((of) =>
      option.default === undefined ? { ...of, usual: undefined } : of,
    );
  if (option.help === undefined || option.type === 'checked') return [];
  if (option.type === 'boolean' && option.default === true) return []; // a switch can only say yes
  const { default: _, required: __, usual: ___, ...rest } = option;
  const made = { name, flag: flag(rest) as OptionSpec, usual: usualOf(option) };
  if (option.type !== 'ramp') return [made];
  const end = { ...made.flag, help: 'that it reaches at the end, along half a cosine' };
  return [made, { name: `${name}End`, flag: end, usual: usualEndOf(option) }];
}

const derivedFrom = (declared: Declared.OptionTable, group = ''): Derived[] =>
  Object.entries(declared).flatMap(([name, option]) => derive(flagName(group, name, option), option));

/** A flag for each number, word and switch that has a line of help; those of a group have its name before theirs. */
export const flagsOf = (declared: Declared.OptionTable): OptionTable => flagsOfVariants({ '': declared });

type Owned = Derived & { readonly owner: string };

/** The flags of all variants, each with the names of those that have it, its meanings and defaults, where they differ. */
export function flagsOfVariants(variants: Variants): OptionTable {
  const found = new Map<string, Owned[]>();
  for (const [owner, declared] of Object.entries(variants))
    for (const derived of derivedFrom(declared))
      found.set(derived.name, [...(found.get(derived.name) ?? []), { ...derived, owner }]);
  const count = Object.keys(variants).length;
  return Object.fromEntries(
    [...found].map(([name, all]) => {
      const { flag } = all[0] as Derived;
      return [name, { ...flag, help: `${meaningsOf(all, count)}${defaultsOf(all)}` }];
    }),
  );
}

const ownersOf = (all: readonly Owned[]): string => all.map(({ owner }) => owner).join(', ');

/** 'of vit-s-16: length of its tokens', and so on for each line of help; without names where all have the same. */
function meaningsOf(all: readonly Owned[], count: number): string {
  const meanings = [...new Set(all.map(({ flag }) => flag.help))].map((help) => {
    const owners = all.filter(({ flag }) => flag.help === help);
    return owners.length === count ? help : `of ${ownersOf(owners)}: ${help}`;
  });
  return meanings.join('; ');
}

/** '; default 0.1', or '; default 0.08 of simclr, byol, 0.2 of supcon'. */
function defaultsOf(all: readonly Owned[]): string {
  const usual = [...new Set(all.map((derived) => derived.usual))].filter((text) => text !== undefined);
  if (usual.length === 0) return '';
  if (usual.length === 1 && all.every((derived) => derived.usual === usual[0])) return `; default ${usual[0]}`;
  const owners = (text: string): string => ownersOf(all.filter((derived) => derived.usual === text));
  return `; default ${usual.map((text) => `${text} of ${owners(text)}`).join('; ')}`;
}

/**
 * Refuses a flag that was typed and is not one of the chosen variant's.
 * @param chooser the flag that chose it, without dashes.
 */
export function refuseOthers(given: ReadonlySet<string>, variants: Variants, chosen: string, chooser: string): void {
  const namesOf = new Map(Object.entries(variants).map(([owner, declared]) => [owner, Object.keys(flagsOf(declared))]));
  for (const name of new Set([...namesOf.values()].flat())) {
    const owners = [...namesOf].filter(([, names]) => names.includes(name)).map(([owner]) => owner);
    if (given.has(name) && !owners.includes(chosen))
      throw new OptionError(
        `--${flagOf(name)} belongs to --${chooser} ${owners.join(' or ')}, got --${chooser} ${chosen}`,
      );
  }
}

function givenValue(name: string, option: Declared.Option, values: Values, base: unknown): unknown {
  if (option.type === 'group') {
    const inner = optionsFrom(values, option.options, isObject(base) ? base : {}, name);
    return Object.keys(inner).length === 0 ? undefined : inner;
  }
  const { [name]: value, [`${name}End`]: end } = values;
  if (option.type === 'boolean') return value || undefined;
  const usual = base ?? option.default;
  if (option.type !== 'ramp' || (end === undefined && (value === undefined || !isObject(usual)))) return value;
  const before = isObject(usual) ? usual : { from: usual, schedule: 'cosine' };
  const ramp = { ...before, ...(value !== undefined && { from: value }), ...(end !== undefined && { to: end }) };
  return ramp.from === ramp.to ? ramp.from : ramp;
}

/**
 * The options that flags gave, as plain data; what was not typed is left out.
 * @param base the options that they come on top of: of a ramp, what was not typed is that of theirs, or of its default.
 */
export function optionsFrom(
  values: Values,
  declared: Declared.OptionTable,
  base: Values = {},
  group = '',
): Record<string, unknown> {
  const given = Object.entries(declared).map(
    ([name, option]) => [name, givenValue(flagName(group, name, option), option, values, base[name])] as const,
  );
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}
