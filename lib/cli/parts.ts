/** The parts of a training that are chosen by name and have options of their own: its method, its encoder, its views. */
import type { JsonObject } from '../checkpoint/run-config.ts';
import type { OptionTable } from '../options/option.ts';
import { optionsFrom, refuseOthers, type Variants } from './flags.ts';

/** A part as plain data, as a run's config keeps it. */
export interface Part extends JsonObject {
  readonly name: string;
}

/** What was typed. */
export interface Typed {
  readonly options: Readonly<Record<string, unknown>>;
  /** The names of it; the other options have their defaults. */
  readonly given: ReadonlySet<string>;
}

/** `declared` with other defaults, for the help. */
export const withDefaults = (declared: OptionTable, defaults: JsonObject = {}): OptionTable =>
  Object.fromEntries(
    Object.entries(declared).map(([name, option]) => [
      name,
      name in defaults ? ({ ...option, default: defaults[name] } as typeof option) : option,
    ]),
  );

/** The name that was typed, else the config's, else `usual`. */
export function chosenName(chooser: string, { options, given }: Typed, config: unknown, usual: string): string {
  const [typed, own] = [options[chooser], config].map((name) => (typeof name === 'string' ? name : undefined));
  return (given.has(chooser) ? typed : own) ?? usual;
}

/**
 * A part: what was typed, on top of the options that a config has for the same name, else of what is usual for it.
 * @throws {OptionError} a flag that is of another name's options.
 */
export function partOf(
  chooser: string,
  variants: Variants,
  typed: Typed,
  { config, usual }: { readonly config: JsonObject | undefined; readonly usual: Part },
): Part {
  const { name } = usual;
  refuseOthers(typed.given, variants, name, chooser);
  const base = config?.name === name ? (config as Part) : usual;
  const own = Object.fromEntries(Object.entries(typed.options).filter(([option]) => typed.given.has(option)));
  return { ...base, ...optionsFrom(own, variants[name] ?? {}, base) } as Part;
}
