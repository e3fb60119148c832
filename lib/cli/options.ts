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
  help: { type: 'boolean', short: 'h', help: 'show the help of a command' },
  json: { type: 'boolean', help: 'for machines: one JSON object per line on stdout, no progress line' },
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
  if (spec.type === 'string' && spec.choices !== undefined) return expectOneOf(`--${flag}`, text, spec.choices);
  return text;
}

/**
 * Parses `argv` by `table`. Defaults are filled in; `checkRequired` is for afterwards.
 * @throws {OptionError} unknown flag, missing or bad value, too many positional arguments.
 */
export function parseOptions(
  argv: readonly string[],
  table: OptionTable,
  { where, maxPositionals = 0 }: { where: string; maxPositionals?: number },
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
  if (positionals.length > maxPositionals)
    throw new OptionError(
      maxPositionals === 0
        ? `${where}: takes no arguments without a flag, got '${positionals[0]}'`
        : `${where}: takes at most ${maxPositionals} arguments, got ${positionals.length}: ${positionals.join(' ')}`,
    );
  return { options, given, positionals };
}

/** Refuses the absence of a required option. Apart from parsing, so that `--help` works without them. */
export function checkRequired(where: string, table: OptionTable, options: ParsedArguments['options']): void {
  for (const [name, spec] of Object.entries(table))
    if (spec.type !== 'boolean' && spec.required && options[name] === undefined)
      throw new OptionError(`${where}: --${flagOf(name)} ${spec.value} is required`);
}
