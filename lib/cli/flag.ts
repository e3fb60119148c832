/** The flag of an option that a function of the package declares. */
import type * as Declared from '../options/option.ts';

/** What a command line can say. Of a ramp it is the number at its beginning. */
export type Typable = Declared.NumberOption | Declared.RampOption | Declared.StringOption | Declared.BooleanOption;

/** What a command has otherwise than the declaration. With `usual` it has no default, but one in words. */
interface Own {
  readonly help?: string;
  readonly value?: string;
  readonly usual?: string;
  readonly default?: number | string;
  readonly short?: string;
  readonly synonyms?: Readonly<Record<string, string>>;
}

type Left<O extends Typable, F extends Own> =
  | 'type'
  | 'usual'
  | 'flag'
  | 'off'
  | keyof F
  | (F extends { readonly usual: string } ? 'default' | 'required' : never)
  | (O extends { readonly default: true } ? 'default' : never);

/** The declaration, with what the command has otherwise. */
type Flag<O extends Typable, F extends Own> = Omit<O, Left<O, F>> &
  Omit<F, 'usual'> & {
    readonly type: O extends Declared.RampOption ? 'number' : O['type'];
    readonly help: string;
    readonly value: string;
  };

const placeholders = { number: { value: 'N' }, ramp: { value: 'N' }, string: { value: 'NAME' }, boolean: {} } as const;

/**
 * Type, range, choices, default and line of help are those of the declaration, but for `own`. A default in words ends the help.
 * A switch can only say yes: of an option that is true by default it is the one that makes it false, under a name that says so.
 * @example
 * const options = { k: flag(knnOptions.k), batchSize: flag(servingOptions.maxBatch, { default: 64 }) };
 */
export function flag<const O extends Typable, const F extends Own = Record<never, never>>(
  option: O,
  own?: F,
): Flag<O, F> {
  if (option.type === 'boolean' && option.default === true)
    return { type: 'boolean', help: option.off ?? '' } as object as Flag<O, F>;
  const { usual: declared, flag: _, default: fixed, required, ...rest } = option;
  const { usual = own?.default === undefined ? declared : undefined, ...others }: Own = own ?? {};
  const { help = '' } = { ...rest, ...own };
  const kept = own?.usual === undefined && {
    ...(fixed !== undefined && { default: fixed }),
    ...(required && { required }),
  };
  const flag: object = {
    ...{ ...placeholders[option.type], ...rest, ...kept, ...others },
    type: option.type === 'ramp' ? 'number' : option.type,
    help: usual === undefined ? help : `${help}; default ${usual}`,
  };
  return flag as Flag<O, F>;
}
