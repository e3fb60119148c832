/** From the command line to typed options, with errors that name the nearest known flag. */
import { parseArgs } from 'node:util';
import { OptionError } from '../errors.ts';
import { expectNumber, expectOneOf, type NumberRange, nearest } from '../validate.ts';
import type { OptionSpec, OptionTable } from './command.ts';

/** `batchSize` → `batch-size`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Options that every command takes. */
export const globalOptions = {
  help: { type: 'boolean', short: 'h', group: 'Every command', help: 'show the help of a command' },
  json: {
    type: 'boolean',
    group: 'Every command',
    help: 'for machines: one JSON object per line on stdout, no progress line',
  },
} as const satisfies OptionTable;

export interface ParsedArguments {
  readonly options: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Names of the options that were typed; the others have their defaults. */
  readonly given: ReadonlySet<string>;
  readonly positionals: readonly string[];
}

function numberOf(flag: string, text: string, range: NumberRange): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isNaN(value)) throw new OptionError(`--${flag} must be a number, got '${text}'`);
  return expectNumber(`--${flag}`, value, range);
}

function parseValue(flag: string, text: string, spec: OptionSpec): string | number | boolean {
  if (spec.type === 'number') return numberOf(flag, text, spec);
  if (text === '') throw new OptionError(`--${flag} must not be empty`); // an unset variable; as a path, the current folder
  if (spec.type !== 'string' || spec.choices === undefined) return text;
  return expectOneOf(`--${flag}`, spec.synonyms?.[text] ?? text, spec.choices);
}

interface ParseContext {
  /** The command, for messages. */
  readonly where: string;
  readonly places?: readonly string[] | undefined;
  readonly maxPositionals?: number | undefined;
}

/**
 * Parses `argv` by `table`. Defaults are filled in; `checkRequired` is for afterwards.
 * @throws {OptionError} unknown flag, missing or bad value, too many positional arguments.
 */
export function parseOptions(
  argv: readonly string[],
  table: OptionTable,
  { where, places = [], maxPositionals = 0 }: ParseContext,
): ParsedArguments {
  const byFlag = new Map(Object.entries(table).map(([name, spec]) => [flagOf(name), { name, spec }]));
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      [...byFlag].map(([flag, { spec }]) => [
        flag,
        { type: spec.type === 'boolean' ? 'boolean' : 'string', ...(spec.short && { short: spec.short }) } as const,
      ]),
    ),
  });

  const options: Record<string, string | number | boolean | undefined> = {};
  for (const [name, spec] of Object.entries(table)) options[name] = spec.type === 'boolean' ? false : spec.default;
  const given = new Set<string>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const known = byFlag.get(token.name);
    if (known === undefined) {
      const near = nearest(token.name, [...byFlag.keys()]);
      const hint = near === undefined ? `\`${where} --help\` lists the options` : `did you mean --${near}?`;
      throw new OptionError(`${where}: unknown option ${token.rawName}; ${hint}`);
    }
    const { name, spec } = known;
    given.add(name);
    if (spec.type === 'boolean') {
      if (token.inlineValue) throw new OptionError(`${where}: --${token.name} takes no value, got '${token.value}'`);
      options[name] = true;
    } else {
      // A value that looks like a flag is a forgotten value, unless it is a negative number or is written with '='.
      const forgotten = token.value === undefined || (!token.inlineValue && /^-\D/.test(token.value));
      if (forgotten) throw new OptionError(`${where}: --${token.name} needs a value (${spec.value})`);
      options[name] = parseValue(token.name, token.value as string, spec);
    }
  }
  for (const name of places.filter((place) => !given.has(place)).slice(0, positionals.length)) {
    options[name] = parseValue(flagOf(name), positionals.shift() as string, table[name] as OptionSpec);
    given.add(name);
  }
  if (positionals.length > maxPositionals)
    throw new OptionError(`${where}: does not know what ${positionals.map((word) => `'${word}'`).join(' ')} is for`);
  return { options, given, positionals };
}

/** What stands for the option `name` where it is typed by its place. */
export const placeOf = (name: string): string => flagOf(name).toUpperCase();

/** Refuses the absence of a required option. Apart from parsing, so that `--help` works without them. */
export function checkRequired(
  { where, places = [] }: ParseContext,
  table: OptionTable,
  options: ParsedArguments['options'],
): void {
  for (const [name, spec] of Object.entries(table))
    if (spec.type !== 'boolean' && spec.required && options[name] === undefined)
      throw new OptionError(
        places.includes(name)
          ? `${where}: ${placeOf(name)} is missing: ${spec.help}`
          : `${where}: --${flagOf(name)} ${spec.value} is required`,
      );
}
