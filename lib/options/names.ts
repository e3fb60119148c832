import { OptionError } from '../errors.ts';
import { clip, describe, isPlainObject, nearest } from '../validate.ts';

const suggestion = (name: string, known: readonly string[]): string => {
  const near = nearest(name, known);
  return near === undefined ? `known: ${known.join(', ')}` : `did you mean '${near}'?`;
};

/**
 * Refuses options that are no plain object, or hold a name that `known` lacks: a part of `resolveOptions`, and by itself for
 * functions of tensors, whose values are checked natively.
 * @param isTold whether messages may tell of a name.
 * @throws {OptionError} with the nearest known name.
 */
export function checkNames(
  where: string,
  options: object | undefined,
  known: readonly string[],
  isTold: (name: string) => boolean = () => true,
): void {
  if (options === undefined) return;
  if (!isPlainObject(options))
    throw new OptionError(`${where}: options must be a plain object, got ${describe(options)}`);
  for (const name of Object.keys(options))
    if (!known.includes(name))
      throw new OptionError(`${where}: unknown option '${clip(name)}'; ${suggestion(name, known.filter(isTold))}`);
}
