/** From what users give to options that are checked and complete, by their declaration. */
import { OptionError } from '../errors.ts';
import { describe, expectBoolean, expectNumber, expectOneOf, expectString, isPlainObject } from '../validate.ts';
import { checkNames } from './names.ts';
import type { Option, OptionsOf, OptionTable, ResolvedOf, ResolvedVariantOf } from './option.ts';
import { expectRamp } from './ramp.ts';

/** A check that leaves the value to whoever takes it, who knows more. */
export const asGiven = <T>(_name: string, value: T): T => value;

function resolveValue(name: string, option: Option, value: unknown): unknown {
  switch (option.type) {
    case 'number':
      return expectNumber(name, value, option);
    case 'string':
      return option.choices === undefined ? expectString(name, value) : expectOneOf(name, value, option.choices);
    case 'boolean':
      return expectBoolean(name, value);
    case 'ramp':
      return expectRamp(name, value, option);
    case 'group':
      return resolveOptions(name, option.options, value as object, `${name}.`);
    case 'checked':
      return option.check(name, value as never);
  }
}

/**
 * @param where whose options they are, for the message about an unknown one.
 * @param prefix of the names in the other messages: 'loss.' for loss.temperature.
 * @throws {OptionError} an unknown option, with the nearest known name; a required one that is missing; a wrong value.
 */
export function resolveOptions<const T extends OptionTable>(
  where: string,
  declared: T,
  given: OptionsOf<T> | object | undefined,
  prefix = '',
): ResolvedOf<T> {
  checkNames(where, given, Object.keys(declared), (name) => declared[name]?.isInternal !== true);
  const values = (given ?? {}) as Readonly<Record<string, unknown>>;
  const resolved = Object.entries(declared).map(([name, option]) => {
    const { [name]: value = option.default } = values;
    const isAbsent = value === undefined && option.required !== true;
    return [name, isAbsent ? undefined : resolveValue(`${prefix}${name}`, option, value)];
  });
  return Object.fromEntries(resolved) as ResolvedOf<T>;
}

/**
 * The options of the variant that `given.name` names, with that name; a string is the name, with the defaults.
 * @param shape what it must be, in the message where it is neither.
 * @throws {OptionError} as resolveOptions; neither a name nor an object, or an unknown name.
 */
export function resolveVariant<const V extends Readonly<Record<string, OptionTable>>>(
  where: string,
  variants: V,
  given: unknown,
  shape = 'a name or { name, … }',
): ResolvedVariantOf<V> {
  if (typeof given !== 'string' && !isPlainObject(given))
    throw new OptionError(`${where} must be ${shape}, got ${describe(given)}`);
  const { name, ...options } = typeof given === 'string' ? { name: given } : given;
  const known = expectOneOf(typeof given === 'string' ? where : `${where}.name`, name, Object.keys(variants));
  return { name: known, ...resolveOptions(where, variants[known] as OptionTable, options, `${where}.`) } as never;
}
