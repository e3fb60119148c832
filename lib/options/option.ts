/**
 * The declaration of an option: its type, range, default and line of help, written once. The type of what users give, the
 * check, a flag of the command and a row in the docs all come from it.
 */

import type { NumberRange } from '../validate.ts';
import type { Ramp } from './ramp.ts';

interface Common {
  /** One line, for a flag and for the docs. Units are part of it. */
  readonly help?: string;
  /** The page of the docs, and its heading, that says more. */
  readonly guide?: string;
  /** What stands for the value in help and docs: `PIXELS`, `NAME[:PATH]`. */
  readonly value?: string;
  /** Its name on the command line, where it is another one there. */
  readonly flag?: string;
  /** What leaving it out means, in words, where that is no constant: `as many as the CPU has cores`. */
  readonly usual?: string;
  /** There is no default: it must be given. */
  readonly required?: true;
  /** For the commands of the package: left out where a message lists what is known. */
  readonly isInternal?: true;
}

export interface NumberOption extends Common, NumberRange {
  readonly type: 'number';
  readonly default?: number;
}

/** A number, or what it changes along over a training. */
export interface RampOption extends Common, NumberRange {
  readonly type: 'ramp';
  readonly default?: number | Ramp;
}

export interface StringOption extends Common {
  readonly type: 'string';
  readonly choices?: readonly string[];
  readonly default?: string;
}

export interface BooleanOption extends Common {
  readonly type: 'boolean';
  readonly default?: boolean;
  /** Of one that is true by default: the line of help of `--no-NAME`, a flag that makes it false. */
  readonly off?: string;
}

/** Options of its own, by name. */
export interface GroupOption extends Common {
  readonly type: 'group';
  readonly options: OptionTable;
  readonly default?: object;
}

/** Anything else: a tensor, a range, a function. */
export interface CheckedOption extends Common {
  readonly type: 'checked';
  /**
   * Returns what is computed with. The declared type of `value` is what users may give; what comes is of any type.
   * @throws {OptionError} a message that begins with `name`.
   */
  readonly check: (name: string, value: never) => unknown;
  /** Goes through the check, as a value that was given does. */
  readonly default?: unknown;
}

export type Option = NumberOption | RampOption | StringOption | BooleanOption | GroupOption | CheckedOption;

/**
 * Options by their camelCase names, declared `as const satisfies OptionTable`; the comment over each is the one that
 * editors show to users.
 */
export type OptionTable = Readonly<Record<string, Option>>;

type Certain = { readonly required: true } | { readonly default: unknown };
type CertainNames<T> = { [K in keyof T]: T[K] extends Certain ? K : never }[keyof T];
type RequiredNames<T> = { [K in keyof T]: T[K] extends { readonly required: true } ? K : never }[keyof T];

type Choice<O> = O extends { readonly choices: readonly (infer C extends string)[] } ? C : string;
type Plain<O> = O extends StringOption
  ? Choice<O>
  : O extends NumberOption
    ? number
    : O extends RampOption
      ? number | Ramp
      : boolean;
type Check<O> = O extends { readonly check: infer C extends (name: string, value: never) => unknown } ? C : never;

type Given<O> = O extends CheckedOption
  ? Parameters<Check<O>>[1]
  : O extends GroupOption
    ? OptionsOf<O['options']>
    : Plain<O>;
type Resolved<O> = O extends CheckedOption
  ? ReturnType<Check<O>>
  : O extends GroupOption
    ? ResolvedOf<O['options']>
    : Plain<O>;

/** What users give: all of it may be left out but for what is required. */
export type OptionsOf<T extends OptionTable> = {
  readonly [K in keyof Pick<T, RequiredNames<T>>]: Given<T[K]>;
} & { readonly [K in keyof Omit<T, RequiredNames<T>>]?: Given<T[K]> | undefined };

/** What `resolveOptions` makes of it: undefined only where an option was left out and has no default. */
export type ResolvedOf<T extends OptionTable> = {
  readonly [K in keyof Pick<T, CertainNames<T>>]: Resolved<T[K]>;
} & { readonly [K in keyof Omit<T, CertainNames<T>>]?: Resolved<T[K]> | undefined };

type Variants = Readonly<Record<string, OptionTable>>;

/** The names of the tables in which nothing is required. */
type NameOf<V extends Variants> = {
  [N in keyof V & string]: [RequiredNames<V[N]>] extends [never] ? N : never;
}[keyof V & string];

/** A choice among several tables: `{ name: 'sgd', lr: 0.05 }`, or a name for its defaults. */
export type VariantOf<V extends Variants> =
  | NameOf<V>
  | { [N in keyof V & string]: { readonly name: N } & OptionsOf<V[N]> }[keyof V & string];

/** What `resolveVariant` makes of it. */
export type ResolvedVariantOf<V extends Variants> = {
  [N in keyof V & string]: { readonly name: N } & ResolvedOf<V[N]>;
}[keyof V & string];
