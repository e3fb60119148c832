/** What a command of the `contrastive` program is: a table of typed options, a help text and a function. */
import type * as Declared from '../options/option.ts';
import type { Output } from './output.ts';

interface FlagBase {
  /** One line; the default is added to it. Units are part of it. */
  readonly help: string;
  /** One letter, for `-o`. */
  readonly short?: string;
  /** The heading that it stands under in the help. Those without one come first. */
  readonly group?: string;
}

type FlagWithValue = FlagBase & { readonly value: string };

/**
 * A declared option that a command line can say. A switch that is absent is false. Of words, `synonyms` are taken for a choice,
 * and `completions` are what a shell offers where there are no choices, as others may be typed too.
 */
export type OptionSpec =
  | (Declared.StringOption &
      FlagWithValue & {
        readonly synonyms?: Readonly<Record<string, string>>;
        readonly completions?: readonly string[];
      })
  | (Declared.NumberOption & FlagWithValue)
  | (Declared.BooleanOption & FlagBase & { readonly default?: false });

/** Options by their camelCase name; `batchSize` is `--batch-size` on the command line. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** The same options, under a heading of their own in the help. */
export const inGroup = <const O extends OptionTable>(group: string, options: O): O =>
  Object.fromEntries(Object.entries(options).map(([name, spec]) => [name, { ...spec, group }])) as unknown as O;

/** The parsed options: `undefined` is possible where there is neither a default nor `required: true`. */
export type OptionValues<O extends OptionTable> = Declared.ResolvedOf<{
  [K in keyof O]: O[K] extends Declared.BooleanOption ? O[K] & { readonly default: false } : O[K];
}>;

export interface CommandContext<O extends OptionTable = OptionTable> {
  readonly options: OptionValues<O>;
  /** Names of the options that were typed; the others have their defaults. */
  readonly given: ReadonlySet<string>;
  readonly positionals: readonly string[];
  /** Fires on the first Ctrl-C (SIGINT) or SIGTERM; the command stops at the next safe point and throws an AbortError. */
  readonly signal: AbortSignal;
  /** Text for people, records for machines (`--json`), a live line. */
  readonly output: Output;
  /** All of the program's. */
  readonly commands: CommandLoaders;
}

/** Commands by name, each loaded when it is asked for. */
export type CommandLoaders = Readonly<Record<string, () => Promise<{ command: Command }>>>;

export interface Command<O extends OptionTable = OptionTable> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Options that words without a flag stand for, in their order: `eval runs/a` is `eval --run runs/a`. */
  readonly places?: readonly string[];
  /** What follows the command's name in the usage line, beside those: `install|path|use DIR`. */
  readonly positionals?: string;
  /** Most positional arguments that the command takes beside its places; 0 when left out. */
  readonly maxPositionals?: number;
  /** Paragraphs that teach: what it does, what it reads and writes, in which units. */
  readonly help: string;
  readonly examples: readonly { readonly run: string; readonly explains: string }[];
  readonly options: O;
  /** Whether the processes of a launcher, such as torchrun, run it together. */
  readonly takesSeveral?: boolean;
  /**
   * Flags that are declared elsewhere, such as the losses' options; `optionsFrom` reads their values.
   * @param argv what was typed: a file that it names may declare more.
   */
  readonly derived?: (argv: readonly string[]) => OptionTable | Promise<OptionTable>;
  /** Throws for failure (exit code 1); an OptionError counts as wrong usage (exit code 2). */
  run(context: CommandContext<O>): Promise<void>;
}

/** Gives `run` its option types; the value is the same object. */
export function defineCommand<const O extends OptionTable>(
  command: Command<O> & { readonly places?: readonly (keyof O & string)[] },
): Command<O> {
  return command;
}
